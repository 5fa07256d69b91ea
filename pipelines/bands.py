"""Targets of more bands than three: which band is which, and bands of both sides coded as pictures."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import rasterio
from rasterio.enums import ColorInterp

from adaptation.checkpoint import check_bands
from adaptation.coding import BandCoding, fit_coding, pixel_widths
from adaptation.multiband import MultibandAdapter, composites
from pipelines.views import View
from rasters.capture import read_capture
from rasters.errors import InputError
from rasters.geotiff import open_raster
from rasters.layers import RGB

DEPTHS = ("uint8", "uint16", "int16")
INFRARED = "near_infrared"
CHECKED = 2000  # target images whose headers are looked at before the fit, at most
LOOKED_AT = 24  # images a side, at most, that the codings are fitted to
SENTINEL_2 = {
    "B1": "coastal", "B2": "blue", "B3": "green", "B4": "red", "B5": "red_edge_1", "B6": "red_edge_2",
    "B7": "red_edge_3", "B8": INFRARED, "B8A": "near_infrared_narrow", "B9": "water_vapour", "B10": "cirrus",
    "B11": "short_wave_1", "B12": "short_wave_2",
}  # fmt: skip
SENTINEL_2_ALONE = ("B8", "B8A", "B12")  # Landsat's B8 is a band of another pixel, and it has no more than 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """The bands that an adapter is of, red, green and blue first, as the captures have them.

    Attributes:
        names: Of the bands.
        captured: Their numbers in the captures' reflectance, from 0.
        stored: Their numbers in the target's files, from 1.
        source: Coding of the captures' reflectance.
        target: Coding of the target's values.
        widths: Side of each band's own pixels in the captures [pixels].
        scale: What these times it are reflectance, if the target's files tell.
    """

    names: tuple[str, ...]
    captured: tuple[int, ...]
    stored: tuple[int, ...]
    source: BandCoding
    target: BandCoding
    widths: tuple[int, ...]
    scale: float | None

    def views(self) -> list[View]:
        """Of each composite."""
        return [self.view([self.names[band] for band in chosen]) for chosen in composites(len(self.names))]

    def view(self, names: Sequence[str]) -> View:
        """Of three bands by their names."""
        chosen = [self.names.index(name) for name in names]
        return View(
            title=", ".join(names).replace("_", " "),
            simulated=lambda folder, phase: self.source.encode(self.simulated(folder, phase))[chosen],
            adapted=lambda folder, phase: self.target.encode(_reflectance(folder, phase))[chosen],
            real=lambda path: self.target.encode(read_bands(path, self.stored))[chosen],
        )

    def false_colour(self) -> View | None:
        """Near infrared shown red, red shown green and green shown blue, as vegetation is told by."""
        return self.view([INFRARED, "red", "green"]) if INFRARED in self.names else None

    def simulated(self, folder: Path, phase: str) -> np.ndarray:
        """These bands (B, H, W) uint16 of a capture before ("pre") or after ("post")."""
        return _reflectance(folder, phase)[list(self.captured)]


def _reflectance(folder: Path, phase: str) -> np.ndarray:
    name = f"reflectance_{phase}"
    return read_capture(folder, [name]).layers[name]


def read_bands(path: Path, stored: Sequence[int]) -> np.ndarray:
    """Bands (B, H, W) of an image by their numbers from 1; 0 in all where one is the file's nodata.

    A nodata of 0, or of 255 in 8 bits, is also what dark or bright ground may have in one band: all must.
    """
    with open_raster(path) as dataset:
        values, nodata = dataset.read(list(stored)), dataset.nodata
    if nodata is None:
        return values
    ground = nodata == 0 or (nodata == 255 and values.dtype == np.uint8)
    lacking = (values == nodata).all(axis=0) if ground else (values == nodata).any(axis=0)
    return np.where(lacking, values.dtype.type(0), values)


def data_bands(dataset: rasterio.DatasetReader, named: Sequence[str]) -> list[int]:
    """Numbers, from 1, of a file's bands but for transparency, where these are not as many as were named."""
    opaque = [n for n, kind in enumerate(dataset.colorinterp, 1) if kind is not ColorInterp.alpha]
    return list(dataset.indexes) if len(named) == dataset.count else opaque


def split_names(text: str) -> list[str]:
    """The names in "red,green,blue,near_infrared"; none in an empty text.

    Raises:
        InputError: One of them is empty.
    """
    names = [name.strip() for name in text.split(",")] if text else []
    if "" in names:
        raise InputError(f"--bands {text} names nothing between two commas or at an end; name every band")
    return names


def target_bands(paths: Sequence[Path], named: Sequence[str]) -> dict[str, int]:
    """The number, from 1, of each band by its name in target images of one count of bands and one type.

    As named, else as their descriptions say, else, of four bands, as their colours do. Nothing of pictures:
    8-bit of one or three bands, of which none was named. At most `CHECKED` headers are looked at.

    Raises:
        InputError: A band is not told, red, green or blue is not among them, or two images do not agree.
    """
    stored, names, dtype = _told_bands(paths[0], named)
    if not named and len(stored) in (1, 3) and dtype == "uint8":
        return {}
    if None in names or len(set(names)) < len(names) or len(names) != len(stored):
        known = sorted({name for name in names if name})
        told = f"names for {len(known)} of them ({', '.join(known)})" if known else "names for none of them"
        raise InputError(
            f"{paths[0]} has {len(stored)} bands and {told}: say which band is which, as by "
            "--bands red,green,blue,near_infrared"
        )
    lacking = [name for name in RGB if name not in names]
    if lacking:
        raise InputError(
            f"{paths[0]} has no band {lacking[0]}, only {', '.join(map(str, names))}; red, green and blue "
            "are needed: give images that have them, or say with --bands which they are"
        )
    for path in paths[:: -(-len(paths) // CHECKED)]:
        if (others := _told_bands(path, named)[:2]) != (stored, names):
            raise InputError(
                f"{path} tells its bands as {', '.join(str(name) for name in others[1])}, {paths[0]} as "
                f"{', '.join(map(str, names))}: bring them into one order, or say it with --bands"
            )
    return {str(name): number for name, number in zip(names, stored, strict=True)}


def _told_bands(path: Path, named: Sequence[str]) -> tuple[list[int], list[str | None], str]:
    """Numbers, from 1, of a file's bands, a name for each, None where nothing tells, and their type."""
    with open_raster(path) as dataset:
        stored, dtype = data_bands(dataset, named), dataset.dtypes[0]
        described = _described([dataset.descriptions[n - 1] or "" for n in stored])
        colours = [dataset.colorinterp[n - 1] for n in stored]
    if named:
        return stored, [*named], dtype
    if (None in described or len(set(described)) < 4) and _are_rgb_and_infrared(colours):
        return stored, [*RGB, INFRARED], dtype
    return stored, described, dtype


def _described(descriptions: Sequence[str]) -> list[str | None]:
    """The name of each band that is described by it or by Sentinel-2's code, as "B8A" or "B02".

    Codes count only beside one that no other sensor has, for Landsat's B5 is another band.
    """
    words = [text.strip().lower().replace(" ", "_") for text in descriptions]
    codes = [text.strip().upper().replace("B0", "B") for text in descriptions]
    coded = SENTINEL_2 if any(code in SENTINEL_2_ALONE for code in codes) else {}
    told = [coded.get(code, word) for code, word in zip(codes, words, strict=True)]
    return [name if name in SENTINEL_2.values() else None for name in told]


def _are_rgb_and_infrared(colours: Sequence[ColorInterp]) -> bool:
    rgb = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
    return list(colours[:3]) == rgb and list(colours[3:]) in ([ColorInterp.nir], [ColorInterp.undefined])


def code_bands(folders: Sequence[Path], target: Sequence[Path], stored: Mapping[str, int]) -> Bands:
    """The bands of an adapter from captures to a target, both coded by their own brightest values.

    Args:
        folders: Captures.
        target: Images that are fitted to.
        stored: From `target_bands`.

    Raises:
        InputError: The captures lack one of the bands, or are not all of the same.
    """
    there = tuple(read_capture(folders[0], []).bands)
    check_bands(list(stored), there, f"target {target[0]}")
    for folder in folders:
        if (others := tuple(read_capture(folder, []).bands)) != there:
            raise InputError(
                f"{folder} has the bands {', '.join(others) or 'of no reflectance'}, {folders[0]} has "
                f"{', '.join(there)}; give captures of one sensor"
            )
    names = tuple(name for name in there if name in stored)
    captured, numbers = tuple(there.index(n) for n in names), tuple(stored[n] for n in names)
    with open_raster(target[0]) as dataset:
        dtype, scales, offsets = dataset.dtypes[0], set(dataset.scales), set(dataset.offsets)

    def simulated() -> Iterator[np.ndarray]:  # read twice rather than held
        for folder in _some(folders):
            for phase in ("pre", "post"):
                yield _reflectance(folder, phase)[list(captured)]

    return Bands(
        names=names,
        captured=captured,
        stored=numbers,
        source=fit_coding(simulated(), "uint16"),
        widths=pixel_widths(simulated()),
        target=fit_coding((read_bands(path, numbers) for path in _some(target)), dtype),
        scale=scales.pop() if len(scales) == 1 and scales != {1.0} and offsets == {0.0} else None,
    )


def fitted_bands(
    adapter: MultibandAdapter, there: Sequence[str], stored: Mapping[str, int], image: Path
) -> Bands:
    """The bands of an adapter in its codings, of captures of bands `there` and images of bands `stored`.

    Raises:
        InputError: The images lack one of them, or `image`, one of them, is of another type.
    """
    with open_raster(image) as dataset:
        dtype = dataset.dtypes[0]
    if dtype != adapter.target.dtype:
        raise InputError(
            f"{image} is {dtype}, what the captures were adapted to {adapter.target.dtype}: give such images"
        )
    lacking = [name for name in adapter.bands if name not in stored]
    if lacking:
        raise InputError(
            f"the target has no band {lacking[0]}, to which the captures were adapted: give one that has it"
        )
    return Bands(
        names=adapter.bands,
        captured=tuple(there.index(name) for name in adapter.bands),
        stored=tuple(stored[name] for name in adapter.bands),
        source=adapter.source,
        target=adapter.target,
        widths=adapter.widths,
        scale=None,
    )


def _some(paths: Sequence[Path]) -> Sequence[Path]:
    return paths[:: -(-len(paths) // LOOKED_AT)]

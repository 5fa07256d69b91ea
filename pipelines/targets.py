"""The real images an adapter is fitted to: which they are, whether they serve, and which judge the fit."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from adaptation.descriptors import LEAST_SIDE, holds_patch
from adaptation.spectrum import valid_pixels
from pipelines.bands import CHECKED, DEPTHS, data_bands
from rasters.catalogue import finished
from rasters.errors import InputError
from rasters.folders import list_images, read_image
from rasters.geotiff import open_raster
from rasters.layers import IMAGES
from rasters.mosaic import common_grid

HELD_OUT = 4  # every fourth target image is kept out of the fit and judges its result
LEAST_HELD_OUT = 4  # and to fit on
READ = 48  # of them are read before the fit, at most
FLAT = 2  # grey levels: what an image spans that shows nothing but rounding and compression
_TWINS = (("_pre_disaster.", "_post_disaster."), ("image_pre.", "image_post."))  # in names: before, after

Read = Callable[[Path], np.ndarray]
"""Of an image as a picture (3, H, W) uint8."""


def target_images(folder: Path) -> list[Path]:
    """The images of a target: of a plain folder, or of captures, whose labels are not looked at."""
    captures = finished(folder)
    return [capture / f"{name}.tif" for capture in captures for name in IMAGES] or list_images(folder)


def check_images(paths: Sequence[Path], named: Sequence[str] = ()) -> None:
    """Looks at the headers of target images, at most `CHECKED` of them.

    Args:
        paths: The images.
        named: Their bands, if they were named.

    Raises:
        InputError: One is too small, neither 8-bit of one or three bands nor of more bands of 8 or 16 bits,
            or of another count or type of bands than the others; it is named.
    """
    kinds: dict[tuple[int, str], list[tuple[Path, int, str]]] = {}
    for path in paths[:: -(-len(paths) // CHECKED)]:
        with open_raster(path) as dataset:
            kind = (len(data_bands(dataset, named)), dataset.dtypes[0])
            if kind[1] not in DEPTHS or min(dataset.shape) < LEAST_SIDE:
                raise InputError(
                    f"{path} has {dataset.height} x {dataset.width} {kind[1]} pixels; target images must be "
                    f"of 8 or 16 bits and at least {LEAST_SIDE} pixels a side: convert it or take it out"
                )
            if kind[0] == 2 or (kind[0] == 1 and kind[1] != "uint8"):
                raise InputError(
                    f"{path} has {kind[0]} band(s) of {kind[1]}; target images must have one of 8 bits "
                    "(panchromatic), or red, green and blue, or these and more: convert it or take it out"
                )
        as_read = (3, "uint8") if kind == (1, "uint8") else kind
        kinds.setdefault(as_read, []).append((path, *kind))
    usual, *others = sorted(kinds.values(), key=lambda images: -len(images))
    if others:
        (odd, count, dtype), (there, *known) = others[0][0], usual[0]
        raise InputError(
            f"{odd} has {count} band(s) of {dtype}, {there} has {known[0]} of {known[1]}; an adapter "
            "has one kind of target: give either"
        )


def check_content(paths: Sequence[Path], read: Read = read_image) -> None:
    """Reads target images, at most `READ` of them.

    Raises:
        InputError: One is unreadable, of a single colour, or panchromatic among others in colour, or all are
            black; it is named.
    """
    black, grey, colour = 0, [], []
    chosen = paths[:: -(-len(paths) // READ)]
    for path in chosen:
        image = read(path)
        valid = image[:, valid_pixels(image)]
        black += valid.size == 0
        if valid.size and (np.ptp(valid, axis=1) <= FLAT).all():
            raise InputError(f"{path} shows one colour and nothing else; take it out")
        if valid.size:
            (grey if (valid == valid[:1]).all() else colour).append(path)
    if black == len(chosen):
        raise InputError(
            f"{paths[0].parent}: every target image is black (no data); give images with content"
        )
    if grey and colour:
        raise InputError(
            f"{grey[0]} is panchromatic and {colour[0]} in colour; an adapter has one kind of target: "
            "give either"
        )


def target_gsd(path: Path) -> float | None:
    """Ground sample distance [m] of an image that lies somewhere on the Earth, else None."""
    with open_raster(path) as dataset:
        lies = dataset.crs is not None
    return common_grid([path], [path], None).gsd if lies else None


Dates = tuple[list[Path], list[Path]]
"""Images taken before a disaster or at a date that is not told, and images taken after one."""


def split_target(paths: Sequence[Path], root: Path) -> tuple[Dates, Dates]:
    """Target images to fit on and images held out to judge the fit; a place's before and after stay together.

    Dates are told by xBD's names or as captures. They are kept apart if there are `LEAST_HELD_OUT` of each to
    fit on and as many to judge by; else all images are taken as of one kind, the first.

    Raises:
        InputError: There are too few for both.
    """
    places = {path: _place(path.relative_to(root)) for path in paths}
    after = {path for path in paths if any(name in path.name for _, name in _TWINS)}
    for kinds in ([set(paths) - after, after], [set(paths), set()]):
        held = _held_out(places, [kind for kind in kinds if kind])
        fit, judges = ([p for p in paths if (places[p] in held) == out] for out in (False, True))
        split = [
            ([p for p in side if p in kinds[0]], [p for p in side if p in kinds[1]]) for side in (fit, judges)
        ]
        if all(len(dates[k]) >= LEAST_HELD_OUT for dates in split for k in (0, 1) if kinds[k] or k == 0):
            return split[0], split[1]
    raise InputError(
        f"{root} holds {len(paths)} images of {len(set(places.values()))} places; at least "
        f"{2 * LEAST_HELD_OUT} images are needed, a quarter and no fewer than {LEAST_HELD_OUT} of them held "
        "out: give more, or cut large ones into tiles"
    )


def _held_out(places: Mapping[Path, str], kinds: Sequence[set[Path]]) -> set[str]:
    """A quarter of the places, or as many as hold `LEAST_HELD_OUT` images of each kind."""
    names = sorted(set(places.values()))
    of_kind = [Counter(places[path] for path in kind) for kind in kinds]
    held: set[str] = set()
    images = [0] * len(kinds)
    for name in (name for start in range(HELD_OUT) for name in names[HELD_OUT - 1 - start :: HELD_OUT]):
        if len(held) >= len(names) // HELD_OUT and min(images) >= LEAST_HELD_OUT:
            break
        held.add(name)
        images = [n + counts[name] for n, counts in zip(images, of_kind, strict=True)]
    return held


def check_judges(judges: Mapping[str, Sequence[Path]], root: Path, read: Read = read_image) -> None:
    """Reads the images that will judge, of each date.

    Raises:
        InputError: Fewer than `LEAST_HELD_OUT` of a date hold a square without nodata to be compared by.
    """
    for date, paths in judges.items():
        whole = sum(holds_patch(read(path)) for path in paths)
        if whole < LEAST_HELD_OUT:
            raise InputError(
                f"{root}: only {whole} of the {len(paths)} images {date} the disaster that are held out to "
                f"judge the fit hold {LEAST_SIDE} x {LEAST_SIDE} px without nodata; at least "
                f"{LEAST_HELD_OUT} must: give more images, or take those out that are mostly black"
            )


def target_pairs(paths: Sequence[Path]) -> dict[Path, Path]:
    """The image after, by that before, of places that have both: by xBD's names or as captures."""
    found = set(paths)
    return {path: twin for path in paths if (twin := twin_after(path)) in found}


def twin_after(path: Path) -> Path | None:
    """Where the image after would lie, of one whose name says that it was taken before; else None."""
    for before, after in _TWINS:
        if before in path.name:
            return path.with_name(path.name.replace(before, after))
    return None


def _place(path: Path) -> str:
    """What an image before and one after have in common: their path without the phase."""
    if path.stem in IMAGES:
        return str(path.parent)
    return str(path.parent / path.stem.removesuffix("_pre_disaster").removesuffix("_post_disaster"))

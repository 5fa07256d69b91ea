"""A capture: one ground footprint seen before and after, imagery and labels on one grid."""

import shutil
import tempfile
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pystac

from rasters.classes import PALETTES
from rasters.errors import InputError
from rasters.files import read_json, write_json
from rasters.geotiff import read_grid, read_raster, write_raster
from rasters.grid import Grid
from rasters.layers import IMAGES, LAYERS, MEASURED

PROJECTION = "https://stac-extensions.github.io/projection/v2.0.0/schema.json"
VIEW = "https://stac-extensions.github.io/view/v1.0.0/schema.json"
ELECTRO_OPTICAL = "https://stac-extensions.github.io/eo/v2.0.0/schema.json"
RASTER = "https://stac-extensions.github.io/raster/v2.0.0/schema.json"
COVER = "eo:cloud_cover"
PARTIAL = ".partial-"
ADAPTED_TITLES = {
    "reflectance_pre": "Bands before, in the unit of the imagery that they were adapted to",
    "reflectance_post": "Bands after, in the unit of the imagery that they were adapted to",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capture:
    """One footprint before and after.

    Attributes:
        id: File-name safe and unique in its catalogue.
        grid: Of every layer.
        layers: Arrays by their name in `rasters.layers.LAYERS`: images (3, H, W) uint8, measured reflectance
            (B, H, W) uint16, others (H, W).
        start: When the image before was taken.
        end: When the image after was taken.
        properties: What else is known: disaster, style, sun, view; JSON values.
        views: How each picture was seen, by its layer: fields of STAC's view extension [deg].
        clouds: Share of each picture that clouds hide [%], by its layer; none where there cannot be any.
        bands: Centre and full width at half maximum [um] of the bands of measured reflectance, by name.
    """

    id: str
    grid: Grid
    layers: Mapping[str, np.ndarray]
    start: datetime
    end: datetime
    properties: Mapping[str, Any] = field(default_factory=dict)
    views: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    clouds: Mapping[str, float] = field(default_factory=dict)
    bands: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, array in self.layers.items():
            layer = LAYERS.get(name)
            if layer is None:
                raise ValueError(f"unknown layer {name!r}; layers are {sorted(LAYERS)}")
            count = len(layer.bands or self.bands)
            shape = self.grid.shape if len(layer.bands) == 1 else (count, *self.grid.shape)
            if array.shape != shape or array.dtype != layer.dtype:
                raise ValueError(
                    f"layer {name} of {self.id} must be {layer.dtype} of shape {shape}, "
                    f"got {array.dtype} of {array.shape}"
                )
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise ValueError(f"layer {name} of {self.id} holds NaN or infinity")


def write_capture(root: Path, capture: Capture) -> Path:
    """Writes the folder `root/<id>`: a GeoTIFF a layer and a STAC item; whole or not at all.

    Returns:
        The folder.
    """
    with _whole_folder(root, capture.id) as partial:
        for name, array in capture.layers.items():
            write_layer(partial / f"{name}.tif", name, array, capture.grid, tuple(capture.bands))
        write_json(partial / f"{capture.id}.json", _item(capture).to_dict(include_self_link=False))
    return root / capture.id


def derive_capture(
    source: Path,
    root: Path,
    images: Mapping[str, np.ndarray],
    *,
    bands: Sequence[str] = (),
    scale: float | None = None,
) -> Path:
    """Copies a capture to `root` with other images; its other layers keep their bytes, and its item, but for
    what it says of measured bands where these are replaced.

    What else lies in the folder, as the sidecar files of viewers, stays behind.

    Args:
        source: The folder of the capture.
        root: Where the new one goes, under the same id.
        images: Replacements of image layers, (3, H, W) uint8, and of measured ones, (B, H, W) uint16.
        bands: Names of the measured bands among the replacements, of those that the capture has.
        scale: What a measured value is to be multiplied by to be reflectance; None where that is not known.

    Returns:
        The new folder.
    """
    grid = read_grid(source / f"{next(iter(IMAGES))}.tif")
    with _whole_folder(root, source.name) as partial:
        if bands:
            item = _other_bands(read_json(source / f"{source.name}.json"), bands, scale)
            write_json(partial / f"{source.name}.json", item)
        else:
            shutil.copyfile(source / f"{source.name}.json", partial / f"{source.name}.json")
        for layer in LAYERS.keys() - images.keys():
            if (source / f"{layer}.tif").is_file():
                shutil.copyfile(source / f"{layer}.tif", partial / f"{layer}.tif")
        for name, image in images.items():
            write_layer(partial / f"{name}.tif", name, image, grid, bands)
    return root / source.name


def _other_bands(item: dict[str, Any], bands: Sequence[str], scale: float | None) -> dict[str, Any]:
    """A capture's item whose measured layers are of these of its bands and of another scale."""
    assets = dict(item["assets"])
    for name in MEASURED.keys() & assets.keys():
        told = {band["name"]: band for band in assets[name]["bands"]}
        asset = {key: value for key, value in assets[name].items() if key != "raster:scale"}
        asset |= {"bands": [told[band] for band in bands], "title": ADAPTED_TITLES[name]}
        assets[name] = asset | ({} if scale is None else {"raster:scale": scale})
    extensions = [e for e in item["stac_extensions"] if e != RASTER or scale is not None]
    return {**item, "assets": assets, "stac_extensions": extensions}


@contextmanager
def _whole_folder(root: Path, name: str) -> Generator[Path]:
    """A temporary folder that becomes `root/name` when the block succeeds and else disappears.

    Two processes that write the same capture do not disturb each other: both bring the same bytes.
    """
    root.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{PARTIAL}{name}-", dir=root))
    try:
        partial.chmod(0o755)
        yield partial
        _put(partial, root / name)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _put(partial: Path, folder: Path) -> None:
    """Renames a folder to the place of another."""
    shutil.rmtree(folder, ignore_errors=True)
    try:
        partial.rename(folder)
    except OSError:
        if not (folder / f"{folder.name}.json").is_file():
            raise
        shutil.rmtree(partial)  # somebody was quicker


def write_layer(path: Path, name: str, array: np.ndarray, grid: Grid, bands: Sequence[str] = ()) -> None:
    """Writes one layer as its GeoTIFF, with the palette, unit and nodata of its kind.

    Args:
        path: Where it goes.
        name: Of the layer.
        array: Its values.
        grid: Its place.
        bands: Names of the bands of measured reflectance.
    """
    layer = LAYERS[name]
    palette = None if layer.classes is None else PALETTES[layer.classes]
    write_raster(
        path, array, grid, bands=layer.bands or bands, nodata=layer.nodata, palette=palette, units=layer.units
    )


def read_capture(folder: Path, names: Sequence[str] | None = None) -> Capture:
    """Reads a capture, or only the layers in `names`.

    Raises:
        InputError: The folder is no capture, a layer is missing, unreadable or of another grid.
    """
    item = read_json(folder / f"{folder.name}.json")
    try:
        assets, properties = item["assets"], dict(item["properties"])
        start = datetime.fromisoformat(properties.pop("start_datetime"))
        end = datetime.fromisoformat(properties.pop("end_datetime"))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / folder.name}.json is not the STAC item of a capture ({error!r})"
        ) from error
    views, bands = _views(assets), _bands(assets)
    wanted = list(assets) if names is None else list(names)
    for name in wanted:
        if name not in assets:
            raise InputError(f"{folder} has no layer {name}; it has {sorted(assets)}")
    grid = read_grid(folder / f"{next(iter(IMAGES))}.tif")
    layers = {name: _read_layer(folder / f"{name}.tif", name, grid, len(bands)) for name in wanted}
    ours = {k: v for k, v in properties.items() if k.startswith("mage:")}
    stripped = {k.removeprefix("mage:"): v for k, v in ours.items()}
    return Capture(
        id=folder.name, grid=grid, layers=layers, start=start, end=end, properties=stripped, views=views,
        clouds={name: asset[COVER] for name, asset in assets.items() if COVER in asset}, bands=bands,
    )  # fmt: skip


def _views(assets: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    prefix = "view:"
    found = {
        name: {key.removeprefix(prefix): value for key, value in asset.items() if key.startswith(prefix)}
        for name, asset in assets.items()
    }
    return {name: view for name, view in found.items() if view}


def _bands(assets: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    measured = next((assets[name]["bands"] for name in MEASURED if name in assets), [])
    return {b["name"]: (b["eo:center_wavelength"], b["eo:full_width_half_max"]) for b in measured}


def _read_layer(path: Path, name: str, grid: Grid, measured: int) -> np.ndarray:
    if not path.is_file():
        raise InputError(f"{path} is missing; simulate the capture again")
    if read_grid(path) != grid:
        raise InputError(
            f"{path} lies on another grid than the other layers of its capture; simulate it again"
        )
    bands = read_raster(path)
    count = len(LAYERS[name].bands) or measured
    if bands.shape[0] != count or bands.dtype != LAYERS[name].dtype:
        layer = LAYERS[name]
        raise InputError(
            f"{path} must hold {count} band(s) of {layer.dtype}, got {bands.shape[0]} of {bands.dtype}"
        )
    codes = LAYERS[name].classes
    if codes is not None and (unknown := set(np.unique(bands)) - {int(c) for c in codes}):
        raise InputError(
            f"{path} holds unknown class values {sorted(map(int, unknown))[:8]}; simulate it again"
        )
    return bands[0] if len(LAYERS[name].bands) == 1 else bands


def _item(capture: Capture) -> pystac.Item:
    ring = [list(corner) for corner in capture.grid.corners_lonlat()]
    lons, lats = zip(*ring, strict=True)
    item = pystac.Item(
        id=capture.id,
        geometry={"type": "Polygon", "coordinates": [[*ring, ring[0]]]},
        bbox=[min(lons), min(lats), max(lons), max(lats)],
        datetime=None,
        start_datetime=capture.start,
        end_datetime=capture.end,
        properties={
            "gsd": capture.grid.gsd,
            "proj:code": capture.grid.crs,
            "proj:shape": list(capture.grid.shape),
            "proj:transform": list(capture.grid.transform)[:6],
            **{f"mage:{key}": value for key, value in capture.properties.items()},
        },
        stac_extensions=[
            PROJECTION,
            VIEW,
            *([ELECTRO_OPTICAL] if capture.bands or capture.clouds else []),
            *([RASTER] if capture.bands else []),
        ],
    )
    for name in capture.layers:
        asset = pystac.Asset(
            href=f"./{name}.tif", title=LAYERS[name].title, media_type=pystac.MediaType.GEOTIFF,
            roles=_roles(name), extra_fields=_seen(capture, name),
        )  # fmt: skip
        item.add_asset(name, asset)
    for relation in ("root", "parent"):
        item.add_link(pystac.Link(relation, "../catalog.json", media_type=pystac.MediaType.JSON))
    return item


def _roles(name: str) -> list[str]:
    if name in IMAGES:
        return ["data", "visual"]
    return ["data", "reflectance"] if name in MEASURED else ["labels"]


def _seen(capture: Capture, name: str) -> dict[str, Any]:
    """When and how a picture was taken, and in which bands; nothing of labels."""
    if name not in IMAGES and name not in MEASURED:
        return {}
    time = capture.start if name.endswith("_pre") else capture.end
    fields: dict[str, Any] = {"datetime": time.strftime("%Y-%m-%dT%H:%M:%SZ")}
    fields |= {f"view:{key}": value for key, value in capture.views.get(name, {}).items()}
    if name in capture.clouds:
        fields[COVER] = capture.clouds[name]
    if name in MEASURED:
        fields |= {"raster:scale": 1e-4}
        fields["bands"] = [
            {"name": band, "eo:center_wavelength": centre, "eo:full_width_half_max": width}
            for band, (centre, width) in capture.bands.items()
        ]
    return fields

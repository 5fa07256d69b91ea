"""The real images an adapter is fitted to: which they are, whether they serve, and which judge the fit."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rasterio.enums import ColorInterp

from adaptation.descriptors import LEAST_SIDE
from adaptation.spectrum import valid_pixels
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
_TWINS = (
    ("_pre_disaster.", "_post_disaster."),
    ("image_pre.", "image_post."),
)  # in names of before and after
CHECKED = 2000  # target images whose headers are looked at before the fit, at most


def target_images(folder: Path) -> list[Path]:
    """The images of a target: of a plain folder, or of captures, whose labels are not looked at."""
    captures = finished(folder)
    return [capture / f"{name}.tif" for capture in captures for name in IMAGES] or list_images(folder)


def check_images(paths: Sequence[Path]) -> None:
    """Looks at the headers of target images, at most `CHECKED` of them.

    Raises:
        InputError: One is not 8-bit, too small, or neither panchromatic nor in colour; it is named.
    """
    for path in paths[:: -(-len(paths) // CHECKED)]:
        with open_raster(path) as dataset:
            bands = sum(kind is not ColorInterp.alpha for kind in dataset.colorinterp)
            if dataset.dtypes[0] != "uint8" or min(dataset.shape) < LEAST_SIDE:
                raise InputError(
                    f"{path} has {dataset.height} x {dataset.width} {dataset.dtypes[0]} pixels; target "
                    f"images must be 8-bit and at least {LEAST_SIDE} pixels a side: convert it or take it out"
                )
            if bands not in (1, 3):
                raise InputError(
                    f"{path} has {bands} bands; target images must have one (panchromatic) or three (red, "
                    "green, blue): write these alone, as by gdal_translate -b 1 -b 2 -b 3"
                )


def check_content(paths: Sequence[Path]) -> None:
    """Reads target images, at most `READ` of them.

    Raises:
        InputError: One is unreadable or of a single colour, or all are black; it is named.
    """
    black = 0
    chosen = paths[:: -(-len(paths) // READ)]
    for path in chosen:
        image = read_image(path)
        valid = image[:, valid_pixels(image)]
        black += valid.size == 0
        if valid.size and (np.ptp(valid, axis=1) <= FLAT).all():
            raise InputError(f"{path} shows one colour and nothing else; take it out")
    if black == len(chosen):
        raise InputError(
            f"{paths[0].parent}: every target image is black (no data); give images with content"
        )


def target_gsd(path: Path) -> float | None:
    """Ground sample distance [m] of an image that lies somewhere on the Earth, else None."""
    with open_raster(path) as dataset:
        lies = dataset.crs is not None
    return common_grid([path], [path], None).gsd if lies else None


def split_target(paths: Sequence[Path], root: Path) -> tuple[list[Path], list[Path]]:
    """Target images to fit on and images held out to judge the fit; before and after stay together.

    Raises:
        InputError: There are too few for both.
    """
    places = {path: _place(path.relative_to(root)) for path in paths}
    names = sorted(set(places.values()))
    order = [name for start in range(HELD_OUT) for name in names[HELD_OUT - 1 - start :: HELD_OUT]]
    held: set[str] = set()
    for name in order:
        if len(held) >= len(names) // HELD_OUT and sum(p in held for p in places.values()) >= LEAST_HELD_OUT:
            break
        held.add(name)
    fit = [path for path, place in places.items() if place not in held]
    if len(fit) < LEAST_HELD_OUT:
        raise InputError(
            f"{root} holds {len(paths)} images of {len(names)} places; at least {2 * LEAST_HELD_OUT} images "
            f"are needed, a quarter and no fewer than {LEAST_HELD_OUT} of them held out: give more, or cut "
            "large ones into tiles"
        )
    return fit, [path for path, place in places.items() if place in held]


def split_dates(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Images taken before or at a date that is not told, and images taken after a disaster.

    By xBD's names or as captures; too few of either for a fit of their own, and all are taken as of one kind.
    """
    after = [path for path in paths if any(name in path.name for _, name in _TWINS)]
    before = sorted(set(paths) - set(after))
    return (before, after) if min(len(before), len(after)) >= LEAST_HELD_OUT else (list(paths), [])


def target_pairs(paths: Sequence[Path]) -> dict[Path, Path]:
    """The image after, by that before, of places that have both: by xBD's names or as captures."""
    found = set(paths)
    twins = {
        path: path.with_name(path.name.replace(before, after))
        for path in paths
        for before, after in _TWINS
        if before in path.name
    }
    return {before: after for before, after in twins.items() if after in found}


def _place(path: Path) -> str:
    """What an image before and one after have in common: their path without the phase."""
    if path.stem in IMAGES:
        return str(path.parent)
    return str(path.parent / path.stem.removesuffix("_pre_disaster").removesuffix("_post_disaster"))

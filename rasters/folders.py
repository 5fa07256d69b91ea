"""Folders of real imagery as they come: plain images, xBD's layout, before/after mosaics."""

import glob
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rasterio.enums import ColorInterp

from rasters.errors import InputError
from rasters.geotiff import open_raster, unreadable

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff"})
TARGET_MARK = "_target"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One footprint before and after a disaster, in xBD's layout.

    Attributes:
        id: Such as "mexico-earthquake_00000012".
        pre: The image before.
        post: The image after.
        pre_target: Label raster, 1 where a building stands; None if unlabelled.
        post_target: Label raster of damage levels 0 to 4; None if unlabelled.
    """

    id: str
    pre: Path
    post: Path
    pre_target: Path | None
    post_target: Path | None


def list_images(folder: Path) -> list[Path]:
    """Image files anywhere under `folder`, sorted; label rasters (`*_target.*`, `targets/`, `labels/`)
    and hidden files are not images.

    Raises:
        InputError: The folder does not exist or holds no image.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give a folder with PNG, JPEG or TIFF images")
    found = [p for p in sorted(folder.rglob("*")) if _is_image(p.relative_to(folder)) and p.is_file()]
    if not found:
        raise InputError(f"{folder} holds no PNG, JPEG or TIFF image; check the path")
    return found


def _is_image(path: Path) -> bool:
    if path.suffix.lower() not in IMAGE_SUFFIXES or path.stem.endswith(TARGET_MARK):
        return False
    return not any(part.startswith(".") or part in ("targets", "labels") for part in path.parts)


def list_mosaic(pattern: str) -> list[Path]:
    """The files of a mosaic: a file, a folder of GeoTIFFs, or a glob pattern; sorted, without hidden ones.

    Raises:
        InputError: Nothing matches.
    """
    path = Path(pattern)
    if path.is_file():  # first, as a name may hold [, ] or ?
        return [path]
    if path.is_dir():
        matches = [p for p in path.iterdir() if p.suffix.lower() in {".tif", ".tiff"}]
    else:
        matches = [Path(p) for p in glob.glob(pattern)]  # noqa: PTH207  (absolute patterns too)
    found = sorted(p for p in matches if p.is_file() and not p.name.startswith("."))
    if not found:
        raise InputError(
            f"no GeoTIFF matches {pattern!r}; give a file, a folder or a quoted pattern such as 'pre/*.tif'"
        )
    return found


def read_image(path: Path) -> np.ndarray:
    """An 8-bit image as (3, H, W) uint8, R, G, B; grey is repeated, palettes are applied, alpha is dropped.

    Raises:
        InputError: Unreadable or truncated, or not 8-bit.
    """
    bands = _read_png(path) if path.suffix.lower() == ".png" else _read_colours(path)
    if bands.dtype != np.uint8:
        raise InputError(f"{path} holds {bands.dtype} pixels; give 8-bit display-encoded images")
    return bands[:3] if bands.shape[0] >= 3 else np.repeat(bands[:1], 3, axis=0)


def read_label(path: Path) -> np.ndarray:
    """A single-band 8-bit label raster (H, W) uint8; of one with a palette, the codes.

    Raises:
        InputError: Unreadable or truncated, more than one band, or not 8-bit.
    """
    if path.suffix.lower() == ".png":
        _read_png(path)  # for its checks; it turns codes into the colours of their palette
    with open_raster(path) as dataset:
        bands = dataset.read()
    if bands.shape[0] != 1 or bands.dtype != np.uint8:
        raise InputError(
            f"{path} must be one band of 8-bit class codes, got {bands.shape[0]} of {bands.dtype}; "
            "give xBD's targets (0 to 4) or masks of roads (0 and 255)"
        )
    return bands[0]


def _read_colours(path: Path) -> np.ndarray:
    with open_raster(path) as dataset:
        bands = dataset.read()
        if dataset.colorinterp[0] is not ColorInterp.palette or bands.dtype != np.uint8:
            return bands
        colours = dataset.colormap(1)
    table = np.zeros((256, 3), np.uint8)
    for code, colour in colours.items():
        table[code] = colour[:3]
    return np.ascontiguousarray(table[bands[0]].transpose(2, 0, 1))


def _read_png(path: Path) -> np.ndarray:
    """GDAL fills the rest of a truncated PNG with zeros and says nothing, so its end is checked."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from error
    if not data.startswith(b"\x89PNG\r\n\x1a\n") or b"IEND" not in data[-16:]:
        raise unreadable(path, ValueError("not a PNG, or truncated"))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise unreadable(path, ValueError("the PNG's content is damaged"))
    if image.ndim == 2:
        return image[None]
    return np.ascontiguousarray(image[..., 2::-1].transpose(2, 0, 1))


def labelled_pairs(folder: Path) -> list[Pair]:
    """The pairs of `xbd_pairs` that have targets.

    Raises:
        InputError: As `xbd_pairs`, or none has.
    """
    labelled = [pair for pair in xbd_pairs(folder) if pair.pre_target is not None]
    if not labelled:
        raise InputError(
            f"{folder}/targets labels none of the pairs in {folder}/images; "
            "labelled pairs need <id>_pre_disaster_target.png and <id>_post_disaster_target.png"
        )
    return labelled


def labelled_masks(folder: Path) -> list[tuple[Path, Path]]:
    """The pictures of `images/` with their rasters in `labels/`, sorted; both of a pair have one stem.

    Raises:
        InputError: No images/ folder, or a picture or raster without its twin; it is named.
    """
    if not (folder / "images").is_dir():
        raise InputError(f"{folder} has no images/ folder beside its labels/; add it")
    images = {path.stem: path for path in list_images(folder / "images")}
    labels = {p.stem: p for p in (folder / "labels").iterdir() if p.suffix.lower() in IMAGE_SUFFIXES}
    for name in sorted(images.keys() ^ labels.keys()):
        path, other = (images[name], "labels") if name in images else (labels[name], "images")
        raise InputError(f"{path} has no twin of its name in {folder / other}; add it or take it out")
    return [(images[name], labels[name]) for name in sorted(images)]


def holds_masks(folder: Path) -> bool:
    """Whether `folder` is of the layout that `labelled_masks` reads, not of xBD's.

    Raises:
        InputError: It is of neither; both are told.
    """
    masks, targets = (folder / "labels").is_dir(), (folder / "targets").is_dir()
    if not masks and not targets:
        raise InputError(
            f"{folder} holds no labels; give before/after pairs in xBD's layout, images/ and targets/, or "
            "pictures of one date with road masks, images/ and labels/"
        )
    return masks and not targets


def xbd_pairs(folder: Path) -> list[Pair]:
    """The pairs of a folder in xBD's layout, sorted by id.

    `images/<id>_pre_disaster.<ext>` and `_post_disaster`; targets, where there are any, are
    `targets/<id>_{pre,post}_disaster_target.png` (Gupta et al. 2019, arXiv:1911.09296).

    Raises:
        InputError: No such layout, two images of one id and phase, or an image or target without its twin.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give one in xBD's layout, with images/ and targets/")
    images = folder / "images"
    if not images.is_dir():
        raise InputError(
            f"{folder} has no images/ folder; xBD's layout is images/<id>_pre_disaster.png and targets/"
        )
    by_phase: dict[str, dict[str, Path]] = {"pre": {}, "post": {}}
    for path in list_images(images):
        for phase, found in by_phase.items():
            mark = f"_{phase}_disaster"
            if path.stem.endswith(mark):
                twin = found.setdefault(path.stem.removesuffix(mark), path)
                if twin != path:
                    raise InputError(
                        f"{twin} and {path} are images of one id; rename or take out one of them"
                    )
    if not by_phase["pre"] and not by_phase["post"]:
        raise InputError(f"{images} holds no <id>_pre_disaster or <id>_post_disaster image")
    for phase, twin in (("pre", "post"), ("post", "pre")):
        for name in sorted(by_phase[phase].keys() - by_phase[twin].keys()):
            path = by_phase[phase][name]
            raise InputError(
                f"before/after pair incomplete: {path.name} has no _{twin}_disaster twin in {images}; "
                "add it or take the image out"
            )
    pairs = []
    for name in sorted(by_phase["pre"]):
        targets = {p: _target(folder, name, p) for p in ("pre", "post")}
        if (targets["pre"] is None) != (targets["post"] is None):
            missing = "pre" if targets["pre"] is None else "post"
            raise InputError(
                f"{folder}/targets has no {name}_{missing}_disaster_target.png, but its twin; add it"
            )
        pre, post = by_phase["pre"][name], by_phase["post"][name]
        pairs.append(
            Pair(id=name, pre=pre, post=post, pre_target=targets["pre"], post_target=targets["post"])
        )
    return pairs


def _target(folder: Path, name: str, phase: str) -> Path | None:
    path = folder / "targets" / f"{name}_{phase}_disaster{TARGET_MARK}.png"
    return path if path.is_file() else None

"""What an adapter is fitted to, and the pieces that are cut from it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np

from adaptation.config import AdaptConfig
from adaptation.looks import draw_style
from adaptation.noise import dequantised_source
from adaptation.radiometry import Radiometry, recolour
from adaptation.spectrum import valid_pixels
from rasters.errors import InputError
from rasters.grid import Window

Labelled = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What an adapter is fitted to.

    Attributes:
        ordinary: Simulated images (3, H, W) uint8 with land cover, before any disaster; these set class
            colours and calibration.
        source: All simulated images with land cover, the ordinary ones first: these set texture.
        target: Real images (3, H, W) uint8; all-black pixels are no data.
        grey: Whether the target is panchromatic; the simulated images are then grey too.
    """

    ordinary: Sequence[Labelled]
    source: Sequence[Labelled]
    target: Sequence[np.ndarray]
    grey: bool

    @property
    def least_side(self) -> int:
        """The shortest side of all images [pixels]."""
        images = [*(image for image, _ in self.source), *self.target]
        return min(min(image.shape[1:]) for image in images)

    def cleaned(self, clean: Callable[[np.ndarray], np.ndarray]) -> "Material":
        """The same with every simulated image as `clean` makes it."""
        source = [(clean(image), cover) for image, cover in self.source]
        return replace(self, ordinary=source[: len(self.ordinary)], source=source)


def to_grey(image: np.ndarray) -> np.ndarray:
    """The mean of an image's bands (3, H, W) uint8 in each of them: what a flat panchromatic band sees."""
    return np.repeat(np.rint(image.mean(axis=0, keepdims=True)).astype(np.uint8), 3, axis=0)


def _all_grey(target: Sequence[np.ndarray]) -> bool:
    """Whether the real images have three equal bands, as single bands are read.

    Raises:
        InputError: Some have and some have not.
    """
    grey = sum(bool((image == image[:1]).all()) for image in target)
    if 0 < grey < len(target):
        raise InputError(
            f"{grey} of {len(target)} target images are panchromatic and the others in colour; an adapter "
            "has one kind of target: give either"
        )
    return grey > 0


def gather(
    source: Sequence[Labelled],
    aftermath: Sequence[Labelled],
    target: Sequence[np.ndarray],
    config: AdaptConfig,
    rng: np.random.Generator,
) -> Material:
    """Reads at most `max_images` a side and checks them."""
    if not len(source) or not len(target):
        raise InputError(
            f"an adapter needs images on both sides, got {len(source)} simulated and {len(target)} real"
        )
    later = min(len(aftermath), config.max_images // 2)
    ordinary = [source[i] for i in _choose(len(source), config.max_images - later, rng)]
    after = [aftermath[i] for i in _choose(len(aftermath), later, rng)]
    _check([image for image, _ in ordinary + after], "a simulated image", config)
    for image, cover in ordinary + after:
        if cover.shape != image.shape[1:]:
            raise InputError(f"land cover must be of its image's shape {image.shape[1:]}, got {cover.shape}")
    real = _read(target, "target image", config, rng)
    grey = _all_grey(real)
    if grey:
        ordinary, after = ([(to_grey(i), c) for i, c in side] for side in (ordinary, after))
    return Material(ordinary=ordinary, source=ordinary + after, target=real, grey=grey)


def with_target_after(
    material: Material, target: Sequence[np.ndarray], config: AdaptConfig, rng: np.random.Generator
) -> Material:
    """The same simulated images with real ones of after a disaster, read and checked as `gather` does."""
    real = _read(target, "target image after the disaster", config, rng)
    if _all_grey(real) != material.grey:
        raise InputError(
            "target images of before and of after the disaster are not of one kind, panchromatic or in "
            "colour: give either"
        )
    return replace(material, target=real)


def _read(
    target: Sequence[np.ndarray], name: str, config: AdaptConfig, rng: np.random.Generator
) -> list[np.ndarray]:
    """At most `max_images` of the target that hold data."""
    real = [target[i] for i in _choose(len(target), config.max_images, rng)]
    _check(real, f"a {name}", config)
    real = [image for image in real if valid_pixels(image).mean() > 0.3]
    if not real:
        raise InputError(f"every {name} is mostly black (no data); give images with content")
    return real


def _check(images: Sequence[np.ndarray], name: str, config: AdaptConfig) -> None:
    smallest = max(config.crop, 64)
    for image in images:
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] != 3:
            raise InputError(f"{name} must be uint8 of shape (3, H, W), got {image.dtype} of {image.shape}")
        if min(image.shape[1:]) < smallest:
            raise InputError(
                f"{name} is {image.shape[1]} x {image.shape[2]} pixels; at least {smallest} a side are needed"
            )


def _choose(available: int, wanted: int, rng: np.random.Generator) -> list[int]:
    chosen = rng.permutation(available)[:wanted]
    return sorted(int(i) for i in chosen)


def patch(shape: tuple[int, ...], size: int, rng: np.random.Generator) -> tuple[slice, slice]:
    """A random square of an image of this shape, at most `size` a side, a multiple of 32."""
    side = min(size, min(shape[-2:]) // 32 * 32)
    row, col = (int(rng.integers(n - side + 1)) for n in shape[-2:])
    return slice(row, row + side), slice(col, col + side)


def source_crop(
    images: Sequence[Labelled],
    radiometry: Radiometry,
    size: int,
    rng: np.random.Generator,
    angle: float = 0.0,
) -> np.ndarray:
    """A recoloured, noisy crop of one of them in a style of its own, float32 (3, size, size).

    Turned by an angle [rad]; the image must have `room` for it.
    """
    image, cover = images[int(rng.integers(len(images)))]
    side = room(size, angle)
    row, col = (int(rng.integers(n - side + 1)) for n in cover.shape)
    part = (slice(row, row + side), slice(col, col + side))
    style = draw_style(radiometry.style_root, rng)
    coloured = _turned(recolour(radiometry, image[(slice(None), *part)], cover[part], style), size, angle)
    place = Window(row=row, col=col, height=size, width=size)
    return dequantised_source(coloured, place, int(rng.integers(2**63)))


def target_crop(
    images: Sequence[np.ndarray], size: int, rng: np.random.Generator, angle: float = 0.0
) -> np.ndarray:
    """A crop without nodata, its rounding undone by uniform noise, float32 (3, size, size).

    Turned by an angle [rad]; images must have `room` for it. Where data hardly has, the crop is not turned.

    Raises:
        InputError: Hardly any place in these images holds one.
    """
    for attempt in range(1000):
        image = images[int(rng.integers(len(images)))]
        side = room(size, angle if attempt < 500 else 0.0)
        row, col = (int(rng.integers(n - side + 1)) for n in image.shape[1:])
        crop = image[:, row : row + side, col : col + side]
        if valid_pixels(crop).all():
            crop = _turned(crop.astype(np.float32), size, angle)
            return (crop + rng.random(crop.shape, dtype=np.float32) - np.float32(0.5)) / np.float32(255)
    raise InputError(
        f"the target images hold hardly a {size}-px square without black pixels; give larger ones"
    )


def room(size: int, angle: float) -> int:
    """Side of the square that holds one of `size` pixels turned by an angle [rad]."""
    return math.ceil(size * (abs(math.cos(angle)) + abs(math.sin(angle))))


def _turned(crop: np.ndarray, size: int, angle: float) -> np.ndarray:
    """The middle (3, size, size) of a square crop (3, N, N) float32, turned if N is more than size."""
    side = crop.shape[-1]
    if side == size:
        return crop
    matrix = cv2.getRotationMatrix2D(((size - 1) / 2, (size - 1) / 2), math.degrees(angle), 1.0)
    matrix[:, 2] += (side - size) / 2
    planes = np.ascontiguousarray(crop.transpose(1, 2, 0))
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP  # keeps the finest detail best
    turned = cv2.warpAffine(planes, matrix, (size, size), flags=flags, borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(turned.transpose(2, 0, 1))

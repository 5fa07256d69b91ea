"""Takes the captures' own compression blocks away before their texture is adapted, where the target has none.

The four pixels A B | C D across a border of blocks are moved towards each other where the step between them
is small; a large step is an edge and stays. After the deblocking filter of ITU-T H.263, annex J, on the
luminance alone and with a strength that is fitted. What one side of a border gains the other loses, so no
edge moves and no mean changes but for rounding.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from adaptation.descriptors import LUMINANCE, block_sums
from adaptation.spectrum import valid_pixels

BLOCK = 8  # pixels, JPEG's (ITU-T T.81); whole captures begin with a whole block
WINDOW = 128 * BLOCK  # pixels, the side of the pieces that are worked on
NEAR = 0.01  # of a block ratio: nearer to the target's is near enough
STRONGEST = 12.0  # grey levels, of annex J's own table
HALVINGS = 8  # of the interval of strengths: to a twentieth of a grey level
LEAST = 2  # images that tell a ratio and its error
LOOKED_AT, SIDE = 64, 512  # images, and pixels of their sides, that a strength is fitted on


def deblock(image: np.ndarray, strength: float) -> np.ndarray:
    """An image without the steps between its 8-pixel blocks.

    Args:
        image: (3, H, W) uint8 whose first pixel is the first one of a block.
        strength: The step [grey levels] that is taken away most; none beyond twice it is touched. 0 gives the
            image back.

    Returns:
        uint8 of the same shape; away from the two pixels on each side of a border, the same values.
    """
    if strength == 0:
        return image
    valid, made = valid_pixels(image), image.copy()
    for row, col in itertools.product(*(range(0, n, WINDOW) for n in valid.shape)):
        outer = (
            slice(max(row - BLOCK, 0), row + WINDOW + BLOCK),
            slice(max(col - BLOCK, 0), col + WINDOW + BLOCK),
        )
        before = np.tensordot(LUMINANCE, image[:, *outer].astype(np.float32), axes=1)
        after = before.copy()
        for lines in (after, after.T):  # the second is a view of the first: down, then across
            _smooth(lines, strength)
        here = (slice(row, row + WINDOW), slice(col, col + WINDOW))
        inner = tuple(slice(h.start - o.start, h.stop - o.start) for h, o in zip(here, outer, strict=True))
        smoothed = np.clip(np.rint(image[:, *here] + (after - before)[inner]), 0, 255).astype(np.uint8)
        made[:, *here] = np.where(valid[here], smoothed, image[:, *here])
    return made


def _smooth(plane: np.ndarray, strength: float) -> None:
    """Filters a plane (H, W) float32 in place across the borders between rows of blocks."""
    at = np.arange(BLOCK, plane.shape[0] - 1, BLOCK)
    a, b, c, d = (plane[at + k] for k in (-2, -1, 0, 1))
    step = (a - d - 4 * (b - c)) / 8  # in this order a mirrored image gives the same bytes, mirrored
    size = np.abs(step)
    ramp = np.sign(step) * np.maximum(0, size - np.maximum(0, 2 * (size - strength)))
    outer = np.clip((a - d) / 4, -np.abs(ramp) / 2, np.abs(ramp) / 2)
    for k, change in ((-2, -outer), (-1, ramp), (0, -ramp), (1, outer)):
        plane[at + k] += change


def block_sums_of(image: np.ndarray) -> np.ndarray:
    """[[sum on block borders, count], [sum elsewhere, count]] of luminance steps of an image, (2, 2)."""
    luminance = np.tensordot(LUMINANCE, image.astype(np.float64), axes=1)
    luminance[~valid_pixels(image)] = np.nan
    return block_sums(np.diff(luminance, axis=1), np.diff(luminance, axis=0), BLOCK)


def block_ratio(images: Sequence[np.ndarray]) -> tuple[float, float]:
    """Mean step across block borders over that elsewhere, and the standard error of the ratio.

    Args:
        images: (3, H, W) uint8; all-black pieces are no data; fewer than `LEAST` that hold more tell nothing,
            and the error is then infinite.
    """
    sums = np.array([block_sums_of(image) for image in images])
    sums = sums[(sums[..., 1] > 0).all(axis=1)]
    if len(sums) < LEAST:
        return 1.0, float("inf")
    means = sums[..., 0] / np.maximum(sums[..., 1], 1)
    each = means[:, 0] / np.maximum(means[:, 1], 1e-9)
    total = sums.sum(axis=0)
    ratio = total[0, 0] / total[0, 1] / max(total[1, 0] / total[1, 1], 1e-9)
    return float(ratio), float(each.std(ddof=1) / np.sqrt(len(each)))


def fit_deblocking(source: Sequence[np.ndarray], target: Sequence[np.ndarray]) -> float:
    """The strength [grey levels] that makes simulated images as blocky as the target's; 0 if they are.

    Args:
        source: Whole simulated images (3, H, W) uint8.
        target: Real images (3, H, W) uint8.

    Returns:
        0, too, where the difference could be chance (two standard errors); at most `STRONGEST`.
    """
    sides = []
    for images in (source, target):
        chosen = np.linspace(0, len(images) - 1, min(len(images), LOOKED_AT)).astype(int)
        sides.append([images[i][:, :SIDE, :SIDE] for i in chosen])
    (ratio, error), (wanted, its_error) = (block_ratio(side) for side in sides)
    if ratio - wanted <= max(NEAR, 2 * np.hypot(error, its_error)):
        return 0.0
    tried, low, high = {0.0: ratio}, 0.0, STRONGEST
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        tried[middle], _ = block_ratio([deblock(image, middle) for image in sides[0]])
        low, high = (middle, high) if tried[middle] > wanted else (low, middle)
    return min(tried, key=lambda strength: abs(tried[strength] - wanted))  # rounding makes small jumps

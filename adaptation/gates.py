"""Whether an adapter wrote the labels into the texture: the leakage gate.

A classifier that sees 4 x 4 pixels and no colour learns the class from the texture of simulated images,
another one from that of the adapted ones. If the second does better on ground it did not see, the adapter
put the class where nothing in the world puts it, and a network trained on such images reads that instead of
the scene.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from adaptation.material import Labelled
from adaptation.pseudolabels import CELL, fit_classifier
from adaptation.recoverability import choose_cells

MOST = 200  # cells of a class, image and half
LEAST = 40  # cells of a class, in every half, that it is asked for
DITHER = 1.0  # grey levels of noise on what is looked at: rounding writes a pattern that hangs on the colour
MARGIN = 0.05  # of balanced accuracy, that an honest adapter may gain by chance and by grain: an assumption
_OPPONENT = np.array([[1, 1, 1], [1, 0, -1], [1, -2, 1]]) / np.sqrt([[3], [2], [6]])


@dataclass(frozen=True, slots=True, kw_only=True)
class Leakage:
    """How well texture alone tells the class.

    Attributes:
        adapted: Balanced accuracy on adapted images, in [0, 1].
        reference: The same on those they were made of, by a classifier of their own.
        chance: Of guessing.
        margin: That `adapted` may be better.
        classes: Code -> recall on adapted images and on the others.
    """

    adapted: float
    reference: float
    chance: float
    margin: float
    classes: dict[int, tuple[float, float]]

    @property
    def passed(self) -> bool:
        """Whether the adapted images give the class away no more than the others."""
        return self.adapted <= self.reference + self.margin


def leakage(
    original: Sequence[Labelled], adapted: Sequence[Labelled], *, rng: np.random.Generator
) -> Leakage | None:
    """What the texture of adapted images tells about the class, beside what that of the originals tells.

    Args:
        original: Images (3, H, W) uint8 with the classes (H, W) that are asked for; 0 is left out.
        adapted: The same images after adaptation, in the same order, with the same classes.
        rng: Chooses cells.

    Returns:
        None if there are fewer than two classes to tell apart on either half of the ground.
    """
    chosen = [choose_cells(_inner(labels), MOST, rng) for _, labels in original]
    codes, halves = (np.concatenate([np.zeros(0, np.int64), *(c[k] for c in chosen)]) for k in (0, 1))
    counts = [np.bincount(codes[halves == half], minlength=256) for half in (0, 1)]
    asked = np.flatnonzero(np.minimum(*counts) >= LEAST)
    if len(asked) < 2:
        return None
    keep = torch.from_numpy(np.isin(codes, asked))
    codes, halves = codes[keep.numpy()], halves[keep.numpy()]
    recalls = []
    for images in (adapted, original):
        noise = rng.spawn(len(images))
        seen = [
            _texture(image + DITHER * r.standard_normal(image.shape), few)
            for (image, _), (_, _, few), r in zip(images, chosen, noise, strict=True)
        ]
        features = torch.cat(seen)
        recalls.append(_recall(features[keep], torch.from_numpy(codes), halves, asked))
    return Leakage(
        adapted=float(np.mean(recalls[0])),
        reference=float(np.mean(recalls[1])),
        chance=1 / len(asked),
        margin=MARGIN,
        classes={
            int(code): (float(a), float(b)) for code, a, b in zip(asked, recalls[0], recalls[1], strict=True)
        },
    )


def _inner(labels: np.ndarray) -> np.ndarray:
    """Labels (H, W) with 0 where another class is a pixel away."""
    near = np.ones((3, 3))
    return np.where(cv2.erode(labels, near) == cv2.dilate(labels, near), labels, 0)


def _texture(image: np.ndarray, few: np.ndarray) -> Tensor:
    """Cosine coefficients of cells (flat indices) in opponent colours without means, and logarithms of power.

    float32 (N, 90): a pattern shows in the first if it stands still, in the second if it moves.
    """
    planes = np.einsum("kc,chw->khw", _OPPONENT, image.astype(np.float32))
    height, width = (n // CELL for n in image.shape[1:])
    blocks = planes[:, : height * CELL, : width * CELL].reshape(3, height, CELL, width, CELL)
    basis = cv2.dct(np.eye(CELL), flags=cv2.DCT_ROWS).T
    waves = np.einsum("ui,krisj,vj->rskuv", basis, blocks, basis, optimize=True)
    found = waves[np.divmod(few, width)].reshape(len(few), 3, -1)[:, :, 1:].reshape(len(few), -1)
    return torch.from_numpy(np.concatenate([found, np.log(found**2 + 0.1)], axis=1).astype(np.float32))


def _recall(features: Tensor, codes: Tensor, halves: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Share of the cells of each class that a classifier taught on the other half of the ground finds."""
    index = torch.from_numpy(np.searchsorted(asked, codes.numpy()))
    said = torch.zeros_like(index)
    for half in (0, 1):
        taught, told = torch.from_numpy(halves != half), torch.from_numpy(halves == half)
        model = fit_classifier(features[taught], index[taught], torch.Generator().manual_seed(0))
        with torch.inference_mode():
            said[told] = model(features[told])[:, : len(asked)].argmax(dim=1)
    return np.array([float((said[index == k] == k).float().mean()) for k in range(len(asked))])

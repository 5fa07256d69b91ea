"""Where the edges of each class lie after adaptation, and how much of their gradient is kept."""

from collections.abc import Iterable

import cv2
import numpy as np

from adaptation.fidelity import Structure, displacement, gradient

LEAST = 200  # pixels along the edge of a class in an image, that a displacement is read from
REACH = 2  # pixels, the standard deviation of what counts as near an edge


def class_edges(pairs: Iterable[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> dict[int, Structure]:
    """Structure at the edges of each class, the mean over images weighted by the length of the edge.

    Args:
        pairs: Image before and after adaptation (3, H, W) uint8, and its classes (H, W).

    Returns:
        Code -> correlation of the gradients near the edge, and displacement of the edge [px].
    """
    found: dict[int, list[tuple[int, float, float, float]]] = {}
    for original, adapted, classes in pairs:
        maps = [gradient(image) for image in (original, adapted)]
        for code in np.unique(classes[classes > 0]):
            mask = (classes == code).astype(np.uint8)
            border = cv2.morphologyEx(mask, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
            near = cv2.GaussianBlur(border.astype(np.float64), (0, 0), REACH)
            flat = any(np.ptp(m[near > 1e-3]) == 0 for m in maps) if border.any() else True
            if border.sum() < LEAST or flat:
                continue
            centred = [m - np.average(m, weights=near + 1e-9) for m in maps]
            product, first, second = (
                float(np.sum(near * a * b)) for a, b in ((centred[0], centred[1]), *((c, c) for c in centred))
            )
            shift = displacement(*(m * near for m in centred))
            row = (int(border.sum()), product / np.sqrt(first * second), *shift)
            found.setdefault(int(code), []).append(row)
    result = {}
    for code, rows in sorted(found.items()):
        _, kept, down, right = np.average(rows, axis=0, weights=[row[0] for row in rows])
        result[code] = Structure(gradient_correlation=float(kept), shift=(float(down), float(right)))
    return result

"""Sharpness: the system's transfer from straight edges that are found in the pictures.

ISO 12233's slanted edge, fitted as a model: the edge spread of a square pixel, a Gaussian and an unsharp mask, so that a
dozen pixels of a roof's edge suffice where the standard wants a hundred of a chart's.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

SIGMAS = np.arange(0.15, 1.51, 0.05)  # [pixels] of the Gaussian
STRENGTHS = np.arange(0.0, 1.01, 0.1)  # of the unsharp mask
REACH = 3.0  # [pixels] on both sides of an edge
SHORTEST = 9.0  # [pixels] of an edge
ENDS = 2.0  # [pixels] that are left out at both
STEEPEST = 0.5  # tangent of the angle against the axis: the pixel's square is taken along the axis
LEAST_SLANT = 0.4  # [pixels] that an edge moves across the axis along its length, so that it has phases
LEAST_STEP = 0.04  # of the linear signal
CLEAN = 0.2  # root mean square remainder over the edge's step
MOST = 150  # edges an image and axis
_AT = np.arange(-8.0, 8.001, 0.05)


class Edge(NamedTuple):
    """A straight edge's fit.

    Attributes:
        across: 1 if it stands upright and tells the transfer along rows (right), 0 for down.
        remainder: Mean squared remainder over the squared step (sigma, strength).
        pixels: That were looked at.
    """

    across: int
    remainder: np.ndarray
    pixels: int


def transfer(frequency: np.ndarray, sigma: float, strength: float) -> np.ndarray:
    """Modulation transfer of square pixel, Gaussian and unsharp mask at `frequency` [cycles/pixel]."""
    gaussian = np.exp(-2 * (math.pi * sigma * frequency) ** 2)
    mask = 1 + strength * (1 - np.exp(-2 * (math.pi * frequency) ** 2))
    return np.sinc(frequency) * gaussian * mask


def edge_spread(sigma: float, strength: float) -> np.ndarray:
    """Edge spread function at `_AT` [pixels], the integral of the transfer's line spread."""
    f = (np.arange(600) + 0.5) / 200  # to 3 cycles a pixel
    waves = np.sin(2 * math.pi * f * _AT[:, None]) / (math.pi * f)
    return 0.5 + (waves * transfer(f, sigma, strength)).sum(axis=1) / 200


SPREADS = np.stack([edge_spread(s, k) for s in SIGMAS for k in STRENGTHS])
LINES = np.gradient(SPREADS, 0.05, axis=1)
_FIRST = int(np.argmin(np.abs(SIGMAS - 0.5))) * len(STRENGTHS) + 2


def find_edges(signal: np.ndarray) -> list[Edge]:
    """The clean straight edges of a linear signal (H, W) float32 in [0, 1]."""
    shown = np.rint(255 * np.sqrt(signal / max(float(np.quantile(signal, 0.999)), 1e-6))).clip(0, 255)
    detector = cv2.createLineSegmentDetector(cv2.LSD_REFINE_NONE, 1.0)
    lines = detector.detect(shown.astype(np.uint8))[0]
    if lines is None:
        return []
    found: list[Edge] = []
    for across in (0, 1):
        ends = lines.reshape(-1, 4).astype(np.float64)
        if not across:
            ends = ends[:, [1, 0, 3, 2]]  # as if it were transposed
        plane = signal if across else signal.T
        along = np.abs(ends[:, 3] - ends[:, 1])
        drift = np.abs(ends[:, 2] - ends[:, 0])
        good = (along >= SHORTEST) & (drift <= STEEPEST * along) & (drift >= LEAST_SLANT)
        order = np.argsort(-along)
        fits = (_fit_edge(plane, ends[i], across) for i in order[good[order]][:MOST])
        found += [edge for edge in fits if edge is not None]
    return found


def _fit_edge(plane: np.ndarray, ends: np.ndarray, across: int) -> Edge | None:
    """The fit of an upright edge from (x, y) to (x, y), or None if it is none."""
    x0, y0, x1, y1 = ends if ends[1] < ends[3] else ends[[2, 3, 0, 1]]
    rows = np.arange(math.ceil(y0 + ENDS), math.floor(y1 - ENDS) + 1)
    slope = (x1 - x0) / (y1 - y0)
    cosine = 1 / math.hypot(1, slope)
    at = x0 + slope * (rows - y0)
    span = np.arange(-math.ceil(REACH / cosine) - 1, math.ceil(REACH / cosine) + 2)
    cols = np.rint(at)[:, None].astype(int) + span
    if len(rows) < SHORTEST - 2 * ENDS - 1 or cols.min() < 0 or cols.max() >= plane.shape[1]:
        return None
    distance = ((cols - at[:, None]) * cosine).ravel()
    values = plane[rows[:, None], cols].ravel().astype(np.float64)
    along = np.repeat((rows - rows.mean()) / len(rows), len(span))
    for _ in range(4):
        near = np.abs(distance) <= REACH
        solved = _solve(values[near], distance[near], along[near], slice(_FIRST, _FIRST + 1))[1][0]
        if abs(solved[1]) < LEAST_STEP:
            return None
        moved = -(solved[2] + solved[3] * along) / solved[1]
        if np.abs(moved).max() > 2:
            return None
        distance = distance - moved
    near = np.abs(distance) <= REACH
    squares, solved = _solve(values[near], distance[near], along[near], slice(None))
    remainder = squares / near.sum() / np.maximum(solved[:, 1] ** 2, 1e-12)
    if remainder.min() > CLEAN**2 or np.abs(solved[:, 1]).max() < LEAST_STEP:
        return None
    return Edge(across, remainder.reshape(len(SIGMAS), len(STRENGTHS)), int(near.sum()))


def _solve(
    values: np.ndarray, distance: np.ndarray, along: np.ndarray, which: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Squared remainders (G,) and [floor, step, shift * step, turn * step] (G, 4) for each spread."""
    place = np.clip((distance - _AT[0]) / 0.05, 0, len(_AT) - 1.001)
    low = place.astype(int)
    part = place - low
    spread, line = SPREADS[which], LINES[which]
    edge = spread[:, low] * (1 - part) + spread[:, low + 1] * part
    slope = line[:, low] * (1 - part) + line[:, low + 1] * part
    design = np.stack([np.ones_like(edge), edge, slope, slope * along], axis=-1)
    normal = np.einsum("gni,gnj->gij", design, design) + 1e-9 * np.eye(4)
    right = np.einsum("gni,n->gi", design, values)
    solved = np.linalg.solve(normal, right[..., None])[..., 0]
    return np.maximum((values**2).sum() - (solved * right).sum(axis=1), 0), solved

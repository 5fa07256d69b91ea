"""What fallen buildings strew around them: covered ground, and loose pieces to see."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from simulator.city.model import Boxes, BoxKind, Building, City, Construction
from simulator.city.noise import smooth_noise
from simulator.disasters.cells import building_cells
from simulator.scene.ruins import ruin_colours

PIECES_PER_M2 = 0.35  # of covered ground: an assumption
MOST_PIECES = 160  # of one building
FARTHEST = 14.0
"""No debris lies further from a wall [m]: an assumption."""

# What a construction breaks into: (low, high) of length, width, height [m], share of light pieces
# (plasterboard, insulation, sheeting), seen in the Joplin 2011 imagery. Assumptions.
PIECES: dict[Construction, tuple[tuple[float, float, float], tuple[float, float, float], float]] = {
    "timber": ((0.8, 0.15, 0.08), (4.0, 1.0, 0.3), 0.2),
    "masonry": ((0.3, 0.25, 0.15), (1.3, 0.9, 0.6), 0.06),
    "concrete": ((0.6, 0.4, 0.15), (3.0, 2.0, 0.6), 0.04),
    "adobe": ((0.2, 0.2, 0.12), (0.9, 0.7, 0.45), 0.04),
    "steel": ((0.8, 0.4, 0.06), (4.5, 1.8, 0.3), 0.3),
}
LIGHT = (0.62, 0.60, 0.56)


def covered_ground(
    city: City, reach: np.ndarray, rng: np.random.Generator, sources: Sequence[Building] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Where debris covers the ground around buildings, and whose it is.

    Cover is full at a wall and thins to nothing at `reach`, in patches.

    Args:
        city: The city.
        reach: (N,) how far each building's debris lies from its walls [m]; 0 for none.
        rng: Random generator.
        sources: (N,) the parts of the buildings that shed it; all of them if None.

    Returns:
        Covered (H, W) bool, outside all footprints, and owner (H, W) int32, the position in
        `city.buildings` of the nearest building with debris (-1: there is none), on the cells of
        `city.ground`.
    """
    cells = building_cells(city.buildings, city.ground)
    parts = cells if sources is None else building_cells(sources, city.ground)
    shed = np.concatenate([[False], reach > 0])[parts]
    if not shed.any():
        return np.zeros(cells.shape, bool), np.full(cells.shape, -1, np.int32)
    distance, nearest = ndimage.distance_transform_edt(~shed, sampling=city.ground.cell, return_indices=True)
    owner = parts[tuple(nearest)] - 1
    cover = 1 - distance / np.maximum(reach[owner], 1e-6)
    patches = smooth_noise(cells.shape, city.ground.cell, 3.0, rng, octaves=2)
    covered = (cover > 0) & (cells == 0) & (cover + 0.22 * patches > 0.33)
    return covered, owner.astype(np.int32)


def pieces(city: City, covered: np.ndarray, owner: np.ndarray, rng: np.random.Generator) -> Boxes:
    """Loose pieces of the owners' construction on covered ground (H, W), grouped by building."""
    x, y = city.ground.centres()
    row, col = np.nonzero(covered)
    order = np.argsort(owner[row, col], kind="stable")
    row, col = row[order], col[order]
    who, start, counts = np.unique(owner[row, col], return_index=True, return_counts=True)
    wanted = np.minimum((counts * city.ground.cell**2 * PIECES_PER_M2).astype(int) + 1, MOST_PIECES)
    group = np.repeat(np.arange(len(who)), wanted)
    pick = start[group] + (rng.random(len(group)) * counts[group]).astype(int)
    xy = np.stack([x[col[pick]], y[row[pick]]], axis=1)
    xy += rng.uniform(-0.5, 0.5, xy.shape) * city.ground.cell
    return _broken([city.buildings[k] for k in who], group, xy, rng)


def _broken(owners: Sequence[Building], group: np.ndarray, xy: np.ndarray, rng: np.random.Generator) -> Boxes:
    """A piece of `owners[group]` at each place (M, 2), in the colours of what the owner is made of."""
    count = len(group)
    table = np.array([(*low, *high, light) for low, high, light in (PIECES[b.construction] for b in owners)])
    low, high, light = np.split(table.reshape(-1, 7)[group], [3, 6], axis=1)
    size = low + (high - low) * rng.random((count, 1)) ** 2 * rng.uniform(0.5, 1, (count, 3))
    tilt = rng.normal(0, 0.3, count)
    rest = size[:, 2] / 2 * np.abs(np.cos(tilt)) + size[:, 1] / 2 * np.abs(np.sin(tilt))
    hue, bright = rng.random((count, 1)), rng.uniform(0.6, 1.15, (count, 1))
    palette = ruin_colours(owners) if owners else np.zeros((1, 1, 3))
    own = palette[group, rng.integers(0, palette.shape[1], count)]
    return Boxes(
        centre=np.concatenate([xy, rest[:, None]], axis=1),
        size=size,
        heading=rng.uniform(0, math.tau, count),
        tilt=tilt,
        colour=(np.where(hue < light, LIGHT, own) * bright).clip(0, 1),
        kind=np.full(count, BoxKind.DEBRIS, np.uint8),
    )

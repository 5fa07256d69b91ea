"""What a flood leaves on the ground and carries on its surface."""

import cv2
import numpy as np

from simulator.city.model import NO_BOXES, Boxes, City, Field, Ground
from simulator.city.noise import smooth_noise
from simulator.disasters.cells import building_cells, with_values

DRYING = 4.0  # days in which mud turns to pale silt: an assumption for warm weather
NATURAL = (
    Ground.GRASS, Ground.MEADOW, Ground.SOIL, Ground.CROP, Ground.FOREST_FLOOR, Ground.SPORT, Ground.LAWN,
    Ground.DRY_GRASS, Ground.TILLED, Ground.STUBBLE, Ground.SAND, Ground.CLAY, Ground.DIRT_ROAD,
)  # fmt: skip
# Share of a standard deviation of the noise above which mud lies: less with depth, up to COVERED metres,
# more on what is paved, which the flow and people wash: assumptions
BARE, COVERING, COVERED, PAVED = 0.6, 1.6, 2.0, 1.1
FLOATING = 0.3  # depth from which there is driftwood [m], and the water for one piece [m2]: assumptions
WATER_PER_PIECE = 300.0
WOOD = np.array([0.30, 0.24, 0.17])


def muddy(
    city: City, crest: np.ndarray, depth: np.ndarray, dry: np.ndarray, rng: np.random.Generator
) -> Field:
    """The ground where water stood: mud, in patches the more closed the deeper it was; silt where it dried.

    Args:
        city: Before.
        crest, depth: Greatest depth, and that which is left [m], (H, W).
        dry: For how long each cell has lain dry [days], (H, W).
        rng: Random generator.
    """
    codes = city.ground.values.copy()
    half = tuple(-(-n // 2) for n in codes.shape)
    noise = smooth_noise(half, 2 * city.ground.cell, 14.0, rng, octaves=4)
    noise = cv2.resize(noise, codes.shape[::-1], interpolation=cv2.INTER_LINEAR)
    natural = np.isin(codes, NATURAL)
    bare = BARE - COVERING * np.minimum(crest / COVERED, 1) + np.where(natural, np.float32(0), PAVED)
    mud = (crest > 0) & (noise > bare)
    codes[mud] = Ground.MUD
    codes[mud & (depth == 0) & (dry > DRYING * (1 + 0.3 * noise))] = Ground.SILT
    return with_values(city.ground, codes)


def flotsam(city: City, depth: np.ndarray, rng: np.random.Generator) -> Boxes:
    """Boards, branches and bins afloat on water `depth` (H, W) [m] deep, in rafts and alone."""
    open_water = (depth > FLOATING) & (building_cells(city.buildings, city.ground) == 0)
    row, col = np.nonzero(open_water)
    count = int(len(row) * city.ground.cell**2 / WATER_PER_PIECE)
    if count == 0:
        return NO_BOXES
    pick = rng.integers(0, len(row), count)
    raft = rng.random(count) < 0.6  # a piece in four is where another one is
    pick = np.where(raft, pick[rng.integers(0, max(count // 4, 1), count)], pick)
    x, y = city.ground.centres()
    xy = np.stack([x[col[pick]], y[row[pick]]], axis=1) + rng.normal(0, 1.2, (count, 2)) * raft[:, None]
    at = with_values(city.ground, depth).nearest(*xy.T)
    size = np.stack(
        [rng.uniform(0.5, 3.0, count), rng.uniform(0.2, 0.7, count), np.full(count, 0.12)], axis=1
    )
    wood = WOOD * rng.uniform(0.5, 1.5, (count, 1))
    return Boxes(
        centre=np.column_stack([xy, at + 0.03]),
        size=size,
        heading=rng.uniform(0, 2 * np.pi, count),
        tilt=np.zeros(count),
        colour=np.where(rng.random((count, 1)) < 0.08, 0.5, wood),
        kind=np.zeros(count, np.uint8),
    )

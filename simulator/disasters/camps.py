"""Where people stay after their homes have fallen: tents and shelters in open space."""

import math

import numpy as np
import shapely
from scipy import ndimage
from scipy.spatial import KDTree

from rasters.classes import Damage
from simulator.city.model import NO_BOXES, Boxes, BoxKind, Building, City, Ground, LandUse
from simulator.disasters.cells import building_cells, middles

FIRST_DAY = 1.0
"""Before, people stand about or sleep in cars [days]: an assumption."""
SETTLING = 5.0
"""In so many days two thirds of those who will be in tents are [days]: an assumption."""
SHELTERED = 0.5
"""Tents for each damaged dwelling, of those who did not leave: an assumption."""
DWELLING = 90.0
"""Floor of a home [m2]: an assumption."""
USES = ("park", "sport", "parking", "vacant", "meadow", "market", "civic", "plaza")
"""Of the land that camps stand on."""
OPEN = (
    Ground.GRASS, Ground.LAWN, Ground.MEADOW, Ground.DRY_GRASS, Ground.SPORT, Ground.CLAY, Ground.SOIL,
    Ground.SAND, Ground.GRAVEL, Ground.TARMAC, Ground.PAVING, Ground.CONCRETE,
)  # fmt: skip
PITCH, LANE = (5.8, 7.6), 4.0
"""Between tents of a row and between rows, and what is added for a lane between pairs of rows [m]: family
tents of 6.6 by 4 m with little more than the 2 m between them that camp standards ask for."""
PLANNED = 1800.0
"""Larger grounds [m2] get rows of the same tents, smaller ones shelters of sheets as they came."""
MARGIN = 3.4
"""To anything that stands or is not open ground [m]."""
SHEETS = np.array([
    (0.025, 0.110, 0.400), (0.025, 0.110, 0.400), (0.66, 0.67, 0.66), (0.42, 0.42, 0.40),
    (0.10, 0.19, 0.10), (0.30, 0.24, 0.16), (0.48, 0.20, 0.05),
])  # fmt: skip
"""Linear albedo of tarpaulins, blue ones twice; assumptions."""
TENTS = np.array([(0.70, 0.69, 0.65), (0.55, 0.50, 0.40), (0.66, 0.67, 0.69)])
"""Of family tents: white, sand, and white of another maker; assumptions."""


def camps(city: City, damage: np.ndarray, days: float, rng: np.random.Generator) -> Boxes:
    """Tents in the open spaces nearest to the damage, more of them as days go by; none before `FIRST_DAY`.

    Args:
        city: After the disaster.
        damage: (N,) `Damage` codes of its buildings.
        days: Since.
        rng: Random generator.
    """
    homes = [b for b, level in zip(city.buildings, damage, strict=True) if level >= Damage.MAJOR]
    lots = [lot for lot in city.land_use if lot.use in USES]
    if days < FIRST_DAY or not homes or not lots:
        return NO_BOXES
    wanted = SHELTERED * _dwellings(homes) * (1 - math.exp(-days / SETTLING))
    spots = [_spots(lot) for lot in lots]
    of = np.repeat(np.arange(len(lots)), [len(xy) for xy, _ in spots])
    xy = np.concatenate([xy for xy, _ in spots])
    heading = np.concatenate([np.full(len(xy), turn) for xy, turn in spots])
    free = _is_free(xy, city)
    xy, heading, of = xy[free], heading[free], of[free]
    near, _ = KDTree(middles(homes)).query(xy)
    order = np.lexsort((near, _least(near, of)[of]))[: round(wanted)]
    area = np.array([shapely.Polygon(lot.ring).area for lot in lots])
    return _tents(xy[order], heading[order], of[order], area, rng)


def _dwellings(homes: list[Building]) -> float:
    floors = [shapely.Polygon(b.footprint).area * max(1.0, b.eave / 3) for b in homes]
    return float(np.maximum(1.0, np.array(floors) / DWELLING).sum())


def _least(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    least = np.full(group.max(initial=0) + 1, np.inf)
    np.minimum.at(least, group, values)
    return least


def _spots(lot: LandUse) -> tuple[np.ndarray, float]:
    """Places (M, 2) in rows within a lot [m], and the heading of the rows [rad]."""
    sides = np.roll(lot.ring, -1, axis=0) - lot.ring
    x, y = sides[np.argmax((sides**2).sum(axis=1))]
    turn = math.atan2(y, x)
    c, s = math.cos(turn), math.sin(turn)
    frame = np.array([[c, s], [-s, c]])  # its rows are along and across
    local = lot.ring @ frame.T
    low, high = local.min(axis=0) + MARGIN, local.max(axis=0) - MARGIN
    along = np.arange(low[0], high[0], PITCH[0])
    rows = np.arange(max(0, int((high[1] - low[1]) / PITCH[1]) + 1))
    across = low[1] + PITCH[1] * rows + LANE * (rows // 2)
    spots = np.stack(np.meshgrid(along, across), axis=-1).reshape(-1, 2) @ frame
    inside = shapely.Polygon(lot.ring).buffer(-MARGIN)
    return spots[shapely.contains_xy(inside, *spots.T)], turn + math.pi / 2


def _is_free(xy: np.ndarray, city: City) -> np.ndarray:
    """(M,) bool: open ground, away from buildings, trees, cars and clutter."""
    blocked = ~np.isin(city.ground.values, OPEN) | (building_cells(city.buildings, city.ground) > 0)
    room = ndimage.distance_transform_edt(~blocked, sampling=city.ground.cell)
    height, width = blocked.shape
    col = ((xy[:, 0] - city.ground.west) / city.ground.cell).astype(int)
    row = ((city.ground.north - xy[:, 1]) / city.ground.cell).astype(int)
    free = (col >= 0) & (col < width) & (row >= 0) & (row < height)
    free[free] = room[row[free], col[free]] > MARGIN
    things = [(city.trees.xy, city.trees.radius * 0.7)]
    things += [(boxes.centre[:, :2], boxes.size[:, 0] / 2) for boxes in (city.vehicles, city.clutter)]
    for places, radius in things:
        if len(places):
            distance, index = KDTree(places).query(xy)
            free &= distance > radius[index] + MARGIN
    return free


def _tents(
    xy: np.ndarray, heading: np.ndarray, of: np.ndarray, area: np.ndarray, rng: np.random.Generator
) -> Boxes:
    count = len(xy)
    planned = area[of] > PLANNED
    shelter = rng.uniform((2.6, 2.4, 1.7), (4.6, 3.6, 2.3), (count, 3))
    size = np.where(planned[:, None], (6.4, 4.0, 2.3), shelter)
    camp = rng.integers(0, len(TENTS), len(area))
    sheet = SHEETS[rng.integers(0, len(SHEETS), count)]
    colour = np.where(planned[:, None], TENTS[camp[of]], sheet) * rng.uniform(0.85, 1.1, (count, 1))
    loose = np.where(planned, 0.04, 1.0)
    jitter = rng.normal(0, 0.35, (count, 2)) * loose[:, None]
    return Boxes(
        centre=np.column_stack([xy + jitter, size[:, 2] / 2]),
        size=size,
        heading=heading + rng.normal(0, 0.3, count) * loose,
        tilt=np.zeros(count),
        colour=colour.clip(0, 1),
        kind=np.full(count, BoxKind.TENT, np.uint8),
    )

"""Trees: in gardens, woods and along streets, in clumps, clear of buildings, carriageways and water."""

import cv2
import numpy as np
import shapely
from scipy.spatial import KDTree

from simulator.city.ground import CELL, Canvas, has_median
from simulator.city.model import Building, Field, Ground, TreeKind, Trees
from simulator.city.noise import smooth_noise
from simulator.city.streets import Network

BARE = (
    Ground.ASPHALT,
    Ground.TARMAC,
    Ground.MARKING,
    Ground.RIVERBED,
    Ground.POOL,
    Ground.SPORT,
    Ground.CROP,
)

SPREAD = 0.35  # standard deviation of the logarithm of crown radii in one place (an assumption)
LOSS = 1.7  # trees sown for one that stands, thinning and obstacles taking the others (measured)
APART = 0.45  # trunks stand no closer than this share of the sum of their crowns' radii


def plant_trees(
    cover: Field,
    ground: Field,
    buildings: tuple[Building, ...],
    network: Network,
    conifers: float,
    rng: np.random.Generator,
) -> Trees:
    """Trees whose crowns make up about `cover` of the area, and the rows along streets and medians."""
    mean = rng.uniform(2.2, 3.6)
    clear = _clearance(ground, buildings)
    wild = _scatter(cover, clear, mean, rng)
    rows = _street_rows(network, rng)
    xy = np.concatenate([rows, wild])
    dense = np.concatenate([np.full(len(rows), 0.3), cover.nearest(wild[:, 0], wild[:, 1])])
    radius = np.clip(_crown(mean, dense) * rng.lognormal(0, SPREAD, len(xy)), 0.9, 7.5)
    size = cover.north
    inside = (xy > 0).all(axis=1) & (xy < size).all(axis=1)
    free = clear.nearest(np.clip(xy[:, 0], 0, size), np.clip(xy[:, 1], 0, size))
    wild_row = np.arange(len(xy)) >= len(rows)
    keep = inside & (free > np.where(wild_row, 0.25 * radius + 0.2, 0.3))
    xy, radius, dense = xy[keep], radius[keep], dense[keep]
    keep = _thin(xy, radius)
    xy, radius, dense = xy[keep], radius[keep], dense[keep]
    return _describe(xy, radius, dense, conifers, cover, rng)


def _describe(
    xy: np.ndarray,
    radius: np.ndarray,
    dense: np.ndarray,
    conifers: float,
    cover: Field,
    rng: np.random.Generator,
) -> Trees:
    """Species, heights and colours: neighbours resemble each other."""
    count = len(xy)
    stands = smooth_noise(cover.values[::8, ::8].shape, 8 * cover.cell, 60.0, rng, octaves=3)
    stand = Field(west=0.0, north=cover.north, cell=8 * cover.cell, values=stands).nearest(xy[:, 0], xy[:, 1])
    rank = np.clip(0.5 + 0.5 * np.tanh(0.8 * stand) + rng.normal(0, 0.15, count), 0, 1)
    conifer = rank < conifers
    radius = np.where(conifer, radius * 0.8, radius)
    height = radius * np.where(conifer, rng.uniform(2.6, 4.2, count), rng.uniform(1.7, 2.8, count)) + 1.0
    height = height * (1 + 0.25 * dense)
    tone = rng.normal(0, 0.16, count) + 0.12 * stand
    warm = rng.normal(0, 0.08, count) + 0.05 * stand
    tint = np.exp(np.stack([tone + warm, tone, tone - warm], 1))
    kind = np.where(conifer, TreeKind.CONIFER, TreeKind.BROADLEAF).astype(np.uint8)
    leafy, unburnt = np.ones(count), np.zeros(count)
    return Trees(xy=xy, radius=radius, height=height, kind=kind, foliage=leafy, tint=tint, burnt=unburnt)


def _scatter(cover: Field, clear: Field, mean: float, rng: np.random.Generator) -> np.ndarray:
    """Random positions (N, 2) at the density that `cover` asks for, clumped where it is thin [m]."""
    values = cover.values[::2, ::2].astype(np.float64)  # trees are metres apart
    cell = 2 * cover.cell
    clump = np.exp(
        smooth_noise(values.shape, cell, rng.uniform(12, 50), rng, octaves=2) * rng.uniform(0.5, 1.3)
    )
    values[clear.values[::2, ::2] < 0.8] = 0.0
    values *= np.where(values < 0.7, clump / clump.mean(), 1.0)
    crowns = -np.log1p(-np.minimum(values, 0.92))  # crowns that fall at random cover 1 - exp(-sum of areas)
    area = np.pi * _crown(mean, values) ** 2 * np.exp(2 * SPREAD**2)  # mean of a log-normal crown's
    weight = np.cumsum((crowns / area).ravel())
    count = rng.poisson(LOSS * weight[-1] * cell**2)
    at = np.searchsorted(weight, rng.uniform(0, weight[-1], count), side="right")
    at = np.minimum(at, values.size - 1)
    row, col = np.divmod(at, values.shape[1])
    shift = rng.uniform(0, 1, (count, 2))
    return np.stack([(col + shift[:, 0]) * cell, cover.north - (row + shift[:, 1]) * cell], 1)


def _crown(mean: float, cover: np.ndarray) -> np.ndarray:
    """Typical crown radius [m] where trees cover `cover` of the ground: woods are older than gardens."""
    return mean * (0.8 + 0.5 * np.minimum(cover, 1))


def _street_rows(network: Network, rng: np.random.Generator) -> np.ndarray:
    """Positions (N, 2) along both sides of the streets, and on medians [m]."""
    rows = [np.zeros((0, 2))]
    for k, street in enumerate(network.streets):
        line = shapely.LineString(street.centreline)
        if street.bridge or line.length < 12:
            continue
        aside = street.width / 2 + (network.verges[k] / 2 if network.verges[k] > 0.6 else 0.7)
        sides = [(-aside, network.trees[k]), (aside, network.trees[k])]
        sides += [(0.0, network.trees[k] + 4.0)] if has_median(street) else []
        for offset, number in sides:
            count = rng.poisson(line.length * number / 100) if number < 3 else int(line.length * number / 100)
            if count == 0:
                continue
            slots = (np.arange(count) + rng.uniform(0.3, 0.7, count)) / count * line.length
            slots = slots[rng.random(count) < 0.85]
            a = shapely.get_coordinates(shapely.line_interpolate_point(line, slots))
            b = shapely.get_coordinates(shapely.line_interpolate_point(line, np.maximum(slots - 0.5, 0)))
            step = (a - b) / np.maximum(np.linalg.norm(a - b, axis=1, keepdims=True), 1e-9)
            rows.append(a + offset * np.stack([-step[:, 1], step[:, 0]], 1))
    return np.concatenate(rows)


def _clearance(ground: Field, buildings: tuple[Building, ...]) -> Field:
    """Distance to the nearest building, carriageway or water [m]."""
    blocked = Canvas(ground.north, CELL, np.uint8, 0)
    blocked.values[np.isin(ground.values, [int(g) for g in BARE])] = 1
    for building in buildings:
        blocked.fill([building.footprint], 1)
    distance = cv2.distanceTransform(1 - blocked.values, cv2.DIST_L2, cv2.DIST_MASK_5)
    return Field(west=0.0, north=ground.north, cell=CELL, values=distance * CELL)


def _thin(xy: np.ndarray, radius: np.ndarray) -> np.ndarray:
    """Which trees (N,) bool remain when of two that stand too close the later one goes."""
    keep = np.ones(len(xy), bool)
    if len(xy) < 2:
        return keep
    pairs = KDTree(xy).query_pairs(9.0, output_type="ndarray")
    i, j = pairs.min(axis=1), pairs.max(axis=1)
    gap = np.linalg.norm(xy[i] - xy[j], axis=1)
    close = gap < APART * (radius[i] + radius[j])
    for a, b in sorted(zip(i[close].tolist(), j[close].tolist(), strict=True)):
        if keep[a]:
            keep[b] = False
    return keep

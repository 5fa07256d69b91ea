"""Trees: in gardens, woods and along streets, in stands, clear of buildings, carriageways and water.

Each tree is a function of its surroundings alone, so neighbouring windows agree on the trees they share:
wild trees are drawn by cells of the region, rows by slots along whole streets, and of two that stand too
close the one of higher rank stays, by a rule that looks no further than `HALO`.
"""

from collections.abc import Sequence

import cv2
import numpy as np
import shapely
from scipy.spatial import KDTree
from scipy.special import ndtr, ndtri

from simulator.city.frames import shapes_of
from simulator.city.ground import has_median
from simulator.city.local_streets import Draft
from simulator.city.model import ROADWAY, Building, Field, Ground, Season, TreeKind, Trees
from simulator.city.noise import Noise, keyed
from simulator.city.outline import bodies
from simulator.city.placing import (
    CELL,
    HALO,
    PLACE,
    STANDS,
    STREET_TREES,
    WILD_TREES,
    beside,
    cells_of,
    near_window,
    place_numbers,
    stream_seed,
    within,
)
from simulator.city.style import Style

BARE = (
    *ROADWAY, Ground.TARMAC, Ground.RIVERBED, Ground.POOL, Ground.SPORT, Ground.CROP, Ground.TILLED,
    Ground.STUBBLE, Ground.CLAY, Ground.BALLAST,
)  # fmt: skip
"""Grounds that no tree stands on."""

SPREAD = 0.42  # standard deviation of the logarithm of crown radii in one place (an assumption)
LOSS = 1.9  # trees sown for one that stands, thinning and obstacles taking the others (measured)
APART = 0.42  # trunks stand no closer than this share of the sum of their crowns' radii
SMALLEST, LARGEST = 0.55, 7.0  # crown radius [m]
DENSEST = 0.92  # more cover than this is not asked for: it would take endlessly many crowns
ROUNDS = 2

RADIUS_SHARE = {
    TreeKind.BROADLEAF: 1.0, TreeKind.CONIFER: 0.78, TreeKind.PALM: 0.75, TreeKind.COLUMN: 0.38,
    TreeKind.SHRUB: 0.42, TreeKind.FRUIT: 0.6,
}  # fmt: skip
"""Crown radius against a broadleaf tree's in the same place; assumptions, as are the next two."""
SLENDERNESS = {
    TreeKind.BROADLEAF: (1.7, 2.8), TreeKind.CONIFER: (2.6, 4.2), TreeKind.PALM: (3.0, 6.0),
    TreeKind.COLUMN: (6.0, 10.0), TreeKind.SHRUB: (1.05, 1.6), TreeKind.FRUIT: (1.5, 2.1),
}  # fmt: skip
"""Height over crown radius, before a metre is added to it."""
HUES = np.array(
    [[-0.02, 0.0, -0.02], [0.16, 0.05, -0.10], [-0.10, 0.02, 0.06], [0.10, 0.10, 0.14], [0.05, -0.22, -0.1]]
)
"""Logarithms of the tint of species: middle green, yellowish, bluish, silvery (olives, willows), dark."""


def plant_trees(
    cover: Field,
    ground: Field,
    buildings: Sequence[Building],
    planted: Sequence[tuple[float, float, float, TreeKind]],
    drafts: Sequence[Draft],
    style: Style,
    season: Season,
    seed: int,
) -> Trees:
    """Trees whose crowns make up about `cover` of the area, the rows along streets, and those planted.

    Args:
        cover: Wanted crown area over area, on the window and `HALO` around it.
        ground: `Ground` codes, on the same square.
        buildings: All that reach into that square.
        planted: x, y, crown radius [m] and kind of trees that stand in rows: orchards, palms, hedges.
        drafts: All streets near that square, whole.
        style: For the mix of species.
        season: State of the leaves.
        seed: Of the region.
    """
    mean = float(keyed(seed, STANDS).uniform(2.2, 4.2))
    clear = _clearance(ground, buildings)
    given = np.array([(x, y) for x, y, _, _ in planted]).reshape(-1, 2)
    rows, row_kind = _street_rows(drafts, style, cover, seed)
    wild = _wild(cover, mean, seed)
    xy = np.concatenate([given, rows, wild])
    source = np.repeat([2, 1, 0], [len(given), len(rows), len(wild)])
    numbers = place_numbers(xy, stream_seed(seed, PLACE), 10)
    dense = np.where(source == 0, cover.nearest(*xy.T), np.where(source == 1, 0.3, 0.5))
    fixed = np.concatenate([[int(kind) for *_, kind in planted], row_kind, np.full(len(wild), -1)])
    stand = _smooth(xy, 60.0, stream_seed(seed, STANDS, 1), 3)
    kind = np.where(fixed >= 0, fixed, _species(stand, dense, numbers, style)).astype(np.uint8)
    share = np.array([RADIUS_SHARE[k] for k in TreeKind])[kind]
    radius = _crown(mean, dense) * share * np.exp(SPREAD * ndtri(numbers[:, 0]))
    radius[: len(given)] = [r for _, _, r, _ in planted]
    radius = np.clip(radius, SMALLEST, LARGEST)
    free = clear.nearest(*xy.T)
    keep = free > np.choose(source, [0.25 * radius + 0.2, 0.3, 0.2])
    keep[keep] = ~_indoors(xy[keep], buildings)
    keep[keep] = _thin(xy[keep], radius[keep], source[keep] + numbers[keep, 1], source[keep] == 2)
    keep &= within(cover, xy, HALO)
    xy, radius, kind, numbers, stand, dense = (a[keep] for a in (xy, radius, kind, numbers, stand, dense))
    return _described(xy, radius, kind, numbers, stand, dense, season, seed)


def _smooth(xy: np.ndarray, wavelength: float, seed: int, octaves: int) -> np.ndarray:
    """(N,) smooth noise of mean 0 and deviation 1 at places (N, 2) [m]."""
    return Noise(seed=seed, wavelength=wavelength, octaves=octaves).at(*xy.T)


def _described(
    xy: np.ndarray,
    radius: np.ndarray,
    kind: np.ndarray,
    numbers: np.ndarray,
    stand: np.ndarray,
    dense: np.ndarray,
    season: Season,
    seed: int,
) -> Trees:
    """Heights, colours and leaves: neighbours resemble each other."""
    low, high = np.array([SLENDERNESS[k] for k in TreeKind])[kind].T
    height = radius * (low + (high - low) * numbers[:, 2]) * (1 + 0.2 * np.minimum(dense, 1)) + 0.6
    tone, warm = 0.17 * ndtri(numbers[:, 3]) + 0.08 * stand, 0.05 * ndtri(numbers[:, 4])
    alike = ndtr(_smooth(xy, 26.0, stream_seed(seed, STANDS, 2), 1))
    species = HUES[((numbers[:, 5] * 0.45 + 0.55 * alike) * 0.999 * len(HUES)).astype(int)]
    tint = np.exp(np.stack([tone + warm, tone, tone - warm], 1) + species)
    foliage, seasonal = _leaves(kind, numbers, stand, season)
    return Trees(
        xy=xy, radius=radius, height=height, kind=kind, foliage=foliage, tint=tint * seasonal,
        burnt=np.zeros(len(xy)), fallen=np.full(len(xy), np.nan),
    )  # fmt: skip


def _leaves(
    kind: np.ndarray, numbers: np.ndarray, stand: np.ndarray, season: Season
) -> tuple[np.ndarray, np.ndarray]:
    """Share of the leaves that are on (N,), and the season's tint (N, 3)."""
    evergreen = np.isin(kind, [TreeKind.CONIFER, TreeKind.PALM]) | (numbers[:, 6] < 0.12)
    evergreen |= (kind == TreeKind.COLUMN) & (numbers[:, 6] < 0.5)  # cypresses; the others are poplars
    late = np.clip(ndtr(0.8 * stand + 0.6 * ndtri(numbers[:, 7])), 0, 1)
    green = np.ones((len(kind), 3))
    if season == "autumn":
        turned = np.clip(1.6 * late - 0.3, 0, 1)[:, None]
        gold = np.where(numbers[:, 8:9] < 0.3, (2.6, 0.95, 0.7), (2.5, 1.45, 0.75))
        foliage, tint = 1 - 0.55 * turned[:, 0] * numbers[:, 9], green + turned * (gold - 1)
    elif season == "bare":
        foliage, tint = 0.25 * late, green * 1.0
    elif season == "dry":
        foliage = 1 - 0.5 * late
        tint = green * np.array([1.75, 1.25, 1.2]) ** (0.4 + late)[:, None]
    else:
        foliage, tint = np.ones(len(kind)), green
    return np.where(evergreen, 1.0, foliage), np.where(evergreen[:, None], green, tint)


def _species(stand: np.ndarray, dense: np.ndarray, numbers: np.ndarray, style: Style) -> np.ndarray:
    """`TreeKind` (N,) by the style's weights; woods are of broadleaf trees and conifers, if it has any."""
    weights = np.array([style.trees.get(k.name.lower(), 0.0) for k in TreeKind], float)
    forest = np.where(np.arange(len(weights)) <= TreeKind.CONIFER, weights, 0.0)
    forest = forest if forest.sum() else weights
    rank = ndtr((stand + 0.45 * ndtri(numbers[:, 6])) / np.sqrt(1 + 0.45**2))
    chosen = [np.searchsorted(np.cumsum(w / w.sum())[:-1], rank, side="right") for w in (weights, forest)]
    kind = np.where(dense > 0.7, chosen[1], chosen[0])
    bushes = (dense < 0.6) & (numbers[:, 9] < 0.22)  # gardens and meadows have shrubs whatever the style
    return np.where(bushes, TreeKind.SHRUB, kind)


def _wild(cover: Field, mean: float, seed: int) -> np.ndarray:
    """Random places (N, 2) at the density that `cover` asks for, clumped where it is thin [m]."""
    wavelength, strength = keyed(seed, STANDS, 2).uniform((12, 0.5), (50, 1.3))
    most = -np.log1p(-DENSEST) / _crown_area(mean, 1.0) * 1.6
    places = []
    for i, j in cells_of(cover):
        rng = keyed(seed, WILD_TREES, i, j)
        count = int(rng.poisson(LOSS * most * CELL**2))
        places.append(
            np.column_stack([(np.array([i, j]) + rng.random((count, 2))) * CELL, rng.random(count)])
        )
    drawn = np.concatenate(places)
    drawn = drawn[within(cover, drawn[:, :2], 0.0)]
    xy = drawn[:, :2]
    wanted = np.asarray(cover.nearest(*xy.T), float)
    clump = np.exp(strength * _smooth(xy, wavelength, stream_seed(seed, STANDS, 3), 2) - strength**2 / 2)
    wanted = np.minimum(wanted * np.where(wanted < 0.7, clump, 1.0), DENSEST)
    # crowns that fall at random cover 1 - exp(-sum of their areas over the area)
    return xy[drawn[:, 2] * most < -np.log1p(-wanted) / _crown_area(mean, wanted)]


def _crown(mean: float, cover: np.ndarray | float) -> np.ndarray:
    """Typical crown radius [m] where trees cover `cover` of the ground: woods are older than gardens."""
    return mean * (0.8 + 0.5 * np.minimum(cover, 1))


def _crown_area(mean: float, cover: np.ndarray | float) -> np.ndarray:
    """Mean area [m2] of log-normal crowns."""
    return np.pi * _crown(mean, cover) ** 2 * np.exp(2 * SPREAD**2)


def _street_rows(
    drafts: Sequence[Draft], style: Style, cover: Field, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places (N, 2) along both sides of streets and on medians [m], and kinds (N,): one a street."""
    weights = {k: style.trees.get(k.name.lower(), 0.0) for k in TreeKind if k != TreeKind.SHRUB}
    share = np.array(list(weights.values())) + 1e-9
    share[list(weights).index(TreeKind.CONIFER)] *= 0.25  # few streets are lined with them
    rows, kinds = [np.zeros((0, 2))], [np.zeros(0, int)]
    for draft in drafts:
        if draft.line.length < 12 or not near_window(draft.line, cover):
            continue
        rng = keyed(seed, STREET_TREES, *draft.key)
        kind = list(weights)[rng.choice(len(share), p=share / share.sum())]
        aside = draft.width / 2 + (draft.verge / 2 if draft.verge > 0.6 else 0.7)
        sides = [(-aside, draft.trees), (aside, draft.trees)]
        sides += [(0.0, draft.trees + 4.0)] if has_median(draft) else []
        for offset, number in sides:
            expected = draft.line.length * number / 100
            count = int(rng.poisson(expected) if number < 3 else expected)
            slots = (np.arange(count) + rng.uniform(0.3, 0.7, count)) / max(count, 1) * draft.line.length
            slots = slots[rng.random(count) < 0.85]
            if len(slots):
                rows.append(beside(draft.line, slots, offset)[:, :2])
                kinds.append(np.full(len(slots), kind))
    xy, kind = np.concatenate(rows), np.concatenate(kinds)
    inside = within(cover, xy, 0.0)
    return xy[inside], kind[inside]


def _clearance(ground: Field, buildings: Sequence[Building]) -> Field:
    """Distance to the nearest building, carriageway or water [m]."""
    free = np.isin(ground.values, [int(g) for g in BARE], invert=True).astype(np.uint8)
    plans = [plan for b in buildings for plan in bodies(b)]
    corner = np.concatenate([np.zeros((0, 2)), *plans])
    place = np.stack([corner[:, 0] - ground.west, ground.north - corner[:, 1]], 1) / ground.cell - 0.5
    pixels = np.rint(place * 16).astype(np.int32)
    start = 0
    for plan in plans:
        cv2.fillPoly(free, [pixels[start : start + len(plan)]], 0, lineType=cv2.LINE_8, shift=4)
        start += len(plan)
    distance = cv2.distanceTransform(free, cv2.DIST_L2, cv2.DIST_MASK_5)
    return Field(west=ground.west, north=ground.north, cell=ground.cell, values=distance * ground.cell)


def _indoors(xy: np.ndarray, buildings: Sequence[Building]) -> np.ndarray:
    """(N,) bool: the points on a building, which the cells of the clearance know only roughly."""
    plans = shapes_of([plan for building in buildings for plan in bodies(building)])
    inside = np.zeros(len(xy), bool)
    inside[shapely.STRtree(plans).query(shapely.points(xy), "intersects")[0]] = True
    return inside


def _thin(xy: np.ndarray, radius: np.ndarray, rank: np.ndarray, sure: np.ndarray) -> np.ndarray:
    """(N,) bool: which trees remain. In each round those stay that outrank all their undecided rivals, and
    their rivals go; whoever is undecided after the last goes too. The sure ones stay whatever their rank."""
    stays = sure.copy()
    if len(xy) < 2:
        return np.ones(len(xy), bool)
    i, j = KDTree(xy).query_pairs(2 * APART * LARGEST, output_type="ndarray").T
    close = np.linalg.norm(xy[i] - xy[j], axis=1) < APART * (radius[i] + radius[j])
    i, j = i[close], j[close]
    low, high = np.where(rank[i] < rank[j], i, j), np.where(rank[i] < rank[j], j, i)
    out = np.zeros(len(xy), bool)
    out[low[stays[high]]] = True
    out[high[stays[low]]] = True
    out &= ~stays
    for _ in range(ROUNDS):
        open_ = ~stays & ~out
        beaten = np.zeros(len(xy), bool)
        beaten[low[open_[low] & open_[high]]] = True
        stays |= open_ & ~beaten
        out[low[stays[high]]] = True
        out[high[stays[low]]] = True
        out &= ~stays
    return stays

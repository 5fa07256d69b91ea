"""What people do in the days after: streets first, then roofs, wrecks and plots.

The order is that of debris management plans: a first push to the kerb that opens the most important
streets, then the collection from the kerb, plots last (National Academies 2014, A Debris Management Handbook
for State and Local DOTs and Departments of Public Works, doi 10.17226/22239, chapter 7). The times are
assumptions.

Each thing has a time at which it is dealt with, drawn whatever the day: a later day never undoes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from rasters.classes import Damage
from simulator.city.model import ROADWAY, Boxes, BoxKind, Building, City, Field, Ground, Street, Trees
from simulator.city.noise import smooth_noise
from simulator.city.outline import covered
from simulator.city.placing import take
from simulator.city.style import SHAPES
from simulator.disasters.aftermath import Aftermath, Cause
from simulator.disasters.cells import building_cells, debris_cells, raster, with_values
from simulator.disasters.roads import drivable, passability_by_width, stations
from simulator.disasters.wreckage import in_the_way

# Median time until a street is pushed clear [d]; kinds not named take OTHER_STREETS
MAIN_STREETS, OTHER_STREETS = 1.5, 7.0
CLEARED = {
    **dict.fromkeys(("motorway", "trunk", "primary"), MAIN_STREETS),
    **dict.fromkeys(("secondary", "tertiary"), 3.0),
    "track": 20.0,
}
SPREAD = 0.5  # standard deviation of the logarithm of that time between streets
KERB = (0.3, 1.6)  # where the heaps lie beyond the carriageway's edge [m]
COLLECTED = 25.0  # mean time from the push to the collection from the kerb [d]
FIRST_TARPAULIN, TARPAULIN = 1.0, 8.0  # the first sheets, and the mean time after it [d]
COVERING = 0.65  # share of the damaged roofs that get one
LEAST_HOLE = 0.04  # share of the covering that must be missing
WRECKS = 12.0  # median time until a wrecked vehicle is towed off [d]
FIRST_PLOT, PLOT = 14.0, 60.0  # the first cleared plots, and the mean time after it [d]
RIM = 6.0  # of a plot that is cleared with its house [m]
SHELTERED = (Cause.SHAKING, Cause.WIND, Cause.IMPACT, Cause.TEPHRA, Cause.FIRE)  # causes that open roofs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kerbs:
    """Cross-sections of all streets: points (N, 2) and normals (N, 2) [m], half widths (N,) [m], and the time
    (N,) at which each is cleared [d]."""

    points: np.ndarray
    normals: np.ndarray
    half: np.ndarray
    time: np.ndarray


def recovered(aftermath: Aftermath, days: float, rng: np.random.Generator) -> Aftermath:
    """The aftermath `days` later: streets cleared, roofs covered, wrecks towed off, plots cleared."""
    if aftermath.kind == "none":
        return aftermath
    street_rng, roof_rng, wreck_rng, plot_rng = rng.spawn(4)
    result = _cleared_streets(aftermath, days, street_rng)
    result = replace(result, after=_towed(result, days, wreck_rng))
    buildings = _covered_roofs(result, days, roof_rng)
    return _cleared_plots(replace(result, after=replace(result.after, buildings=buildings)), days, plot_rng)


def _cleared_streets(aftermath: Aftermath, days: float, rng: np.random.Generator) -> Aftermath:
    """Debris of cleared streets lies in heaps at the kerb, or has been collected from there; trees that
    lay across them are gone."""
    after = aftermath.after
    kerbs = _kerbs(after.streets, rng)
    ground_rng, piece_rng = rng.spawn(2)
    if kerbs is None or not in_the_way(after).any():
        return aftermath
    lying = debris_cells(after)
    dry = aftermath.flood_depth.values == 0
    road = drivable(aftermath.otherwise)
    swept = np.zeros(lying.shape, bool)
    row, col = np.nonzero(lying & road & dry)
    x, y = after.ground.centres()
    distance, nearest = KDTree(kerbs.points).query(np.stack([x[col], y[row]], axis=1))
    on_street = distance <= kerbs.half[nearest] + 1.0
    done = on_street & (kerbs.time[nearest] <= days)
    swept[row[done], col[done]] = True
    ground = _pushed_ground(aftermath, swept, road, ground_rng)
    blocked = with_values(after.ground, road | (building_cells(after.buildings, after.ground) > 0))
    pieces = _pushed_pieces(after, kerbs, with_values(after.ground, swept), blocked, days, piece_rng)
    trees = take(after.trees, ~_cut(after.trees, kerbs, days))
    cleared = replace(after, ground=with_values(after.ground, ground), debris=pieces, trees=trees)
    return replace(aftermath, after=cleared, passability=_reopened(aftermath, cleared))


def _cut(trees: Trees, kerbs: _Kerbs, days: float) -> np.ndarray:
    """(N,) bool: felled trees that lay across a street that has been cleared."""
    down = np.flatnonzero(np.isfinite(trees.fallen))
    gone = np.zeros(len(trees.fallen), bool)
    if len(down):
        along = trees.height[down, None] * np.linspace(0, 1, 21)
        way = np.stack([np.cos(trees.fallen[down]), np.sin(trees.fallen[down])], axis=1)
        points = trees.xy[down, None] + along[..., None] * way[:, None]
        distance, nearest = KDTree(kerbs.points).query(points)
        gone[down] = ((distance <= kerbs.half[nearest]) & (kerbs.time[nearest] <= days)).any(axis=1)
    return gone


def _kerbs(streets: Sequence[Street], rng: np.random.Generator) -> _Kerbs | None:
    """The cross-sections of all streets; None if there is no street."""
    if not streets:
        return None
    sections = [stations(street.centreline) for street in streets]
    counts = [len(points) for points, _ in sections]
    median = np.array([CLEARED.get(street.kind, OTHER_STREETS) for street in streets])
    of_street = median * np.exp(SPREAD * rng.standard_normal(len(streets)))
    along = [
        np.repeat(rng.uniform(0.8, 1.2, n // 10 + 1), 10)[:n] for n in counts
    ]  # each 20 m at its own time
    return _Kerbs(
        points=np.concatenate([points for points, _ in sections]),
        normals=np.concatenate([normals for _, normals in sections]),
        half=np.repeat([street.width / 2 for street in streets], counts),
        time=np.repeat(of_street, counts) * np.concatenate(along),
    )


def _pushed_ground(
    aftermath: Aftermath, swept: np.ndarray, road: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """`Ground` codes (H, W): swept roadway as it was, rubble in patches along its edge."""
    ground = aftermath.after.ground
    patches = smooth_noise(swept.shape, ground.cell, 5.0, rng)
    codes = np.where(swept, aftermath.otherwise.ground.values, ground.values)
    reach = max(round(KERB[1] / ground.cell), 1)
    rubble = swept & (ground.values == Ground.RUBBLE)
    rim = ndimage.binary_dilation(rubble, iterations=reach) & ~road & (patches > -0.2)
    rim &= building_cells(aftermath.after.buildings, ground) == 0
    return np.where(rim, Ground.RUBBLE, codes).astype(np.uint8)


def _pushed_pieces(
    after: City, kerbs: _Kerbs, swept: Field, blocked: Field, days: float, rng: np.random.Generator
) -> Boxes:
    """The pieces of debris from swept streets along the kerb, piled up; those collected since are gone.

    What would lie on another street or a house (`blocked`) is carried off at once.
    """
    pieces = after.debris
    count = len(pieces.heading)
    offset, lift = rng.uniform(*KERB, count) + pieces.size[:, 1] / 2, rng.uniform(0, 0.5, count)
    turn, stay = rng.uniform(-1, 1, count), rng.exponential(COLLECTED, count)
    xy = pieces.centre[:, :2]
    _, nearest = KDTree(kerbs.points).query(xy)
    pushed = swept.nearest(*xy.T) & (pieces.kind == BoxKind.DEBRIS)
    middle, normal = kerbs.points[nearest], kerbs.normals[nearest]
    side = np.where(np.einsum("nk,nk->n", xy - middle, normal) < 0, -1.0, 1.0)
    target = middle + normal * (side * (kerbs.half[nearest] + offset))[:, None]
    centre = pieces.centre.copy()
    centre[pushed, :2], centre[pushed, 2] = target[pushed], pieces.centre[pushed, 2] + lift[pushed]
    slant = turn * np.arcsin(np.minimum(KERB[0] / np.maximum(pieces.size[:, 0] / 2, KERB[0]), 1.0))
    heading = np.arctan2(-normal[:, 0], normal[:, 1]) + slant  # no end of it reaches into the carriageway
    gone = pushed & (blocked.nearest(*target.T) | (kerbs.time[nearest] + stay <= days))
    moved = replace(pieces, centre=centre, heading=np.where(pushed, heading, pieces.heading))
    return take(moved, ~gone)


def _reopened(aftermath: Aftermath, cleared: City) -> Field:
    """Passability where only what lies in the way restricted it, as far as that has been cleared."""
    city = aftermath.otherwise
    before = passability_by_width(city, in_the_way(aftermath.after)).values
    now = passability_by_width(city, in_the_way(cleared) & drivable(city)).values
    codes = aftermath.passability.values
    return with_values(aftermath.passability, np.where(codes <= before, np.minimum(codes, now), codes))


def _towed(aftermath: Aftermath, days: float, rng: np.random.Generator) -> City:
    """Vehicles that the disaster has moved or burnt are towed off once their place is dry."""
    after, otherwise = aftermath.after, aftermath.otherwise
    cars = after.vehicles
    time = WRECKS * np.exp(SPREAD * rng.standard_normal(len(cars.heading)))
    if aftermath.kind == "volcano" or len(cars.heading) != len(otherwise.vehicles.heading):
        return after  # a film of ash makes no wreck
    same = (cars.centre == otherwise.vehicles.centre).all(axis=1)
    same &= (cars.colour == otherwise.vehicles.colour).all(axis=1)
    dry = aftermath.flood_depth.nearest(*cars.centre[:, :2].T) == 0
    return replace(after, vehicles=take(cars, same | ~dry | (time > days)))


def _covered_roofs(aftermath: Aftermath, days: float, rng: np.random.Generator) -> tuple[Building, ...]:
    """Blue sheets over the holes of roofs whose house can still be lived in."""
    u = rng.random((len(aftermath.after.buildings), 3))
    time = FIRST_TARPAULIN - TARPAULIN * np.log1p(-u[:, 0])
    mended = np.isin(aftermath.damage, (Damage.MINOR, Damage.MAJOR)) & np.isin(aftermath.cause, SHELTERED)
    mended &= (time <= days) & (u[:, 1] < COVERING)
    buildings = list(aftermath.after.buildings)
    for i in np.flatnonzero(mended):
        house = buildings[i]
        if house.roof_loss >= LEAST_HOLE and house.roof in SHAPES:
            sheet = min((1.0 + 0.8 * u[i, 2]) * house.roof_loss + 0.05, 1.0)
            buildings[i] = replace(house, tarpaulin=max(house.tarpaulin, sheet))
    return tuple(buildings)


def _cleared_plots(aftermath: Aftermath, days: float, rng: np.random.Generator) -> Aftermath:
    """Lost houses hauled off with the debris around them; bare soil is left."""
    after = aftermath.after
    time = FIRST_PLOT + rng.exponential(PLOT, len(after.buildings))
    lost = np.array([b.roof not in SHAPES for b in after.buildings], bool).reshape(-1)
    middle = np.array([b.footprint.mean(axis=0) for b in after.buildings]).reshape(-1, 2)
    dry = aftermath.flood_depth.nearest(*middle.T) == 0
    gone = lost & dry & (aftermath.damage == Damage.DESTROYED) & (time <= days)
    if not gone.any():
        return aftermath
    plots = [covered(b).buffer(RIM) for b, g in zip(after.buildings, gone, strict=True) if g]
    inside = raster(plots, after.ground)
    codes = after.ground.values.copy()
    road = np.isin(aftermath.otherwise.ground.values, ROADWAY)
    codes[inside & ~road & np.isin(codes, (Ground.RUBBLE, Ground.ASH))] = Ground.SOIL
    houses = raster([covered(b) for b, g in zip(after.buildings, gone, strict=True) if g], after.ground)
    codes[houses & ~road] = Ground.SOIL
    left = ~with_values(after.ground, inside).nearest(*after.debris.centre[:, :2].T)
    cleared = replace(
        after,
        buildings=tuple(b for b, g in zip(after.buildings, gone, strict=True) if not g),
        ground=with_values(after.ground, codes),
        debris=take(after.debris, left),
    )
    return replace(aftermath, after=cleared, passability=_reopened(aftermath, cleared))

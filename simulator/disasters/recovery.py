"""What people do in the days after: streets first, then roofs, wrecks and plots.

The order is that of debris management plans: a first push to the kerb that opens the most important
streets, then the collection from the kerb, plots last (National Academies 2014, A Debris Management Handbook
for State and Local DOTs and Departments of Public Works, doi 10.17226/22239, chapter 7). The times are
assumptions.

Each thing has a time at which it is dealt with, drawn whatever the day: a later day never undoes anything.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from scipy.spatial import KDTree

from rasters.classes import Damage
from simulator.city.model import ROADWAY, Boxes, BoxKind, Building, City, Field, Ground, Trees
from simulator.city.noise import smooth_noise
from simulator.city.outline import covered
from simulator.city.placing import take
from simulator.city.style import SHAPES
from simulator.disasters.aftermath import Aftermath, Cause, lying
from simulator.disasters.cells import building_cells, debris_cells, raster, with_values
from simulator.disasters.roads import Sections, cross_sections, passability_by_width, stations

# Median time until a street is pushed clear [d]; kinds not named take OTHER_STREETS
MAIN_STREETS, OTHER_STREETS = 1.5, 7.0
CLEARED = {
    **dict.fromkeys(("motorway", "trunk", "primary"), MAIN_STREETS),
    **dict.fromkeys(("secondary", "tertiary"), 3.0),
    "track": 20.0,
}
STRETCH = 10  # cross-sections that are dealt with at one time: 20 m
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
    """When each cross-section (N,) of the streets is pushed clear and its kerbs are collected from [d]."""

    sections: Sections
    cleared: np.ndarray
    collected: np.ndarray


def recovered(aftermath: Aftermath, days: float, rng: np.random.Generator) -> Aftermath:
    """The aftermath `days` later: streets cleared, roofs covered, wrecks towed off, plots cleared.

    Its `debris` is what then lies.
    """
    if aftermath.kind == "none":
        return aftermath
    street_rng, roof_rng, wreck_rng, plot_rng = rng.spawn(4)
    after = aftermath.after
    sections, in_the_way = cross_sections(aftermath.otherwise), lying(after, debris_cells(after))
    if len(sections.points) and in_the_way.any():
        after = _cleared_streets(aftermath, in_the_way, _kerbs(sections, street_rng), days, street_rng)
    after = replace(after, vehicles=_towed(aftermath, days, wreck_rng))
    after = replace(after, buildings=_covered_roofs(aftermath, days, roof_rng))
    after = _cleared_plots(replace(aftermath, after=after), days, plot_rng)
    debris = debris_cells(after)
    passability = _reopened(aftermath, in_the_way, lying(after, debris), sections)
    field = with_values(after.ground, debris.astype(np.uint8))
    return replace(aftermath, after=after, debris=field, passability=passability)


def _cleared_streets(
    aftermath: Aftermath, in_the_way: np.ndarray, kerbs: _Kerbs, days: float, rng: np.random.Generator
) -> City:
    """Debris of cleared streets lies in heaps at the kerb, or has been collected from there; trees that
    lay across them are gone.

    Args:
        aftermath: Before the clean-up.
        in_the_way: (H, W) bool on the cells of the ground: where anything lies.
        kerbs: When what is done.
        days: Since the disaster [d].
        rng: Random generator.
    """
    ground_rng, piece_rng = rng.spawn(2)
    after, sections = aftermath.after, kerbs.sections
    swept = np.zeros(in_the_way.shape, bool)
    swept[sections.row, sections.col] = kerbs.cleared[sections.nearest] <= days
    swept &= in_the_way & (aftermath.flood_depth.values == 0)
    swept &= ~np.isin(after.ground.values, (Ground.SLIDE, Ground.LAVA))
    blocked = (sections.open.values > 0) | (building_cells(after.buildings, after.ground) > 0)
    ground = _pushed_ground(aftermath, kerbs, swept, blocked, days, ground_rng)
    fields = (with_values(after.ground, swept), with_values(after.ground, blocked))
    pieces = _pushed_pieces(after, kerbs, *fields, days, piece_rng)
    trees = take(after.trees, ~_cut(after.trees, kerbs, days))
    return replace(after, ground=with_values(after.ground, ground), debris=pieces, trees=trees)


def _cut(trees: Trees, kerbs: _Kerbs, days: float) -> np.ndarray:
    """(N,) bool: felled trees that lay across a street that has been cleared."""
    down = np.flatnonzero(np.isfinite(trees.fallen))
    gone = np.zeros(len(trees.fallen), bool)
    if len(down):
        along = trees.height[down, None] * np.linspace(0, 1, 21)
        way = np.stack([np.cos(trees.fallen[down]), np.sin(trees.fallen[down])], axis=1)
        points = trees.xy[down, None] + along[..., None] * way[:, None]
        distance, nearest = KDTree(kerbs.sections.points).query(points)
        across = distance <= kerbs.sections.half[nearest]
        gone[down] = (across & (kerbs.cleared[nearest] <= days)).any(axis=1)
    return gone


def _kerbs(sections: Sections, rng: np.random.Generator) -> _Kerbs:
    """The times of all cross-sections: of each street, and of each 20 m of it."""
    streets = sections.streets
    counts = [len(stations(street.centreline)[0]) for street in streets]
    median = np.array([CLEARED.get(street.kind, OTHER_STREETS) for street in streets])
    of_street = median * np.exp(SPREAD * rng.standard_normal(len(streets)))
    stretches = [n // STRETCH + 1 for n in counts]
    own, stay = rng.uniform(0.8, 1.2, sum(stretches)), rng.exponential(COLLECTED, sum(stretches))
    first = np.cumsum([0, *stretches[:-1]])
    stretch = np.concatenate([k + np.arange(n) // STRETCH for k, n in zip(first, counts, strict=True)])
    cleared = np.repeat(of_street, counts) * own[stretch]
    return _Kerbs(sections=sections, cleared=cleared, collected=cleared + stay[stretch])


def _pushed_ground(
    aftermath: Aftermath,
    kerbs: _Kerbs,
    swept: np.ndarray,
    blocked: np.ndarray,
    days: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """`Ground` codes (H, W): swept roadway as it was, rubble in patches along its edge until collected."""
    ground = aftermath.after.ground
    patches = smooth_noise(swept.shape, ground.cell, 5.0, rng)
    codes = np.where(swept, aftermath.otherwise.ground.values, ground.values)
    reach = max(round(KERB[1] / ground.cell), 1)
    rubble = swept & (ground.values == Ground.RUBBLE)
    rim = ndimage.binary_dilation(rubble, iterations=reach) & ~blocked & (patches > -0.2)
    row, col = np.nonzero(rim)
    x, y = ground.centres()
    _, nearest = KDTree(kerbs.sections.points).query(np.stack([x[col], y[row]], axis=1))
    lies = kerbs.collected[nearest] > days
    codes[row[lies], col[lies]] = Ground.RUBBLE
    return codes


def _pushed_pieces(
    after: City, kerbs: _Kerbs, swept: Field, blocked: Field, days: float, rng: np.random.Generator
) -> Boxes:
    """The pieces of debris from swept streets along the kerb, piled up; those collected since are gone.

    What would lie on another street or a house (`blocked`) is carried off at once.
    """
    pieces = after.debris
    count = len(pieces.heading)
    offset, lift = rng.uniform(*KERB, count) + pieces.size[:, 1] / 2, rng.uniform(0, 0.5, count)
    turn, xy = rng.uniform(-1, 1, count), pieces.centre[:, :2]
    sections = kerbs.sections
    _, nearest = KDTree(sections.points).query(xy)
    pushed = swept.nearest(*xy.T) & (pieces.kind == BoxKind.DEBRIS)
    middle, normal = sections.points[nearest], sections.normals[nearest]
    side = np.where(np.einsum("nk,nk->n", xy - middle, normal) < 0, -1.0, 1.0)
    target = middle + normal * (side * (sections.half[nearest] + offset))[:, None]
    centre = pieces.centre.copy()
    centre[pushed, :2], centre[pushed, 2] = target[pushed], pieces.centre[pushed, 2] + lift[pushed]
    slant = turn * np.arcsin(np.minimum(KERB[0] / np.maximum(pieces.size[:, 0] / 2, KERB[0]), 1.0))
    heading = np.arctan2(-normal[:, 0], normal[:, 1]) + slant  # no end of it reaches into the carriageway
    gone = pushed & (blocked.nearest(*target.T) | (kerbs.collected[nearest] <= days))
    moved = replace(pieces, centre=centre, heading=np.where(pushed, heading, pieces.heading))
    return take(moved, ~gone)


def _reopened(aftermath: Aftermath, first: np.ndarray, left: np.ndarray, sections: Sections) -> Field:
    """Passability where only what lay in the way restricted it, as far as that has been cleared.

    Args:
        aftermath: Before the clean-up.
        first: (H, W) bool: what lay in the way.
        left: (H, W) bool: what still does.
        sections: Of the streets.
    """
    if not first.any():
        return aftermath.passability
    city = aftermath.otherwise
    before = passability_by_width(city, first, sections).values
    now = passability_by_width(city, left & (sections.open.values > 0), sections).values
    codes = aftermath.passability.values
    return with_values(aftermath.passability, np.where(codes <= before, np.minimum(codes, now), codes))


def _towed(aftermath: Aftermath, days: float, rng: np.random.Generator) -> Boxes:
    """Vehicles that the disaster has moved or burnt are towed off once their place is dry."""
    cars = aftermath.after.vehicles
    time = WRECKS * np.exp(SPREAD * rng.standard_normal(len(cars.heading)))
    if aftermath.kind == "volcano":
        return cars  # a film of ash makes no wreck
    dry = aftermath.flood_depth.nearest(*cars.centre[:, :2].T) == 0
    return take(cars, _as_parked(cars, aftermath.otherwise.vehicles) | ~dry | (time > days))


def _as_parked(cars: Boxes, before: Boxes) -> np.ndarray:
    """(N,) bool: cars whose place and colour are those of one before; some of these may be gone."""
    known = set(map(tuple, np.column_stack([before.centre, before.colour]).tolist()))
    rows = np.column_stack([cars.centre, cars.colour]).tolist()
    return np.array([tuple(row) in known for row in rows], bool)


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


def _cleared_plots(aftermath: Aftermath, days: float, rng: np.random.Generator) -> City:
    """Lost houses hauled off with the debris around them, whether they lie or stand; bare soil is left."""
    after = aftermath.after
    time = FIRST_PLOT + rng.exponential(PLOT, len(after.buildings))
    lost = (aftermath.damage == Damage.DESTROYED) & (aftermath.cause != Cause.LAVA)  # nobody digs there
    middle = np.array([b.footprint.mean(axis=0) for b in after.buildings]).reshape(-1, 2)
    dry = aftermath.flood_depth.nearest(*middle.T) == 0
    gone = lost & dry & (time <= days)
    if not gone.any():
        return after
    shapes = [covered(b) for b, g in zip(after.buildings, gone, strict=True) if g]
    inside = raster([shape.buffer(RIM) for shape in shapes], after.ground)
    codes = after.ground.values.copy()
    road = np.isin(aftermath.otherwise.ground.values, ROADWAY)
    codes[inside & ~road & np.isin(codes, (Ground.RUBBLE, Ground.ASH))] = Ground.SOIL
    codes[raster(shapes, after.ground) & ~road] = Ground.SOIL
    left = ~with_values(after.ground, inside).nearest(*after.debris.centre[:, :2].T)
    return replace(
        after,
        buildings=tuple(b for b, g in zip(after.buildings, gone, strict=True) if not g),
        ground=with_values(after.ground, codes),
        debris=take(after.debris, left),
    )

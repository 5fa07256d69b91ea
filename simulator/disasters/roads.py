"""Whether a road vehicle still gets through, and which."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

from rasters.classes import Passability
from simulator.city.model import City, Field, Street
from simulator.disasters.cells import nearest_on_cells_of, road_cells, with_values

RESTRICTED_DEPTH = 0.1
"""Water from which a road counts as restricted [m]: cars drive at 41 km/h at most, by `safe_speed`."""
FORDING = {"car": 0.3, "4x4": 0.5, "emergency": 0.6}
"""Deepest standing water that a class of vehicle goes through [m], the lightest class first.

A small passenger car 0.3 m and a large four-wheel drive 0.5 m (Shand, Cox, Blacka & Smith 2011, Australian
Rainfall and Runoff, Project 10, Appropriate safety criteria for vehicles); emergency vehicles, such as fire
engines, a total head of 0.6 m (Kramer, Terheiden & Wieprecht 2016, Safety criteria for the trafficability of
inundated roads in urban floodings, International Journal of Disaster Risk Reduction 17, 77-84)."""
BLOCKED_DEPTH = max(FORDING.values())
WADING_SPEED = 8.0
"""Of a vehicle where the safe speed of a car is 0 and it wades through [km/h]: an assumption."""
LANE = 3.0
"""Clear width that one rescue vehicle needs [m]: a narrow traffic lane (AASHTO Green Book: 2.7 to 3.6 m)."""
OPEN_SHARE = 0.8
"""Share of the carriageway that must be clear for traffic both ways: an assumption."""
STEP = 2.0  # between cross-sections along a street [m]


def drivable(city: City) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: roadway under no building, and decks of bridges."""
    return road_cells(city) | np.isfinite(deck_elevation(city))


def open_roads(city: City) -> Field:
    """`Passability` with every road cell open, uint8 on the cells of `city.ground`."""
    codes = np.where(drivable(city), Passability.OPEN, Passability.NOT_ROAD)
    return with_values(city.ground, codes.astype(np.uint8))


def passability_in_water(city: City, depth: np.ndarray) -> Field:
    """`Passability` codes, uint8, under `depth` (H, W) [m] of water on the cells of `city.ground`.

    Restricted from `RESTRICTED_DEPTH` on, to the vehicles that `FORDING` tells; blocked beyond these.
    """
    code = np.where(drivable(city), codes_in_water(depth), Passability.NOT_ROAD)
    return with_values(city.ground, code.astype(np.uint8))


def codes_in_water(depth: np.ndarray) -> np.ndarray:
    """`Passability` codes, uint8, of roads under `depth` [m] of water, whatever its shape."""
    code = np.full(depth.shape, Passability.OPEN, np.uint8)
    code[depth >= RESTRICTED_DEPTH] = Passability.RESTRICTED
    code[depth > BLOCKED_DEPTH] = Passability.BLOCKED
    return code


def lightest_vehicle(depth: np.ndarray) -> np.ndarray:
    """(N,) str: the lightest class of `FORDING` that goes through water (N,) [m]; heavier ones do too.

    Empty where none does.
    """
    index = np.searchsorted(list(FORDING.values()), depth, side="left")
    return np.array([*FORDING, ""])[index]


def safe_speed(depth: np.ndarray) -> np.ndarray:
    """Speed at which a car is still controlled in water (N,) [m], in km/h.

    v = 0.0009 w^2 - 0.5529 w + 86.9448 for w in mm, 0 above 0.3 m (Pregnolato, Ford, Wilkinson & Dawson 2017,
    Transportation Research Part D 55, 67-81, doi 10.1016/j.trd.2017.06.020).
    """
    w = 1000 * np.maximum(depth, 0.0)
    return np.where(w > 300, 0.0, 0.0009 * w**2 - 0.5529 * w + 86.9448)


def depth_on_roads(city: City, depth: np.ndarray) -> np.ndarray:
    """(H, W) depth of the water on what one drives on [m]: `depth` of the ground, on bridges over the deck.

    Args:
        city: Under water: its `water` is the surface.
        depth: (H, W) of the flood on the cells of `city.ground` [m].
    """
    deck = deck_elevation(city)
    bridge = np.isfinite(deck)
    if not bridge.any():
        return depth
    over = nearest_on_cells_of(city.water, city.ground) - deck
    return np.where(bridge, np.nan_to_num(over).clip(0), depth)


def deck_elevation(city: City) -> np.ndarray:
    """(H, W) elevation of the bridge over each cell of `city.ground` [m], NaN where there is none.

    A bridge runs straight from the ground at one end of its street to the ground at the other.
    """
    deck = np.full(city.ground.values.shape, np.nan)
    x, y = city.ground.centres()
    for street in city.streets:
        if not street.bridge:
            continue
        points, _ = stations(street.centreline)
        ends = city.terrain.sample(*points[[0, -1]].T)
        level = np.linspace(ends[0], ends[1], len(points))
        reach = street.width / 2 + STEP / 2
        rows = np.flatnonzero((y > points[:, 1].min() - reach) & (y < points[:, 1].max() + reach))
        cols = np.flatnonzero((x > points[:, 0].min() - reach) & (x < points[:, 0].max() + reach))
        cells = np.stack(np.meshgrid(x[cols], y[rows]), axis=-1)
        distance, index = KDTree(points).query(cells)
        window = np.ix_(rows, cols)
        raised = (distance <= reach) & (level[index] > city.terrain.sample(cells[..., 0], cells[..., 1]))
        deck[window] = np.where(raised, level[index], deck[window])
    return deck


@dataclass(frozen=True, slots=True, kw_only=True)
class Sections:
    """Cross-sections of all streets, every `STEP` metres, and which one each cell of road belongs to.

    Attributes:
        open: `Passability` with every road cell open, uint8 (H, W).
        streets: Of the city.
        points: (N, 2) middles of the cross-sections [m], street after street.
        normals: (N, 2) unit vectors across the street.
        half: (N,) half widths of the carriageways [m].
        row, col: (M,) the road cells on a street; car parks beside every street are left out.
        nearest: (M,) cross-section nearest to each.
    """

    open: Field
    streets: Sequence[Street]
    points: np.ndarray
    normals: np.ndarray
    half: np.ndarray
    row: np.ndarray
    col: np.ndarray
    nearest: np.ndarray


def cross_sections(city: City) -> Sections:
    """The cross-sections of the city's streets."""
    lines = [stations(street.centreline) for street in city.streets]
    roads = open_roads(city)
    points = np.concatenate([np.zeros((0, 2)), *(middle for middle, _ in lines)])
    half = np.repeat([s.width / 2 for s in city.streets], [len(middle) for middle, _ in lines])
    row, col = np.nonzero(roads.values)
    nearest = np.zeros(len(row), np.int64)
    on_street = np.zeros(len(row), bool)
    if len(points) and len(row):
        x, y = city.ground.centres()
        reach = half.max() + STEP
        distance, nearest = KDTree(points).query(np.stack([x[col], y[row]], 1), distance_upper_bound=reach)
        width = np.append(half, -np.inf)[nearest]  # the index after the last stands for none so near
        on_street = distance <= width + STEP
    return Sections(
        open=roads,
        streets=city.streets,
        points=points,
        normals=np.concatenate([np.zeros((0, 2)), *(normal for _, normal in lines)]),
        half=half,
        row=row[on_street],
        col=col[on_street],
        nearest=nearest[on_street],
    )


def passability_by_width(city: City, obstructed: np.ndarray, sections: Sections | None = None) -> Field:
    """`Passability` codes, uint8, given what lies on the road.

    Every few metres the widest clear gap across the carriageway is measured: at least `OPEN_SHARE`
    of the width is open, at least a lane is restricted, less is blocked. A road cell takes the
    code of the nearest cross-section; a cell beside every street (car parks) is blocked where covered.

    Args:
        city: With the roads as they were.
        obstructed: (H, W) bool on the cells of `city.ground`.
        sections: `cross_sections` of `city`, if at hand.
    """
    if not obstructed.any():
        return open_roads(city) if sections is None else sections.open
    sections = cross_sections(city) if sections is None else sections
    codes = sections.open.values.copy()
    codes[(codes > 0) & obstructed] = Passability.BLOCKED
    section_code = _section_codes(sections.streets, with_values(city.ground, obstructed))
    codes[sections.row, sections.col] = section_code[sections.nearest]
    return with_values(city.ground, codes)


def _section_codes(streets: Sequence[Street], obstructed: Field) -> np.ndarray:
    """(N,) `Passability` codes, uint8, of all cross-sections."""
    codes = [np.zeros(0, np.uint8)]
    for street in streets:
        _, clear = clear_width(street, obstructed)
        code = np.full(len(clear), Passability.BLOCKED, np.uint8)
        code[clear >= min(LANE, 0.9 * street.width)] = Passability.RESTRICTED
        code[clear >= OPEN_SHARE * street.width] = Passability.OPEN
        codes.append(code)
    return np.concatenate(codes)


def clear_width(street: Street, obstructed: Field) -> tuple[np.ndarray, np.ndarray]:
    """Middles (N, 2) of the cross-sections of a street and the widest clear gap (N,) across each [m]."""
    middle, normal = stations(street.centreline)
    offsets = np.arange(-street.width / 2, street.width / 2, obstructed.cell) + obstructed.cell / 2
    across = middle[:, None] + offsets[None, :, None] * normal[:, None]
    clear = widest_gap(~obstructed.nearest(across[..., 0], across[..., 1])) * obstructed.cell
    return middle, np.minimum(clear, street.width)


def widest_gap(clear: np.ndarray) -> np.ndarray:
    """(N,) length of the longest run of True along the last axis of (N, K)."""
    run = np.zeros(len(clear), np.int64)
    longest = run.copy()
    for column in clear.T:
        run = np.where(column, run + 1, 0)
        longest = np.maximum(longest, run)
    return longest


def stations(line: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 2) every `STEP` metres along a line (M, 2) and its unit normals (N, 2)."""
    lengths = np.hypot(*np.diff(line, axis=0).T)
    arc = np.concatenate([[0.0], np.cumsum(lengths)])
    along = np.linspace(0, arc[-1], max(int(arc[-1] / STEP), 1) + 1)
    points = np.stack([np.interp(along, arc, line[:, k]) for k in (0, 1)], axis=1)
    segment = np.clip(np.searchsorted(arc, along, side="right") - 1, 0, len(lengths) - 1)
    tangent = np.diff(line, axis=0)[segment] / np.maximum(lengths[segment], 1e-9)[:, None]
    return points, np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)

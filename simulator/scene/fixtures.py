"""What roofs and walls carry: chimneys, stair heads, tanks, plant, skylights, panels, balconies.

All of it is a function of the building alone: the same in every tile, on any ground, before and after.
"""

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from simulator.city.model import Building
from simulator.scene.chance import chance
from simulator.scene.mesh import Part, area_of, skin
from simulator.scene.roof_frames import RoofFrame, box_cast, clearance, frame_of, turned, within
from simulator.scene.roofs import Bodies, Cast, gather, lengthwise
from simulator.scene.rooftops import Rooms, coat_colours, divisions, rooms_on

PLANT_AREA = 160.0
"""Larger flat roofs [m2] carry plant and skylights, smaller ones tanks and boxes; assumptions, as
all sizes here."""
HOUSE_AREA = 330.0
"""Ridged roofs above smaller footprints [m2] may carry chimneys, larger ones strips of skylights."""
SLOTS = 14
"""Most things on one flat roof."""
TANK_SIDES = 10
TALL = 8.5
"""Walls from here on may have balconies [m]."""
BAY, BAYS = 6.5, 8
"""Width of a bay with a stack of them [m], and most bays of a side."""
BALCONY = (3.2, 1.2, 2.8)
"""Width, depth, and height of the lowest above the ground [m]."""


def fixture_casts(houses: Sequence[Building]) -> list[Cast]:
    """Everything on the roofs of standing buildings, each with its `base` at its own floor."""
    casts: list[Cast] = []
    rooftop = np.array([house.rooftop for house in houses])
    metal = np.array([house.roof_material == "roof_metal" for house in houses])
    solar = np.array([house.solar for house in houses])
    coats = coat_colours(houses)
    room = np.array([house.overhang * (house.use == "residential") for house in houses])
    for roof, b in gather(houses):
        busy = rooftop[b.owner]
        casts += _balconies(b, room[b.owner])
        if roof in ("flat", "dome"):
            busy = busy if roof == "flat" else 0 * busy
            frame = frame_of(b.plan)
            rooms = rooms_on(b, frame, busy)
            casts += divisions(b, frame, busy, coats[b.owner], rooms)
            casts += _flat(b, frame, busy, rooms)
            casts += _panel_rows(b, frame, solar[b.owner], rooms)
        elif roof in ("gable", "hip"):
            casts += _ridged(b, busy, solar[b.owner], roof)
            casts += _skylights(b, metal[b.owner] & (roof == "gable"))
        elif roof == "mansard":
            casts += _chimneys(b, busy)
    return [cast for cast in casts if len(cast.owner)]


def _flat(b: Bodies, frame: RoofFrame, busy: np.ndarray, rooms: Rooms) -> Iterator[Cast]:
    """Stair heads, tanks, plant and skylights on flat roofs, beside the rooms."""
    area, top = area_of(b.plan), b.base + b.eave
    large = area > PLANT_AREA
    number = busy * np.where(large, area / 70.0, area / 15.0) * (0.3 + 1.4 * chance(b.key, 20))
    for slot in range(SLOTS):
        here = np.flatnonzero(slot + chance(b.key, 30 + slot) < np.minimum(number, SLOTS))
        if not len(here):
            continue
        k, big = b.key[here], large[here]
        draw = [chance(k, 100 + 16 * slot + i) for i in range(9)]
        head = (slot == 0) & (b.eave[here] > 4.5) & (area[here] > 35)
        size = _between(draw[0:3], (0.8, 0.7, 0.5), (1.7, 1.3, 1.3))
        size = np.where(big[:, None], _between(draw[0:3], (0.9, 0.9, 0.35), (3.4, 2.4, 1.7)), size)
        size = np.where(head[:, None], _between(draw[0:3], (2.4, 2.0, 2.2), (4.2, 2.8, 2.7)), size)
        xy = _place(frame, here, draw[3], draw[4])
        if slot % 3 == 2:  # in line with the thing before, as plant and skylights stand
            xy = _place(frame, here, chance(k, 100 + 16 * (slot - 1) + 3), draw[4])
        fits = clearance(b.plan[here], xy) > np.linalg.norm(size[:, :2], axis=1) / 2 + 0.3
        tank = ~head & ~big & (draw[5] < 0.5)
        fits &= ~rooms.touch(here, frame, xy, np.where(tank[:, None], size[:, 1:2], size[:, :2]))
        tone = np.where(draw[6] < 0.3, 0.35, 0.7 + 0.9 * draw[6])
        round_ones, others = fits & tank, fits & ~tank
        for part, chosen in ((Part.FIXTURE, others), (Part.TANK, round_ones)):
            rows = here[chosen]
            at = np.column_stack([xy[chosen], top[rows] + size[chosen, 2] / 2])
            shade = np.repeat(tone[chosen, None], 3, axis=1)
            make = box_cast if part == Part.FIXTURE else _tanks
            yield make(b.owner[rows], at, size[chosen], frame.heading[rows], part, shade)


def _panel_rows(b: Bodies, frame: RoofFrame, solar: np.ndarray, rooms: Rooms) -> Iterator[Cast]:
    """Rows of tilted panels along the roof; none that would meet a room."""
    rows = np.flatnonzero((solar > 0) & (area_of(b.plan) > 25))
    if not len(rows):
        return
    origin, half, heading = frame.at(rows)
    count = np.minimum(np.floor(2 * half[:, 1] * np.minimum(1.6 * solar[rows], 0.8) / 2.2), 12)
    length = np.maximum(1.6, 2 * half[:, 0] * (0.5 + 0.35 * chance(b.key[rows], 50)))
    for k in range(int(count.max(initial=0))):
        here = np.flatnonzero(k < count)
        shift = np.stack([np.zeros(len(here)), (k - (count[here] - 1) / 2) * 2.2], 1)
        xy = origin[here] + turned(shift, heading[here])
        reach = turned(np.stack([length[here] / 2, np.zeros(len(here))], 1), heading[here])
        plan = b.plan[rows[here]]
        fits = np.minimum(clearance(plan, xy - reach), clearance(plan, xy + reach)) > 1.0
        size = np.column_stack([length[here], np.full(len(here), 1.6), np.full(len(here), 0.06)])
        fits &= within(plan, xy, size[:, :2], heading[here])
        fits &= ~rooms.touch(rows[here], frame, xy, size[:, :2])
        here, xy, size = here[fits], xy[fits], size[fits]
        at = np.column_stack([xy, (b.base + b.eave)[rows[here]] + 0.45])
        yield box_cast(
            b.owner[rows[here]], at, size, heading[here], Part.SOLAR, np.ones((len(here), 3)), 0.25
        )


def _ridged(b: Bodies, busy: np.ndarray, solar: np.ndarray, roof: str) -> Iterator[Cast]:
    """Chimneys, panels on one slope, and strips of skylights on halls."""
    yield from _chimneys(b, busy)
    origin, half, heading = frame_of(lengthwise(b.plan))
    slope = np.arctan2(b.rise, half[:, 1])
    south = np.cos(heading) > 0  # the slope on the right of the ridge looks south
    side = np.where(south ^ (chance(b.key, 60) < 0.2), -1.0, 1.0)
    run = half[:, 0] - (half[:, 1] if roof == "hip" else 0)
    span = np.minimum(0.75 * half[:, 1], 1.0 + 9 * solar)
    rows = np.flatnonzero((solar > 0) & (run > 1.6) & (half[:, 1] > 2.0))
    yield _on_slope(
        b, rows, origin, half, heading, side * slope,
        np.zeros(len(b.key)), side * 0.5, 2 * run * np.minimum(0.35 + solar, 0.9), span / np.cos(slope),
        Part.SOLAR, 1.0,
    )  # fmt: skip


def _skylights(b: Bodies, sheets: np.ndarray) -> Iterator[Cast]:
    """Strips of skylights down both slopes of halls."""
    origin, half, heading = frame_of(lengthwise(b.plan))
    slope = np.arctan2(b.rise, half[:, 1])
    rows = np.flatnonzero(sheets & (4 * half[:, 0] * half[:, 1] > HOUSE_AREA) & (chance(b.key, 61) < 0.5))
    for k in range(6):
        at = (k + 0.5) / 6 * 2 - 1
        for sign in (-1.0, 1.0):
            yield _on_slope(
                b, rows, origin, half, heading, sign * slope, at * half[:, 0],
                np.full(len(b.key), sign * 0.5),
                np.full(len(b.key), 1.1), 0.7 * half[:, 1] / np.cos(slope), Part.FIXTURE, 1.9,
            )  # fmt: skip


def _on_slope(
    b: Bodies, rows: np.ndarray, origin: np.ndarray, half: np.ndarray, heading: np.ndarray, tilt: np.ndarray,
    along: np.ndarray, across: np.ndarray, length: np.ndarray, width: np.ndarray, part: Part, tone: float,
) -> Cast:  # fmt: skip
    """Thin slabs on slopes, `across` in shares of the way from the ridge to an eave (left of it positive)."""
    shift = np.stack([along[rows], across[rows] * half[rows, 1]], 1)
    xy = origin[rows] + turned(shift, heading[rows])
    z = (b.base + b.eave + b.rise * (1 - np.abs(across)))[rows] + 0.06
    size = np.column_stack([length[rows], width[rows], np.full(len(rows), 0.08)])
    shade = np.full((len(rows), 3), tone)
    return box_cast(b.owner[rows], np.column_stack([xy, z]), size, heading[rows], part, shade, -tilt[rows])


def _chimneys(b: Bodies, busy: np.ndarray) -> Iterator[Cast]:
    """Up to two chimneys near the ridges of houses."""
    origin, half, heading = frame_of(lengthwise(b.plan))
    house = (4 * half[:, 0] * half[:, 1] < HOUSE_AREA) & (b.rise > 0.8) & (half[:, 1] > 2.2)
    for k, often in ((0, 0.9), (1, 0.3)):
        rows = np.flatnonzero(house & (chance(b.key, 70 + k) < often * busy))
        share = np.stack(
            [1.3 * chance(b.key[rows], 72 + k) - 0.65, 0.5 * chance(b.key[rows], 74 + k) - 0.25], 1
        )
        xy = origin[rows] + turned(share * half[rows], heading[rows])
        foot, top = b.eave[rows], b.eave[rows] + b.rise[rows] + 0.7
        size = np.column_stack([np.full(len(rows), 0.8), np.full(len(rows), 0.65), top - foot])
        z = b.base[rows] + (foot + top) / 2
        shade = np.array([1.0, 0.72, 0.6])[None] * (0.6 + 0.6 * chance(b.key[rows], 76 + k))[:, None]
        yield box_cast(b.owner[rows], np.column_stack([xy, z]), size, heading[rows], Part.FIXTURE, shade)


def _balconies(b: Bodies, room: np.ndarray) -> Iterator[Cast]:
    """Stacks of balconies along both long sides of tall houses that have `room` (B,) [m] around them."""
    if b.plan.shape[1] != 4:
        return
    wide, deep, foot = BALCONY
    rows = np.flatnonzero((room > 0.2) & (b.eave > TALL) & (chance(b.key, 80) < 0.6))
    origin, half, heading = frame_of(b.plan[rows])
    count = np.clip(np.floor(2 * half[:, 0] / BAY), 1, BAYS)
    depth = np.minimum(deep, 2.5 * room[rows])
    tone = np.repeat(0.7 + 0.5 * chance(b.key[rows], 81)[:, None], 3, axis=1)
    for k, side in itertools.product(range(BAYS), (-1.0, 1.0)):
        here = np.flatnonzero(k < count)
        along = ((k + 0.5) / count[here] * 2 - 1) * half[here, 0]
        shift = np.stack([along, side * (half[here, 1] + depth[here] / 2 - 0.05)], 1)
        xy = origin[here] + turned(shift, heading[here])
        high = b.eave[rows[here]] - foot - 0.4
        size = np.column_stack([np.full(len(here), wide), depth[here], high])
        at = np.column_stack([xy, b.base[rows[here]] + foot + high / 2])
        yield box_cast(b.owner[rows[here]], at, size, heading[here], Part.FIXTURE, tone[here])


def _tanks(
    owner: np.ndarray,
    centre: np.ndarray,
    size: np.ndarray,
    heading: np.ndarray,
    part: Part,
    shade: np.ndarray,
) -> Cast:
    """Closed upright cylinders as wide as boxes of that size."""
    angle = 2 * np.pi * np.arange(TANK_SIDES) / TANK_SIDES
    unit = np.column_stack([np.cos(angle), np.sin(angle)])
    xy = centre[:, None, :2] + unit * (size[:, None, 1:2] / 2)
    rings = []
    for end in (-0.5, 0.5):
        z = np.broadcast_to((centre[:, 2] + end * size[:, 2])[:, None, None], (*xy.shape[:2], 1))
        rings.append(np.concatenate([xy, z], axis=2))
    k = np.arange(1, TANK_SIDES - 1)
    fan = np.stack([0 * k, k, k + 1], axis=1)
    faces, _ = skin(TANK_SIDES, [part], part, fan, fan)
    return Cast(owner, np.concatenate(rings, axis=1), faces, np.full(len(faces), part, np.uint8), shade)


def _place(frame: RoofFrame, rows: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Points (M, 2) at shares u, v (M,) of the boxes of some bodies."""
    origin, half, heading = frame.at(rows)
    return origin + turned(half * (2 * np.stack([u, v], 1) - 1), heading)


def _between(draws: Sequence[np.ndarray], low: Sequence[float], high: Sequence[float]) -> np.ndarray:
    return np.stack(draws, 1) * (np.array(high) - low) + low

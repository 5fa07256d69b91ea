"""What stands along lines: lamp posts at kerbs, trains on tracks."""

import math
from collections.abc import Sequence

import numpy as np
import shapely

from simulator.city.clutter import LOOKS
from simulator.city.local_streets import Draft
from simulator.city.model import NO_BOXES, Boxes, BoxKind, Field, Ground
from simulator.city.noise import keyed
from simulator.city.placing import HALO, beside, near_window, take, within

LAMPS, TRAINS = 113, 114
"""Purposes in keys."""
LIT = ("primary", "secondary", "tertiary")
"""Streets with lamps whether they have sidewalks or not; an assumption, as is all below."""
POSTS = (28.0, 45.0)
"""Between lamp posts of one street [m]."""
KERB = 0.45
"""From the carriageway to a post [m]."""
STRETCH = 700.0
"""Of track, on which there is a train or none [m]; and how often there is one."""
OCCUPIED = 0.4
COUPLING = 0.9
"""Between the cars of a train [m]."""
RAIL_TOP = 0.3
"""Above the ground [m]."""
GOODS = np.array([[0.16, 0.12, 0.10], [0.20, 0.19, 0.18], [0.28, 0.10, 0.06], [0.10, 0.14, 0.20]])
"""Linear albedo of goods wagons."""


def street_lamps(
    drafts: Sequence[Draft], ground: Field, seed: int
) -> list[tuple[BoxKind, float, float, float]]:
    """Lamp posts in a window, at one kerb of each lit street: kind, x, y and heading of the arm [m, m, rad].

    Args:
        drafts: All streets near the window, whole.
        ground: `Ground` codes of the window.
        seed: Of the region.
    """
    posts: list[tuple[BoxKind, float, float, float]] = []
    for draft in drafts:
        lit = draft.sidewalk > 0.5 or draft.kind in LIT
        if not lit or draft.line.length < POSTS[1] or not near_window(draft.line, ground):
            continue
        rng = keyed(seed, LAMPS, *draft.key)
        side, gap = (1 if rng.random() < 0.5 else -1), rng.uniform(*POSTS)
        at = np.arange(0.5 * gap, draft.line.length - 6.0, gap)
        found = beside(draft.line, at, side * (draft.width / 2 + KERB))
        found = found[within(ground, found[:, :2], 0.0)]
        posts += [(BoxKind.POLE, float(x), float(y), float(a - side * math.pi / 2)) for x, y, a in found]
    return posts


def place_trains(rails: Sequence[shapely.LineString], ground: Field, seed: int) -> Boxes:
    """The cars of trains in a window; none on a bridge.

    Args:
        rails: Axes of tracks, whole.
        ground: `Ground` codes on the window and `HALO` around it.
        seed: Of the region.
    """
    cars = [
        _train(line, number, slot, seed)
        for number, line in enumerate(rails)
        for slot in range(int(line.length / STRETCH))
        if near_window(line, ground) and keyed(seed, TRAINS, number, slot).random() < OCCUPIED
    ]
    if not cars:
        return NO_BOXES
    at, size, colour = (np.concatenate(column) for column in zip(*cars, strict=True))
    boxes = Boxes(
        centre=np.column_stack([at[:, :2], RAIL_TOP + size[:, 2] / 2]),
        size=size,
        heading=at[:, 2],
        tilt=np.zeros(len(at)),
        colour=colour,
        kind=np.full(len(at), BoxKind.TRAIN, np.uint8),
    )
    wet = ground.nearest(*at[:, :2].T) == Ground.RIVERBED
    return take(boxes, within(ground, at[:, :2], HALO) & ~wet)


def _train(
    line: shapely.LineString, number: int, slot: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and heading, size, and colour of the cars of one train, each (N, 3)."""
    rng = keyed(seed, TRAINS, number, slot, 1)
    goods = bool(rng.random() < 0.45)
    (shortest, longest), (narrow, wide), (low, high) = LOOKS[BoxKind.TRAIN][0]
    length = rng.uniform(12.0, shortest) if goods else rng.uniform(shortest, longest)
    count = int(rng.integers(10, 36) if goods else rng.integers(3, 11))
    start = slot * STRETCH + rng.uniform(0, STRETCH - count * (length + COUPLING))
    at = beside(line, start + (np.arange(count) + 0.5) * (length + COUPLING), 0.0)
    size = np.tile([length, rng.uniform(narrow, wide), rng.uniform(low, high)], (count, 1))
    palette = GOODS if goods else np.array(LOOKS[BoxKind.TRAIN][1])
    pick = rng.integers(len(palette), size=count)
    colour = palette[pick if goods else np.full(count, pick[0])]
    return at, size, colour

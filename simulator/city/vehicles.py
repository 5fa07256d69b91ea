"""Vehicles: parked along kerbs and in stalls, and driving. Keyed to streets and places, so tiles agree."""

from collections.abc import Sequence

import numpy as np

from simulator.city.local_streets import Draft
from simulator.city.model import ROADWAY, Boxes, BoxKind, Field
from simulator.city.noise import keyed
from simulator.city.placing import (
    HALO,
    PARKED,
    PLACE,
    TRAFFIC,
    beside,
    near_window,
    outranked,
    place_numbers,
    rectangles,
    stream_seed,
    take,
    within,
)

COLOURS = np.array(
    [[0.72, 0.72, 0.71], [0.03, 0.03, 0.03], [0.13, 0.13, 0.14], [0.38, 0.39, 0.40], [0.30, 0.03, 0.03],
     [0.04, 0.07, 0.20], [0.28, 0.24, 0.17], [0.05, 0.13, 0.08], [0.60, 0.42, 0.06]]
)  # fmt: skip
"""Linear albedo."""

SHARES = np.array([0.34, 0.18, 0.15, 0.16, 0.06, 0.06, 0.025, 0.015, 0.01])
"""Of the colours: white, black and greys are four in five cars (Axalta colour popularity reports)."""

SIZES: dict[BoxKind, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    BoxKind.CAR: ((3.7, 4.9), (1.68, 1.92), (1.42, 1.70)),
    BoxKind.VAN: ((4.8, 6.0), (1.90, 2.05), (1.90, 2.70)),
    BoxKind.LORRY: ((7.5, 16.5), (2.40, 2.55), (3.2, 4.0)),
    BoxKind.BUS: ((9.5, 12.2), (2.45, 2.55), (2.9, 3.3)),
    BoxKind.RICKSHAW: ((2.5, 2.8), (1.25, 1.35), (1.65, 1.80)),
}
"""Length, width and height [m]: segments A to J of makers' data; the greatest are those of Council
Directive 96/53/EC (16.5 x 2.55 x 4 m); three-wheelers as Bajaj and Piaggio publish theirs."""

MIX: dict[str, tuple[float, float, float]] = {
    "motorway": (0.09, 0.16, 0.01),
    "trunk": (0.09, 0.14, 0.015),
    "primary": (0.10, 0.06, 0.05),
    "secondary": (0.10, 0.04, 0.035),
    "tertiary": (0.10, 0.02, 0.015),
    "service": (0.12, 0.02, 0.0),
}
"""Shares of vans, lorries and buses among those that drive, by the kind of street; assumptions."""

FLOW = {"motorway": 1.6, "trunk": 1.4, "primary": 1.2, "secondary": 0.8, "tertiary": 0.4, "track": 0.02}
"""Moving vehicles a 100 m of each side of a street, 0.12 on others; assumptions."""
PITCH, BAY = 18.0, 6.0
"""Length of a slot of a lane, and of a parking place at the kerb [m]."""


def place_vehicles(
    drafts: Sequence[Draft],
    stalls: Sequence[tuple[float, float, float]],
    ground: Field,
    seed: int,
    rickshaws: float = 0.0,
) -> Boxes:
    """All vehicles in the window, none on another.

    Args:
        drafts: All streets near the window, whole.
        stalls: x, y, heading of vehicles that stand in yards and car parks [m, m, rad].
        ground: `Ground` codes on the window and `HALO` around it.
        seed: Of the region.
        rickshaws: Share of three-wheelers among the cars.
    """
    places = [np.column_stack([np.array(stalls).reshape(-1, 3), np.zeros((len(stalls), 2))])]
    for draft in drafts:
        if draft.line.length > 2 * BAY and near_window(draft.line, ground):
            places += [_driving(draft, keyed(seed, TRAFFIC, *draft.key))]
            if draft.width >= 5.2 and draft.parked > 0:
                places += [_parked(draft, keyed(seed, PARKED, *draft.key))]
    at = np.concatenate(places)
    at = at[within(ground, at[:, :2], 0.0)]
    boxes = _vehicles(at[:, :3], at[:, 3].astype(int), seed, rickshaws)
    on_street = at[:, 4] > 0
    fits = ~on_street | _on_road(boxes, ground)
    boxes, on_street = take(boxes, fits), on_street[fits]
    rank = place_numbers(boxes.centre[:, :2], stream_seed(seed, PLACE, 1), 1)[:, 0] - on_street
    shapes = rectangles(boxes.centre[:, :2], boxes.size[:, :2] + 0.35, boxes.heading)
    return take(boxes, ~outranked(shapes, rank) & within(ground, boxes.centre[:, :2], HALO))


def _driving(draft: Draft, rng: np.random.Generator) -> np.ndarray:
    """(N, 5) x, y, heading, `BoxKind` and 1, in the lanes of a street; on the right of it."""
    lanes = max(draft.lanes, 1)
    sides = [1] if draft.oneway or draft.roundabout else [-1, 1]
    each = max(lanes // len(sides), 1)
    vans, lorries, buses = MIX.get(draft.kind, (0.08, 0.004, 0.002))
    out = [np.zeros((0, 5))]
    kerb = 2.2 if draft.parked > 0.5 and draft.width >= 5.2 * len(sides) else 0.0
    for side in sides:
        half = draft.width / len(sides) - kerb
        for lane in range(each):
            slots = np.arange(0.5 * PITCH, draft.line.length - 0.5 * PITCH, PITCH)
            share = min(FLOW.get(draft.kind, 0.12) / each * rng.uniform(0.4, 1.6) * PITCH / 100, 0.9)
            chosen = rng.random(len(slots)) < share
            at = (slots + rng.uniform(-2.5, 2.5, len(slots)))[chosen]
            u = rng.random(len(slots))[chosen]
            reach = half * (lane + 0.5) / each
            offset = -side * reach if len(sides) == 2 else reach - half / 2
            found = beside(draft.line, at, offset)
            found[:, 2] += rng.normal(0, 0.02, len(slots))[chosen] + np.pi * (side < 0)
            kind = np.select(
                [u < vans, u < vans + lorries, u < vans + lorries + buses],
                [BoxKind.VAN, BoxKind.LORRY, BoxKind.BUS],
                BoxKind.CAR,
            )
            out.append(np.column_stack([found, kind, np.ones(len(at))]))
    return np.concatenate(out)


def _parked(draft: Draft, rng: np.random.Generator) -> np.ndarray:
    """(N, 5) as `_driving`, along both kerbs."""
    out = []
    for side in (-1, 1):
        slots = np.arange(9.0, draft.line.length - 9.0, BAY)
        share = min(draft.parked * rng.uniform(0.4, 1.6) * BAY / 100, 0.95)
        chosen = rng.random(len(slots)) < share
        at = (slots + rng.uniform(-0.4, 0.4, len(slots)))[chosen]
        found = beside(draft.line, at, -side * (draft.width / 2 - 1.15))
        found[:, 2] += rng.normal(0, 0.025, len(slots))[chosen] + np.pi * (side < 0)
        kind = np.where(rng.random(len(slots))[chosen] < 0.1, BoxKind.VAN, BoxKind.CAR)
        out.append(np.column_stack([found, kind, np.ones(len(at))]))
    return np.concatenate(out)


def _vehicles(places: np.ndarray, kind: np.ndarray, seed: int, rickshaws: float) -> Boxes:
    """Hulls at x, y, heading (N, 3); kind 0 leaves the choice of a car or a van."""
    u = place_numbers(places[:, :2], stream_seed(seed, PLACE, 2), 8)
    kind = np.where(kind == 0, np.where(u[:, 0] < 0.1, BoxKind.VAN, BoxKind.CAR), kind)
    kind = np.where((kind == BoxKind.CAR) & (u[:, 1] < rickshaws), BoxKind.RICKSHAW, kind)
    ranges = np.zeros((len(BoxKind), 3, 2))
    for k, extent in SIZES.items():
        ranges[k] = extent
    low, high = np.moveaxis(ranges[kind], 2, 0)
    size = low + (high - low) * np.column_stack([u[:, 2], 0.5 * (u[:, 2] + u[:, 3]), u[:, 4]])
    colour = COLOURS[np.searchsorted(np.cumsum(SHARES)[:-1], u[:, 5], side="right")]
    white = (kind != BoxKind.CAR) & (u[:, 6] < 0.55)  # goods and fleets are mostly white
    colour = np.where(white[:, None], COLOURS[0], colour)
    colour = np.where(
        (kind == BoxKind.RICKSHAW)[:, None],
        np.where(u[:, 6:7] < 0.5, (0.5, 0.36, 0.04), (0.04, 0.16, 0.06)),
        colour,
    )
    return Boxes(
        centre=np.column_stack([places[:, :2], size[:, 2] / 2]),
        size=size,
        heading=places[:, 2],
        tilt=np.zeros(len(places)),
        colour=np.clip(colour * np.exp(0.3 * (u[:, 7:8] - 0.5)), 0.01, 0.95),
        kind=kind.astype(np.uint8),
    )


def _on_road(boxes: Boxes, ground: Field) -> np.ndarray:
    """(N,) bool: which stand on a carriageway from end to end."""
    along = np.stack([np.cos(boxes.heading), np.sin(boxes.heading)], 1) * boxes.size[:, :1]
    codes = [ground.nearest(*(boxes.centre[:, :2] + s * along).T) for s in (-0.42, 0.0, 0.42)]
    return np.asarray(np.isin(np.stack(codes), [int(g) for g in ROADWAY]).all(axis=0))

"""Loose things in yards, on markets, at the water: a kind and a place become a hull of a size and colour."""

from collections.abc import Sequence

import numpy as np

from simulator.city.model import ROADWAY, Boxes, BoxKind, Field, Ground
from simulator.city.placing import HALO, outranked, place_numbers, rectangles, stream_seed, take, within
from simulator.city.vehicles import COLOURS, SIZES

PLACING = 111
"""Purpose in keys."""

White, Steel = (0.62, 0.62, 0.60), (0.30, 0.30, 0.29)
Extent = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]
Colour = tuple[float, float, float]

LOOKS: dict[BoxKind, tuple[Extent, tuple[Colour, ...]]] = {
    BoxKind.CAR: (
        SIZES[BoxKind.CAR],
        tuple((float(r), float(g), float(b)) for r, g, b in COLOURS),
    ),
    BoxKind.VAN: (SIZES[BoxKind.VAN], (White, White, (0.13, 0.13, 0.14))),
    BoxKind.LORRY: (
        SIZES[BoxKind.LORRY],
        (White, White, (0.05, 0.09, 0.25), (0.35, 0.04, 0.03)),
    ),
    BoxKind.BUS: (SIZES[BoxKind.BUS], (White, (0.55, 0.36, 0.03), (0.3, 0.04, 0.03))),
    BoxKind.RICKSHAW: (SIZES[BoxKind.RICKSHAW], ((0.5, 0.36, 0.04), (0.04, 0.16, 0.06))),
    BoxKind.BOAT: (
        ((4.0, 13.0), (1.7, 3.8), (1.0, 2.4)),
        (White, White, (0.05, 0.10, 0.28), (0.25, 0.16, 0.09)),
    ),
    BoxKind.CONTAINER: (
        ((6.06, 12.19), (2.44, 2.44), (2.59, 2.59)),
        ((0.30, 0.06, 0.04), (0.04, 0.10, 0.26), (0.05, 0.18, 0.10), (0.45, 0.44, 0.42), (0.42, 0.20, 0.04)),
    ),
    BoxKind.STALL: (
        ((2.2, 3.6), (1.9, 3.0), (2.2, 2.8)),
        ((0.55, 0.06, 0.05), (0.06, 0.16, 0.42), (0.60, 0.58, 0.52), (0.06, 0.26, 0.12), (0.58, 0.42, 0.08)),
    ),
    BoxKind.TENT: (
        ((3.0, 8.0), (3.0, 6.0), (2.2, 3.6)),
        ((0.66, 0.65, 0.62), (0.10, 0.22, 0.45), (0.20, 0.20, 0.11)),
    ),
    BoxKind.PLAY: (
        ((1.2, 4.5), (0.8, 3.0), (0.9, 2.6)),
        ((0.5, 0.08, 0.05), (0.08, 0.2, 0.5), (0.55, 0.4, 0.05), (0.3, 0.22, 0.14)),
    ),
    BoxKind.POLE: (((0.20, 0.35), (0.20, 0.35), (6.0, 11.0)), (Steel, (0.16, 0.12, 0.09))),
    BoxKind.TRAIN: (
        ((18.0, 26.4), (2.8, 3.0), (3.8, 4.3)),
        ((0.45, 0.45, 0.44), (0.35, 0.05, 0.04), (0.05, 0.09, 0.25), (0.16, 0.12, 0.10)),
    ),
    BoxKind.GRAVE: (
        ((1.5, 2.2), (0.6, 1.0), (0.3, 1.2)),
        ((0.36, 0.35, 0.33), (0.20, 0.20, 0.20), (0.52, 0.50, 0.47)),
    ),
    BoxKind.GREENHOUSE: (((5.0, 24.0), (2.6, 9.0), (2.2, 4.2)), (White, (0.45, 0.48, 0.46))),
}
"""Length, width, height [m] and colours (linear albedo); vehicles as in `SIZES`. Containers are 20 and 40
feet (ISO 668); coaches as UIC 505 and 567 allow; boats, tents, stalls, play things and graves are
assumptions, as are all colours."""

ON_ROADS = (
    BoxKind.POLE,
    BoxKind.CAR,
    BoxKind.VAN,
    BoxKind.LORRY,
    BoxKind.BUS,
    BoxKind.RICKSHAW,
    BoxKind.STALL,
)
"""May stand on a carriageway."""


def place_clutter(objects: Sequence[tuple[BoxKind, float, float, float]], ground: Field, seed: int) -> Boxes:
    """Hulls of the things in the window, none on another; of two that touch, one goes.

    Args:
        objects: Kind, x, y and heading of each [m, m, rad].
        ground: `Ground` codes on the window and `HALO` around it.
        seed: Of the region.
    """
    kind = np.array([int(k) for k, *_ in objects], int)
    places = np.array([place for _, *place in objects], float).reshape(-1, 3)
    inside = within(ground, places[:, :2], 0.0)
    boxes = _hulls(kind[inside], places[inside], seed)
    centre = boxes.centre[:, :2]
    code = ground.nearest(*centre.T)
    wet = np.isin(code, [int(Ground.RIVERBED), int(Ground.POOL)]) & (boxes.kind != BoxKind.BOAT)
    in_the_way = np.isin(code, [int(g) for g in ROADWAY]) & ~np.isin(boxes.kind, [int(k) for k in ON_ROADS])
    boxes = take(boxes, ~wet & ~in_the_way)
    centre = boxes.centre[:, :2]
    rank = place_numbers(centre, stream_seed(seed, PLACING, 1), 1)[:, 0]
    lost = outranked(rectangles(centre, boxes.size[:, :2] + 0.1, boxes.heading), rank)
    return take(boxes, ~lost & within(ground, centre, HALO))


def _hulls(kind: np.ndarray, places: np.ndarray, seed: int) -> Boxes:
    u = place_numbers(places[:, :2], stream_seed(seed, PLACING, 0), 6)
    ranges = np.zeros((len(BoxKind), 3, 2))
    colour = np.zeros((len(kind), 3))
    for k, (extent, colours) in LOOKS.items():
        ranges[k] = extent
        of_kind = kind == k
        colour[of_kind] = np.array(colours)[(u[of_kind, 3] * len(colours)).astype(int)]
    low, high = np.moveaxis(ranges[kind], 2, 0)
    share = u[:, :3].copy()
    share[:, 1] = 0.6 * share[:, 0] + 0.4 * share[:, 1]  # long things are wide
    share[kind == BoxKind.CONTAINER, 0] = u[kind == BoxKind.CONTAINER, 0] > 0.4
    size = low + (high - low) * share
    return Boxes(
        centre=np.column_stack([places[:, :2], size[:, 2] / 2]),
        size=size,
        heading=places[:, 2],
        tilt=np.zeros(len(kind)),
        colour=np.clip(colour * np.exp(0.5 * (u[:, 4:5] - 0.5)), 0.01, 0.9),
        kind=kind.astype(np.uint8),
    )

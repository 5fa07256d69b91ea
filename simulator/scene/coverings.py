"""What a disaster does to the covering of roofs that stand: torn off from the windward edges, blue sheets
over the holes, volcanic ash.

Each plane slope is cut into panels of the size of sheathing boards; those that have lost their covering
are drawn as decking, or as a hole, just above it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import shapely
from shapely import affinity

from rasters.classes import LandCover
from simulator.city.model import Building
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import Part, Piece, paint, triangulate
from simulator.scene.panels import Lattice, Outlines, cut_panels, lattice, outlines_of
from simulator.scene.roofs import Cast, fans, from_reflex, turns
from simulator.scene.slopes import Slope, roof_slopes

BATCH = 256
"""Houses whose panels are cut at once."""
LIFT, SHEET_LIFT = 0.03, 0.07
"""Of decking and of sheets above the covering [m]."""
HOLES = 0.25
"""Share of the torn panels that have lost their deck too, once a fifth of the roof is torn: an assumption."""
DECK = np.array([0.31, 0.235, 0.155])
"""Albedo of weathered boards; and of the felt over them."""
FELT = np.array([0.085, 0.08, 0.075])
SHEETS = np.array([[0.07, 0.13, 0.43], [0.09, 0.16, 0.50], [0.05, 0.09, 0.33], [0.42, 0.42, 0.43]])
"""Albedo of tarpaulins: blue ones, new and faded, and now and then a white one. Set by eye."""
SHED_FROM, SHED_TO = np.cos(np.radians(15)), np.cos(np.radians(35))
"""Tephra stays on pitches up to 15 degrees and slides off those of 35 (Osman et al. 2023, Journal of
Applied Volcanology 12, doi:10.1186/s13617-023-00137-2)."""
CLINGS = 0.3
"""Share of the ash that stays on steep roofs: an assumption."""


class Flat(NamedTuple):
    """Thin faces just above slopes.

    Attributes:
        house: (P,) position of the house.
        slope: (P,) position of the slope.
        outlines: P polygons in its plane [m].
        colour: (P, 3) albedo.
        hole: (P,) whether there is nothing under the covering.
    """

    house: np.ndarray
    slope: np.ndarray
    outlines: Outlines
    colour: np.ndarray
    hole: np.ndarray


def covering_pieces(houses: Sequence[Building], casts: Sequence[Cast]) -> list[Piece]:
    """Torn panels and tarpaulins of the houses that have any.

    Args:
        houses: Standing buildings.
        casts: Their bodies.
    """
    marked = [i for i, b in enumerate(houses) if b.tarpaulin > 0 or _is_torn(b)]
    slopes: dict[int, list[Slope]] = {i: [] for i in marked}
    for cast in casts:
        if not (cast.part == Part.ROOF).any():
            continue
        for row in np.flatnonzero(np.isin(cast.owner, marked)):
            slopes[int(cast.owner[row])] += roof_slopes(
                cast.vertices[row], cast.faces[cast.part == Part.ROOF]
            )
    pieces = []
    for first in range(0, len(marked), BATCH):
        some = marked[first : first + BATCH]
        pieces += _covered([houses[i] for i in some], [slopes[i] for i in some])
    return pieces


def _covered(houses: Sequence[Building], slopes: Sequence[Sequence[Slope]]) -> list[Piece]:
    """The coverings of some houses, by the slopes of each."""
    streams = [np.random.default_rng([house.uid % 2**32, 77]) for house in houses]
    owner = [k for k, own in enumerate(slopes) for _ in own]
    flat = [slope for own in slopes for slope in own]
    first = np.cumsum([0, *map(len, slopes)])
    torn = _torn(houses, owner, flat, streams)
    pieces = [] if torn is None else [_faces(torn, houses, flat, "debris_piece", LIFT)]
    sheets = [
        sheet
        for k, house in enumerate(houses)
        if house.tarpaulin > 0
        for sheet in _sheets(house, slopes[k], first[k], streams[k])
    ]
    if sheets:
        slope, shapes, shades = zip(*sheets, strict=True)
        slope = np.repeat(slope, [len(s) for s in shapes])
        house, outlines = np.array(owner)[slope], outlines_of(np.concatenate(shapes))
        laid = Flat(house, slope, outlines, np.concatenate(shades), np.zeros(len(slope), bool))
        pieces.append(_faces(laid, houses, flat, "tarpaulin", SHEET_LIFT))
    return pieces


def _is_torn(house: Building) -> bool:
    return house.torn_from is not None and house.roof_loss > 0


def _torn(
    houses: Sequence[Building],
    owner: Sequence[int],
    slopes: Sequence[Slope],
    streams: Sequence[np.random.Generator],
) -> Flat | None:
    """Panels without covering: those first that lie on the windward side and at edges and corners.

    Args:
        houses: Some buildings.
        owner: The building of each slope.
        slopes: Theirs, one building after the other.
        streams: Of each building.
    """
    large = [k for k, slope in enumerate(slopes) if _is_torn(houses[owner[k]]) and slope.shape.area > 1.0]
    if not large:
        return None
    shapes = [slopes[k].shape for k in large]
    cells = lattice(shapes)
    panels = cut_panels(shapes, cells)
    bounds = np.searchsorted(panels.slope, np.arange(len(large) + 1))
    spans: dict[int, list[int]] = {}
    for position, k in enumerate(large):
        spans.setdefault(owner[k], []).append(position)
    kept, colours, holes = [], [], []
    for k, positions in spans.items():
        wind = -_unit(houses[k].torn_from or 0.0)
        rows = [slice(bounds[p], bounds[p + 1]) for p in positions]
        score = [
            _worth(slopes[large[p]], cells, p, panels.middle[row], wind, streams[k])
            for p, row in zip(positions, rows, strict=True)
        ]
        gone, colour, hole = _gone(houses[k], score, [panels.area[row] for row in rows], streams[k])
        kept.append(rows[0].start + np.flatnonzero(gone))
        colours.append(colour[gone])
        holes.append(hole[gone])
    chosen = np.concatenate(kept)
    slope = np.array(large)[panels.slope[chosen]]
    outlines = panels.outlines.at(chosen)
    return Flat(np.array(owner)[slope], slope, outlines, np.concatenate(colours), np.concatenate(holes))


def _gone(
    house: Building, score: Sequence[np.ndarray], area: Sequence[np.ndarray], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of all panels of a house: whether they have lost their covering, their colour (P, 3) then, and whether
    they are holes."""
    worth, areas = np.concatenate(score), np.concatenate(area)
    order = np.argsort(-worth, kind="stable")
    last = np.searchsorted(np.cumsum(areas[order]), house.roof_loss * areas.sum())
    least = worth[order[min(last, len(order) - 1)]]
    shingled = house.roof_material in ("roof_shingle", "roof_membrane", "roof_bitumen")
    draws = [(rng.random((len(s), 2)), rng.uniform(0.75, 1.2, (len(s), 1))) for s in score]
    draw, bright = (np.concatenate(column) for column in zip(*draws, strict=True))
    deep = min(1.0, house.roof_loss / 0.2) * HOLES * (worth > least + 0.35)
    colour = np.where((draw[:, 1] < 0.35 * shingled)[:, None], FELT, DECK)
    return worth >= least, colour * bright, draw[:, 0] < deep


def _worth(
    slope: Slope, cells: Lattice, at: int, middle: np.ndarray, wind: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(P,) how soon panels of a slope, the lattice's number `at`, lose their covering, by their middles."""
    rim = shapely.boundary(slope.shape)
    edge = shapely.distance(rim, shapely.points(middle))
    tips = shapely.get_coordinates(slope.shape.exterior)[:-1]
    corner = np.sqrt(((middle[:, None] - tips) ** 2).sum(axis=2).min(axis=1))
    across = middle @ np.array([slope.u @ wind, slope.v @ wind])  # how far downwind
    upwind = -across / max(np.ptp(across), 1.0)
    faces_wind = -(slope.normal @ wind)
    clump = rng.normal(0, 1.0, (cells.rows[at] // 3 + 2, cells.columns[at] // 3 + 2))
    low, size = slope.shape.bounds[:2], cells.sizes[at]
    block = ((middle - low) / size / 3 + 1e-6).astype(int)  # the middles of every second row lie on a border
    j, i = np.minimum(block, np.array(clump.shape)[::-1] - 1).T
    score = 1.2 * faces_wind + 0.7 * upwind + 0.6 * np.exp(-edge / 0.8) + 0.7 * np.exp(-corner / 1.6)
    return score + 0.45 * clump[i, j] + rng.normal(0, 0.16, len(middle))


def _sheets(
    house: Building, slopes: Sequence[Slope], before: int, rng: np.random.Generator
) -> list[tuple[int, np.ndarray, np.ndarray]]:
    """Sheets over whole slopes or stretches of them, from the ridge down, until the share is covered.

    Returns the slope's position, after those that come `before`, the shapes (P,) and their colours (P, 3).
    """
    places = [k for k, slope in enumerate(slopes) if slope.shape.area > 2.0]
    large = [slopes[k] for k in places]
    total = sum(slope.shape.area for slope in large)
    start = rng.integers(0, max(len(large), 1))
    wind = (
        None if house.torn_from is None else np.array([np.cos(house.torn_from), np.sin(house.torn_from), 0])
    )
    order = sorted(
        range(len(large)),
        key=lambda k: (k - start) % len(large) if wind is None else -float(large[k].normal @ wind),
    )
    colour = SHEETS[rng.choice(len(SHEETS), p=(0.45, 0.3, 0.17, 0.08))] * rng.uniform(0.85, 1.15)
    sheets, left = [], house.tarpaulin * total
    for k in order:
        slope, turn, at = large[k], rng.normal(0, 1.2), rng.random()
        if left <= 0.02 * total:
            break
        u0, v0, u1, v1 = slope.shape.bounds
        share = min(1.0, left / slope.shape.area)
        width = (u1 - u0) * max(share, min(1.0, np.sqrt(share) * 1.1))
        depth = (v1 - v0) * min(1.0, share * (u1 - u0) / width)
        first = u0 + at * (u1 - u0 - width)
        sheet = affinity.rotate(shapely.box(first, v1 - depth, first + width, v1), turn)
        sheet = shapely.intersection(sheet, slope.shape.buffer(-0.05))
        parts = [p for p in shapely.get_parts(sheet) if p.geom_type == "Polygon" and p.area > 0.5]
        left -= sum(p.area for p in parts)
        shades = colour * rng.uniform(0.92, 1.08, (len(parts), 1))
        if parts:
            sheets.append((before + places[k], np.array(parts), shades))
    return sheets


def _unit(heading: float) -> np.ndarray:
    """(3,) level vector at a heading [rad]."""
    return np.array([np.cos(heading), np.sin(heading), 0.0])


def _faces(
    flat: Flat, houses: Sequence[Building], slopes: Sequence[Slope], material: str, lift: float
) -> Piece:
    """Polygons raised above their slopes [m] in their colours."""
    count, corners = flat.outlines.count, flat.outlines.corners
    frames = np.array([(s.origin + lift * s.normal, s.u, s.v) for s in slopes])
    origin, u, v = np.moveaxis(frames[np.repeat(flat.slope, count)], 1, 0)
    first = np.cumsum(count) - count
    faces, owners = [], []
    for size in np.unique(count):
        which = np.flatnonzero(count == size)
        triangles = _triangles(corners[first[which, None] + np.arange(size)])
        faces.append((triangles + first[which, None, None]).reshape(-1, 3))
        owners.append(np.repeat(which, size - 2))
    owner = np.concatenate(owners)
    instance, soot = np.array([(house.instance, house.soot) for house in houses])[flat.house[owner]].T
    return paint(
        origin + corners[:, :1] * u + corners[:, 1:] * v,
        np.concatenate(faces),
        material=material_index(material),
        tint=flat.colour[owner],
        land_cover=LandCover.BUILDING,
        instance=instance,
        soot=soot,
        loss=flat.hole[owner],
    )


def _triangles(plans: np.ndarray) -> np.ndarray:
    """(P, N - 2, 3) triangles over the corners of polygons (P, N, 2): fans, where one covers the polygon."""
    plans, order = from_reflex(plans)
    n = plans.shape[1]
    fan = np.stack([np.zeros(n - 2, int), np.arange(1, n - 1), np.arange(2, n)], axis=1)
    triangles = np.broadcast_to(fan, (len(plans), n - 2, 3)).copy()
    for k in np.flatnonzero(~(fans(plans) | (turns(plans) > -1e-9).all(axis=1))):
        triangles[k] = triangulate(plans[k])
    return np.take_along_axis(order, triangles.reshape(len(plans), -1), axis=1).reshape(triangles.shape)


def ash_on_roofs(piece: Piece, cast: Cast, tephra: np.ndarray) -> Piece:
    """The piece of a cast with volcanic ash on its roofs, thin where they are steep.

    Args:
        piece: The painted cast.
        cast: Of the same faces.
        tephra: (N,) share of each building's roof that is covered.
    """
    roof = np.tile(cast.part == Part.ROOF, len(cast.owner))
    share = np.repeat(tephra[cast.owner], len(cast.faces)) * roof
    if not share.any():
        return piece
    a, b, c = (piece.vertices[piece.faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    up = normal[:, 2] / np.maximum(np.linalg.norm(normal, axis=1), 1e-9)
    return ash_on(piece, share * np.interp(up, [0.2, SHED_TO, SHED_FROM], [0.0, CLINGS, 1.0]))


def ash_on(piece: Piece, share: np.ndarray) -> Piece:
    """The piece with volcanic ash on a share (F,) of each face."""
    albedo = np.array([m.albedo for m in MATERIALS])
    wanted = albedo[material_index("tephra")] / np.maximum(albedo[piece.material], 0.01)
    tint = (1 - share[:, None]) * piece.tint + share[:, None] * wanted
    return replace(piece, tint=tint.astype(np.float32))

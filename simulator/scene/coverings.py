"""What a disaster does to the covering of roofs that stand: torn off from the windward edges, blue sheets
over the holes, volcanic ash.

Each plane slope is cut into panels of the size of sheathing boards; those that have lost their covering
are drawn as decking, or as a hole, just above it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely import affinity

from rasters.classes import LandCover
from simulator.city.model import Building
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import Part, Piece, paint, triangulate_all
from simulator.scene.roofs import Cast

PANEL = (1.22, 0.61)
"""Along the eave and up the slope [m]: half a sheathing board of 4 by 8 feet."""
MOST_PANELS = 400
"""Of one slope; large roofs are torn in larger pieces."""
LIFT, SHEET_LIFT = 0.03, 0.07
"""Of decking and of sheets above the covering [m]."""
HOLES = 0.25
"""Share of the torn panels that have lost their deck too, once a fifth of the roof is torn: an assumption."""
SMALLEST = 0.05
"""Area of panels that are not worth drawing [m2]."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Slope:
    """A plane part of a roof.

    Attributes:
        shape: In plane coordinates, u along the eave and v up the slope [m].
        origin: (3,) of these coordinates [m].
        u, v, normal: (3,) unit vectors.
    """

    shape: shapely.Polygon
    origin: np.ndarray
    u: np.ndarray
    v: np.ndarray
    normal: np.ndarray

    def lifted(self, points: np.ndarray, by: float) -> np.ndarray:
        """(N, 3) points (N, 2) of the plane, raised [m]."""
        return self.origin + points[:, :1] * self.u + points[:, 1:] * self.v + by * self.normal


def covering_pieces(houses: Sequence[Building], casts: Sequence[Cast]) -> list[Piece]:
    """Torn panels and tarpaulins of the houses that have any.

    Args:
        houses: Standing buildings.
        casts: Their bodies.
    """
    marked = [i for i, b in enumerate(houses) if b.tarpaulin > 0 or (b.torn_from is not None and b.roof_loss)]
    slopes: dict[int, list[Slope]] = {i: [] for i in marked}
    for cast in casts:
        if not (cast.part == Part.ROOF).any():
            continue
        for row in np.flatnonzero(np.isin(cast.owner, marked)):
            slopes[int(cast.owner[row])] += roof_slopes(
                cast.vertices[row], cast.faces[cast.part == Part.ROOF]
            )
    pieces = []
    for i in marked:
        rng = np.random.default_rng([houses[i].uid % 2**32, 77])
        if houses[i].torn_from is not None and houses[i].roof_loss > 0:
            pieces += _torn(houses[i], slopes[i], rng)
        if houses[i].tarpaulin > 0:
            pieces += _sheets(houses[i], slopes[i], rng)
    return pieces


def roof_slopes(vertices: np.ndarray, faces: np.ndarray) -> list[Slope]:
    """The plane parts of a roof that face upwards, from its triangles (F, 3)."""
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    normal = np.cross(b - a, c - a)
    area = np.linalg.norm(normal, axis=1)
    keep = (area > 1e-6) & (normal[:, 2] > 0.1 * area)
    triangles, normal = vertices[faces[keep]], normal[keep] / area[keep, None]
    height = (normal * triangles[:, 0]).sum(axis=1)
    key = np.round(np.column_stack([normal * 50, height * 20])).astype(np.int64)
    _, group = np.unique(key, axis=0, return_inverse=True)
    return (
        [_slope(triangles[group == k], normal[group == k][0]) for k in range(group.max() + 1)]
        if len(triangles)
        else []
    )


def _slope(triangles: np.ndarray, normal: np.ndarray) -> Slope:
    level = np.hypot(normal[0], normal[1])
    if level > 0.02:
        u = np.array([-normal[1], normal[0], 0.0]) / level
    else:
        edges = (np.roll(triangles, -1, axis=1) - triangles).reshape(-1, 3)
        u = edges[np.argmax((edges**2).sum(axis=1))]
        u = u / np.linalg.norm(u)
    v = np.cross(normal, u)
    origin = triangles[0, 0]
    plane = np.stack([(triangles - origin) @ u, (triangles - origin) @ v], axis=-1)
    shape = shapely.union_all(shapely.polygons(plane), grid_size=1e-3)
    parts = shapely.get_parts(shape)
    return Slope(shape=max(parts, key=lambda p: p.area), origin=origin, u=u, v=v, normal=normal)


def _torn(house: Building, slopes: Sequence[Slope], rng: np.random.Generator) -> list[Piece]:
    """Panels without covering: those first that lie on the windward side and at edges and corners."""
    wind = -_unit(house.torn_from or 0.0)
    large = [slope for slope in slopes if slope.shape.area > 1.0]
    if not large:
        return []
    cut = [_panels(slope, wind, rng) for slope in large]
    worth = np.concatenate([score for _, score in cut])
    area = np.concatenate([shapely.area(panels) for panels, _ in cut])
    order = np.argsort(-worth, kind="stable")
    least = worth[
        order[min(np.searchsorted(np.cumsum(area[order]), house.roof_loss * area.sum()), len(order) - 1)]
    ]
    shingled = house.roof_material in ("roof_shingle", "roof_membrane", "roof_bitumen")
    pieces = []
    for slope, (panels, score) in zip(large, cut, strict=True):
        gone = score >= least
        deep = min(1.0, house.roof_loss / 0.2) * HOLES * (score > least + 0.35)
        draw = rng.random((len(panels), 2))
        hole = gone & (draw[:, 0] < deep)
        colour = np.where((draw[:, 1] < 0.35 * shingled)[:, None], FELT, DECK)
        colour = colour * rng.uniform(0.75, 1.2, (len(panels), 1))
        pieces += _flat(house, slope, panels[gone & ~hole], colour[gone & ~hole], "debris_piece", LIFT, 0.0)
        pieces += _flat(house, slope, panels[hole], colour[hole], "debris_piece", LIFT, 1.0)
    return pieces


def _panels(slope: Slope, wind: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Pieces of a slope on the lattice of boards, and how soon each loses its covering."""
    left, low, right, high = slope.shape.bounds
    width, depth = np.array(PANEL) * max(1.0, np.sqrt(slope.shape.area / (MOST_PANELS * np.prod(PANEL))))
    u, v = np.arange(left, right + width / 2, width), np.arange(low, high, depth)
    shift = (np.arange(len(v)) % 2 * width / 2)[:, None]
    u0, v0 = u[None, :] - shift, np.broadcast_to(v[:, None], (len(v), len(u)))
    cells = shapely.box(u0, v0, u0 + width, v0 + depth).ravel()
    shapely.prepare(slope.shape)
    panels = cells[shapely.intersects(slope.shape, cells)]  # half of those around a hip or a gable do not
    cut = ~shapely.contains(slope.shape, panels)
    panels[cut] = shapely.intersection(panels[cut], slope.shape)
    panels = panels[(shapely.get_type_id(panels) == 3) & (shapely.area(panels) > SMALLEST)]
    if not len(panels):  # a strip narrower than such a piece goes as a whole
        panels = np.array([slope.shape])
    middle = shapely.get_coordinates(shapely.centroid(panels))
    edge = shapely.distance(shapely.boundary(slope.shape), shapely.points(middle))
    corner = np.linalg.norm(
        middle[:, None] - shapely.get_coordinates(slope.shape.exterior)[None], axis=2
    ).min(axis=1)
    across = middle @ np.array([slope.u @ wind, slope.v @ wind])  # how far downwind
    upwind = -across / max(np.ptp(across), 1.0)
    faces_wind = -(slope.normal @ wind)
    clump = rng.normal(0, 1.0, (len(v) // 3 + 2, len(u) // 3 + 2))
    i = np.clip(((middle[:, 1] - low) / depth / 3).astype(int), 0, clump.shape[0] - 1)
    j = np.clip(((middle[:, 0] - left) / width / 3).astype(int), 0, clump.shape[1] - 1)
    score = 1.2 * faces_wind + 0.7 * upwind + 0.6 * np.exp(-edge / 0.8) + 0.7 * np.exp(-corner / 1.6)
    return panels, score + 0.45 * clump[i, j] + rng.normal(0, 0.16, len(panels))


def _sheets(house: Building, slopes: Sequence[Slope], rng: np.random.Generator) -> list[Piece]:
    """Sheets over whole slopes or stretches of them, from the ridge down, until the share is covered."""
    large = [slope for slope in slopes if slope.shape.area > 2.0]
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
    pieces, left = [], house.tarpaulin * total
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
        pieces += _flat(house, slope, np.array(parts), shades, "tarpaulin", SHEET_LIFT, 0.0)
    return pieces


def _unit(heading: float) -> np.ndarray:
    """(3,) level vector at a heading [rad]."""
    return np.array([np.cos(heading), np.sin(heading), 0.0])


def _flat(
    house: Building,
    slope: Slope,
    shapes: np.ndarray,
    colours: np.ndarray,
    material: str,
    lift: float,
    loss: float,
) -> list[Piece]:
    """Shapes of a slope's plane as thin faces just above it, each in its colour."""
    if len(shapes) == 0:
        return []
    corners, owner = shapely.get_coordinates(
        shapely.get_exterior_ring(shapely.orient_polygons(shapes)), return_index=True
    )
    sizes = np.bincount(owner) - 1
    starts = np.cumsum(sizes + 1) - sizes - 1
    convex = slope.shape.area > 0.999 * slope.shape.convex_hull.area
    faces, owners = [], []
    for size in np.unique(sizes):
        which = np.flatnonzero(sizes == size)
        if convex or size < 4:
            fan = np.stack([np.zeros(size - 2, int), np.arange(1, size - 1), np.arange(2, size)], axis=1)
            triangles = np.broadcast_to(fan, (len(which), size - 2, 3))
        else:
            triangles = triangulate_all(corners[starts[which, None] + np.arange(size)])
        faces.append((triangles + starts[which, None, None]).reshape(-1, 3))
        owners.append(np.repeat(which, size - 2))
    return [
        paint(
            slope.lifted(corners, lift),
            np.concatenate(faces),
            material=material_index(material),
            tint=colours[np.concatenate(owners)],
            land_cover=LandCover.BUILDING,
            instance=house.instance,
            soot=house.soot,
            loss=loss,
        )
    ]


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

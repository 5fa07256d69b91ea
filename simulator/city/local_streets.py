"""The streets of one neighbourhood, or the tracks of open country, joined to the arterials around it."""

from dataclasses import dataclass, replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from simulator.city.character import Character
from simulator.city.model import Ground
from simulator.city.noding import (
    end_nodes,
    end_points,
    node_lines,
    on_line,
    only_lines,
    owners,
    prune,
    reached,
)
from simulator.city.noise import Bend
from simulator.city.patterns import Way, draw_pattern, halvings, longer
from simulator.city.terrain import Land

STEEPEST = 0.18  # a street that climbs more is not built [m/m]
FROM_EDGE = 18.0  # a street nearer to the arterial beside it leaves no room for lots [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A line on the plan that becomes street edges.

    Attributes:
        line: The centreline, whole, in the region's metres.
        width: Of the carriageway [m].
        kind: OpenStreetMap's highway value.
        verge, sidewalk: Width beside the carriageway, the verge inside [m].
        trees: A 100 m of each side.
        parked: Cars a 100 m of each kerb.
        key: Names it in its region, the same in every tile.
        surface: Of the carriageway.
        lanes, oneway, roundabout, bridge: As those of `Street`.
        head: Radius of the turning circle at its last point [m]; 0 for none.
    """

    line: shapely.LineString
    width: float
    kind: str
    verge: float
    sidewalk: float
    trees: float
    parked: float
    key: tuple[int, ...] = ()
    surface: Ground = Ground.ASPHALT
    lanes: int = 2
    oneway: bool = False
    roundabout: bool = False
    bridge: bool = False
    head: float = 0.0


def local_streets(
    shape: shapely.Polygon,
    character: Character | None,
    bend: Bend,
    anchor: BaseGeometry,
    key: tuple[int, ...],
    rng: np.random.Generator,
) -> list[Draft]:
    """The local streets of a superblock, from junction to junction, every one reached from an arterial.

    Args:
        shape: The superblock.
        character: Of the neighbourhood; None in open country, which has tracks.
        bend: The deformation of the plan.
        anchor: The arterials' centrelines.
        key: Names the superblock.
        rng: Random generator.
    """
    plan = shapely.transform(shapely.segmentize(shape, 15.0), bend.straighten)
    plan = plan if plan.is_valid else plan.buffer(0)
    if character is None:
        tracks = halvings(plan, 12e3, 0.03, rng)[: int(rng.integers(0, 4))]
        ways = [Way(longer(line), "track") for line in tracks]
    else:
        ways = draw_pattern(plan, character, rng)
    if not ways:
        return []
    informal = character is not None and character.pattern == "informal"
    bent = shapely.transform(shapely.segmentize(np.array([w.line for w in ways], dtype=object), 10.0), bend)
    noded = node_lines(only_lines(shapely.intersection(bent, shape)))
    if character is not None and len(noded):
        noded = noded[~_hugs(noded, shape.exterior, 5.0 if informal else FROM_EDGE)]
    lines = prune(noded, anchor, 8.0 if informal else 28.0)
    lines = lines[reached(lines, anchor)]
    if not len(lines):
        return []
    templates = [_template(way.kind, character, rng) for way in ways]
    drafts = [
        replace(templates[k], line=line, key=(*key, i))
        for i, (line, k) in enumerate(zip(lines, owners(lines, bent), strict=True))
    ]
    if character is None or informal:
        return drafts
    return _with_heads(drafts, lines, anchor, shape.exterior, rng)


def not_steep(drafts: list[Draft], land: Land, anchor: BaseGeometry) -> list[Draft]:
    """The streets that climb no more than `STEEPEST` over any 20 m, and are still reached."""
    if not drafts:
        return drafts
    lines = np.array([d.line for d in drafts], dtype=object)
    dense = shapely.segmentize(lines, 20.0)
    points, owner = shapely.get_coordinates(dense, return_index=True)
    z = land.elevation(points)
    run = np.linalg.norm(np.diff(points, axis=0), axis=1)
    climb = np.where(owner[:-1] == owner[1:], np.abs(np.diff(z)) / np.maximum(run, 5.0), 0.0)
    worst = np.zeros(len(lines))
    np.maximum.at(worst, owner[:-1], climb)
    flat = worst <= STEEPEST
    flat[flat] = reached(lines[flat], anchor)
    return [d for d, ok in zip(drafts, flat, strict=True) if ok]


def _hugs(lines: np.ndarray, edge: shapely.LinearRing, room: float) -> np.ndarray:
    """Whether streets (N,) would run beside the edge too closely for a row of lots between."""
    shapely.prepare(edge)
    near, far = (
        shapely.distance(shapely.line_interpolate_point(lines, s, normalized=True), edge)
        for s in (0.25, 0.75)
    )
    return ((near + far) / 2 < room) & (np.abs(near - far) < 0.25 * shapely.length(lines))


def _template(kind: str, c: Character | None, rng: np.random.Generator) -> Draft:
    """What a way is like, but for its line."""
    line = shapely.LineString()
    if c is None or kind == "track":
        width = rng.uniform(2.6, 3.6)
        return Draft(
            line=line,
            width=width,
            kind="track",
            verge=rng.uniform(0.3, 1.2),
            sidewalk=0.0,
            trees=0.0,
            parked=0.0,
            surface=Ground.DIRT_ROAD,
            lanes=1,
        )
    unpaved = rng.random() < c.unpaved
    surface = Ground.DIRT_ROAD if unpaved else Ground.ASPHALT
    if kind in ("footway", "service"):
        width = rng.uniform(1.5, 2.8) if kind == "footway" else rng.uniform(3.0, 4.0)
        return Draft(
            line=line,
            width=width,
            kind=kind,
            verge=0.0,
            sidewalk=0.0,
            trees=0.0,
            parked=0.0,
            surface=surface,
            lanes=1,
        )
    width = c.street_width if kind == "residential" else min(c.street_width, rng.uniform(3.0, 4.5))
    narrow = width <= 4.5
    return Draft(
        line=line,
        width=width,
        kind="living_street" if narrow else "residential",
        verge=c.verge,
        sidewalk=0.0 if unpaved or kind == "living_street" else c.sidewalk,
        trees=c.street_trees,
        parked=c.parked,
        surface=surface,
        lanes=1 if narrow else 2,
        oneway=bool(rng.random() < (0.6 if narrow else 0.06)),
    )


def _with_heads(
    drafts: list[Draft],
    lines: np.ndarray,
    anchor: BaseGeometry,
    edge: shapely.LinearRing,
    rng: np.random.Generator,
) -> list[Draft]:
    """Blind streets end at a turning circle within the superblock's edge, and are turned to lead there."""
    index, count = end_nodes(lines)
    degree = np.bincount(index.ravel(), minlength=count)
    blind = (degree[index] == 1) & ~on_line(end_points(lines), anchor)
    done = []
    for k, draft in enumerate(drafts):
        if draft.kind == "residential" and blind[:, k].any():
            line = draft.line if blind[1, k] else draft.line.reverse()
            head = draft.width / 2 + rng.uniform(3.0, 6.5)
            if line.length > 2 * head + 30 and shapely.dwithin(shapely.get_point(line, -1), edge, head + 1.5):
                line = substring(line, 0.0, line.length - head - 1.5)
            draft = replace(draft, line=line, oneway=False, head=head)
        elif draft.kind in ("living_street", "service") and blind[:, k].any():
            draft = replace(draft, oneway=False)
        done.append(draft)
    return done

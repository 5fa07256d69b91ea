"""A whole city from a style and a seed, or one square of a large region."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely

from rasters.errors import InputError
from simulator.city.boats import moor_boats
from simulator.city.buildings import move
from simulator.city.clutter import place_clutter
from simulator.city.cropping import boxes_within, moved, parts_within, trees_within
from simulator.city.frames import polygons, ring, shapes_of
from simulator.city.ground import paint_ground
from simulator.city.local_streets import Draft
from simulator.city.model import Barrier, Building, City, Field, LandUse, Street
from simulator.city.noding import end_points, split_at
from simulator.city.outline import bodies, outlines
from simulator.city.paving import pave
from simulator.city.placing import HALO, stacked
from simulator.city.quarter import Filling, Quarter, build_quarter, fill_block
from simulator.city.region import SIZES, Region, plan_region
from simulator.city.style import Style
from simulator.city.terrain import CELL
from simulator.city.vegetation import plant_trees
from simulator.city.vehicles import place_vehicles
from simulator.city.wayside import place_trains, street_lamps

REACH = 160.0  # no building, being `LONGEST` at most, stands out farther from a tile that it touches [m]

__all__ = ["SIZES", "generate_city", "generate_tile", "plan_region"]


def generate_city(style: Style, size: float, rng: np.random.Generator) -> City:
    """A city as the style's region might have one; equal seeds give equal bytes.

    Args:
        style: The region.
        size: Side of the square [m].
        rng: Random generator.

    Raises:
        InputError: The size is out of bounds.
    """
    return _window(plan_region(style, size, rng), 0, 0, float(size))


def generate_tile(region: Region, west: int, south: int, size: int) -> City:
    """A square of a region; what tiles share is the same in each, in whichever order they are made.

    A building that crosses the edge is whole in both tiles, with one uid.

    Args:
        region: The plan.
        west, south: The square's corner [m].
        size: Side of the square [m].

    Raises:
        InputError: The square is not on the terrain's cells, or leaves the region.
    """
    cell = int(CELL)
    if any(value % cell for value in (west, south, size)) or size <= 0:
        raise InputError(
            f"a tile's west, south and size must be multiples of {cell} m, got {(west, south, size)}"
        )
    if min(west, south) < 0 or max(west, south) + size > cell * math.ceil(region.size / cell):
        raise InputError(f"a tile must lie in its region of {region.size:g} m, got {(west, south, size)}")
    return _window(region, west, south, float(size))


def _window(region: Region, west: int, south: int, size: float) -> City:
    square = shapely.box(west, south, west + size, south + size)
    quarters = _quarters(region, square)
    arterials = _arterials(region, quarters, square)
    fillings = _fillings(region, quarters, square)
    pavement = pave(region, quarters, arterials)
    span = CELL * math.ceil(size / CELL)
    wide = (west - HALO, south - HALO, span + 2 * HALO)
    patches = [patch for f in fillings for patch in f.plot.patches]
    ground, cover = paint_ground(patches, pavement, region.land, *wide, region.seed, region.season)
    terrain, water = region.land.window(west - REACH, south - REACH, span + 2 * REACH)
    around = [b for f in fillings for b in f.plot.buildings]
    drafts = [d for d, _ in arterials] + [d for q in quarters for d in q.drafts]
    whole = _near(region, square) + [d for q in quarters for d in q.drafts]
    on_land = [
        d for d in whole if not d.bridge
    ]  # uncut: what stands along a street hangs on its whole length
    planted = [tree for f in fillings for tree in f.plot.planted]
    stalls = [stall for f in fillings for stall in f.plot.stalls]
    objects = [thing for f in fillings for thing in f.plot.objects]
    trees = plant_trees(cover, ground, around, planted, on_land, region.style, region.season, region.seed)
    vehicles = place_vehicles(on_land, stalls, ground, region.seed, region.style.rickshaws)
    objects += street_lamps(on_land, ground, region.seed) + moor_boats(region.land, ground, region.seed)
    trains = place_trains(region.through.rails, ground, region.seed)
    clutter = stacked(place_clutter(objects, ground, region.seed), trains)
    rails = parts_within(np.array(region.through.rails, dtype=object), square)
    shift = np.array([-west, -south], float)
    return City(
        size=size,
        origin=(float(west), float(south)),
        terrain=_shifted(_without(terrain, REACH), shift),
        ground=_shifted(_without(ground, HALO), shift),
        water=_shifted(_without(water, REACH), shift),
        turbidity=region.land.turbidity,
        streets=_streets(drafts, square, shift),
        rails=tuple(part.course + shift for part in rails),
        rail_starts=tuple(part.start for part in rails),
        land_use=_land_use(fillings, square, shift),
        buildings=_buildings(around, terrain, square, shift),
        barriers=_barriers(fillings, square, shift),
        trees=trees_within(replace(trees, xy=trees.xy + shift), size),
        vehicles=boxes_within(moved(vehicles, shift), size),
        clutter=boxes_within(moved(clutter, shift), size),
        season=region.season,
    )


def _quarters(region: Region, square: shapely.Polygon) -> list[Quarter]:
    """The quarters on a square or close by, in the order of their numbers."""
    near = square.buffer(HALO, join_style="mitre")
    shapes = np.array([b.shape for b in region.superblocks], dtype=object)
    return [build_quarter(region, int(k)) for k in np.flatnonzero(shapely.intersects(shapes, near))]


def _fillings(region: Region, quarters: Sequence[Quarter], square: shapely.Polygon) -> list[Filling]:
    """What is on the blocks on a square or close by, in the order of quarters and blocks."""
    near = square.buffer(HALO, join_style="mitre")
    shapely.prepare(near)
    return [
        fill_block(region, q.index, int(k))
        for q in quarters
        for k in np.flatnonzero(shapely.intersects(near, np.array([b.shape for b in q.blocks], dtype=object)))
    ]


def _near(region: Region, square: shapely.Polygon) -> list[Draft]:
    """The arterials on a square or close by, from crossing to crossing."""
    close = square.buffer(2 * HALO, join_style="mitre")
    return [d for d in region.arterials if d.line.intersects(close)]


def _arterials(
    region: Region, quarters: Sequence[Quarter], square: shapely.Polygon
) -> list[tuple[Draft, float]]:
    """The arterials' edges from junction to junction, each with where it begins along its section [m]."""
    near = _near(region, square)
    if not near:
        return []
    local = np.array([d.line for q in quarters for d in q.drafts], dtype=object)
    lines = np.array([d.line for d in near], dtype=object)
    plain = np.array([not d.kind.startswith("motorway") for d in near])
    pieces, of = split_at(lines[plain], end_points(local).reshape(-1, 2))
    pieces, of = (
        np.concatenate([pieces, lines[~plain]]),
        np.concatenate([np.flatnonzero(plain)[of], np.flatnonzero(~plain)]),
    )
    edges, start, last = [], 0.0, -1
    for piece, k in zip(pieces, of.tolist(), strict=True):
        start = start if k == last else 0.0
        edges.append((replace(near[k], line=piece), start))
        start, last = start + piece.length, k
    return edges


def _buildings(
    found: list[Building], terrain: Field, square: shapely.Polygon, shift: np.ndarray
) -> tuple[Building, ...]:
    """The buildings that touch the square, `shift`ed and numbered, on the lowest ground at the corners of all
    their bodies.

    Walls go down to it, and none hangs in the air.
    """
    if not found:
        return ()
    plans = [list(bodies(b)) for b in found]
    corners = np.concatenate([plan for parts in plans for plan in parts])
    counts = [sum(map(len, parts)) for parts in plans]
    starts = np.cumsum([0, *counts[:-1]])
    low = np.minimum.reduceat(corners, starts)
    high = np.maximum.reduceat(corners, starts)
    west, south, east, north = square.bounds
    inside = np.asarray(((low >= (west, south)) & (high <= (east, north))).all(axis=1))
    near = ~inside & np.asarray(((low <= (east, north)) & (high >= (west, south))).all(axis=1))
    inside[near] = shapely.intersects(square, outlines([found[k] for k in near.nonzero()[0]]))
    base = np.minimum.reduceat(terrain.sample(corners[:, 0], corners[:, 1]), starts).tolist()
    return tuple(
        move(found[k], shift, number, base[k]) for number, k in enumerate(inside.nonzero()[0].tolist(), 1)
    )


def _streets(drafts: Sequence[Draft], square: shapely.Polygon, shift: np.ndarray) -> tuple[Street, ...]:
    parts = parts_within(np.array([d.line for d in drafts], dtype=object), square)
    return tuple(
        Street(
            centreline=part.course + shift,
            width=d.width,
            kind=d.kind,
            bridge=d.bridge,
            lanes=d.lanes,
            oneway=d.oneway,
            roundabout=d.roundabout,
            surface=d.surface,
            sidewalk=d.sidewalk,
        )
        for part, d in ((part, drafts[part.of]) for part in parts)
    )


def _land_use(fillings: Sequence[Filling], square: shapely.Polygon, shift: np.ndarray) -> tuple[LandUse, ...]:
    """The parts of the parcels within the square."""
    uses = [use for f in fillings for use in f.land_use]
    if not uses:
        return ()
    shapes = shapes_of([use.ring for use in uses])
    shapely.prepare(square)
    touches, within = shapely.intersects(square, shapes), shapely.contains_properly(square, shapes)
    kept = []
    for use, shape, near, inside in zip(uses, shapes, touches, within, strict=True):
        if inside:
            kept.append(replace(use, ring=use.ring + shift))
        elif near:
            parts = polygons(shape.intersection(square), 0.01)
            kept += [replace(use, ring=ring(part) + shift) for part in parts]
    return tuple(kept)


def _barriers(fillings: Sequence[Filling], square: shapely.Polygon, shift: np.ndarray) -> tuple[Barrier, ...]:
    barriers = [b for f in fillings for b in f.plot.barriers]
    if not barriers:
        return ()
    owner = np.repeat(np.arange(len(barriers)), [len(b.line) for b in barriers])
    lines = shapely.linestrings(np.concatenate([b.line for b in barriers]), indices=owner)
    return tuple(
        replace(barriers[part.of], line=part.course + shift, start=part.start)
        for part in parts_within(lines, square)
    )


def _shifted(field: Field, shift: np.ndarray) -> Field:
    return replace(field, west=field.west + float(shift[0]), north=field.north + float(shift[1]))


def _without(field: Field, rim: float) -> Field:
    """The field without a rim [m]."""
    n = round(rim / field.cell)
    values = field.values[n:-n, n:-n].copy()
    return replace(field, west=field.west + rim, north=field.north - rim, values=values)

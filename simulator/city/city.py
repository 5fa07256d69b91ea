"""A whole city from a style and a seed."""

import numpy as np
import shapely

from rasters.errors import InputError
from simulator.city.buildings import fill_blocks, settle
from simulator.city.character import choose
from simulator.city.frames import polygons, ring
from simulator.city.ground import paint_ground
from simulator.city.local_streets import Draft
from simulator.city.model import City, Field, LandUse, Street
from simulator.city.parcels import make_blocks
from simulator.city.streets import Network, make_network
from simulator.city.style import Style
from simulator.city.terrain import make_land
from simulator.city.vegetation import HALO, plant_trees
from simulator.city.vehicles import place_vehicles

SIZES = (100.0, 4000.0)  # the sides that are allowed [m]


def generate_city(style: Style, size: float, rng: np.random.Generator) -> City:
    """A city as the style's region might have one; equal seeds give equal bytes.

    Args:
        style: The region.
        size: Side of the square [m].
        rng: Random generator.

    Raises:
        InputError: The size is out of bounds.
    """
    if not SIZES[0] <= size <= SIZES[1]:
        raise InputError(f"a city's size must be {SIZES[0]:g} to {SIZES[1]:g} metres, got {size!r}")
    streams = rng.spawn(7)
    land = make_land(style, size, streams[0])
    network = make_network(style, land, size, streams[1])
    blocks = [
        b
        for b in make_blocks(network, style, streams[2])
        if b.shape.intersects(shapely.box(0, 0, size, size))
    ]
    parcels, plot = fill_blocks(blocks, network, style, streams[3])
    buildings = settle(plot.buildings, size, land.terrain)
    ground, cover = paint_ground(plot.patches, network, land, size, streams[4])
    drafts = _drafts(network)
    seeds = [int(stream.integers(2**31)) for stream in streams[5:]]
    wide = [_padded(field) for field in (cover, ground)]
    return City(
        size=float(size),
        terrain=land.terrain,
        ground=ground,
        water=land.water,
        turbidity=land.turbidity,
        streets=_cut_streets(network, size),
        land_use=_cut_parcels(parcels, size),
        buildings=buildings,
        trees=plant_trees(*wide, buildings, (), drafts, style, choose(style.season, streams[5]), seeds[0]),
        vehicles=place_vehicles(drafts, plot.stalls, wide[1], seeds[1]),
    )


def _drafts(network: Network) -> list[Draft]:
    """The network's edges as drafts with keys."""
    return [
        Draft(
            line=shapely.LineString(street.centreline), width=street.width, kind=street.kind,
            verge=float(network.verges[k]), sidewalk=float(network.sidewalks[k]),
            trees=float(network.trees[k]), parked=float(network.parked[k]), key=(k,),
        )
        for k, street in enumerate(network.streets)
        if not street.bridge
    ]  # fmt: skip


def _padded(field: Field) -> Field:
    """The field with its edge continued over the halo that placing needs."""
    cells = round(HALO / field.cell)
    values = np.pad(field.values, cells, mode="edge")
    margin = cells * field.cell
    return Field(west=field.west - margin, north=field.north + margin, cell=field.cell, values=values)


def _cut_streets(network: Network, size: float) -> tuple[Street, ...]:
    """The edges within the square; one that leaves it and returns is two."""
    square = shapely.box(0, 0, size, size)
    lines = shapely.intersection([shapely.LineString(s.centreline) for s in network.streets], square)
    return tuple(
        Street(centreline=shapely.get_coordinates(part), width=s.width, kind=s.kind, bridge=s.bridge)
        for s, line in zip(network.streets, lines, strict=True)
        for part in shapely.get_parts(line)
        if part.geom_type == "LineString" and part.length > 0.5
    )


def _cut_parcels(rings: list[np.ndarray], size: float) -> tuple[LandUse, ...]:
    """The parts of the parcels within the square."""
    if not rings:
        return ()
    square = shapely.box(0, 0, size, size)
    shapes = np.array([shapely.Polygon(r) for r in rings])
    out = ~shapely.within(shapes, square)
    shapes[out] = shapely.intersection(shapes[out], square)
    return tuple(
        LandUse(ring=ring(part), use="residential") for shape in shapes for part in polygons(shape, 1.0)
    )

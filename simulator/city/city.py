"""A whole city from a style and a seed."""

import numpy as np
import shapely

from rasters.errors import InputError
from simulator.city.buildings import fill_blocks, settle
from simulator.city.frames import polygons, ring
from simulator.city.ground import Pavement, paint_ground, street_markings
from simulator.city.model import City, Ground, LandUse, Street
from simulator.city.parcels import make_blocks
from simulator.city.streets import Network, make_network
from simulator.city.style import Style
from simulator.city.terrain import make_land
from simulator.city.vegetation import plant_trees
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
    terrain, water = land.window(0.0, 0.0, size)
    buildings = settle(plot.buildings, size, terrain)
    seed = int(streams[4].integers(2**62))
    ground, cover = paint_ground(plot.patches, _pavement(network), land, 0.0, 0.0, size, seed)
    conifers = style.trees.get("conifer", 0.0) / sum(style.trees.values())
    return City(
        size=float(size),
        terrain=terrain,
        ground=ground,
        water=water,
        turbidity=land.turbidity,
        streets=_cut_streets(network, size),
        land_use=_cut_parcels(parcels, size),
        buildings=buildings,
        trees=plant_trees(cover, ground, buildings, network, conifers, streams[5]),
        vehicles=place_vehicles(network, plot.stalls, ground, streams[6]),
    )


def _pavement(network: Network) -> Pavement:
    lines, medians = (
        zip(*(street_markings(s) for s in network.streets), strict=True) if network.streets else ((), ())
    )
    return Pavement(
        carriageways=((network.carriageway, Ground.ASPHALT),),
        shoulders=((network.right_of_way, Ground.PAVING),),
        lines=tuple(line for some in lines for line in some),
        medians=tuple(strip for some in medians for strip in some),
    )


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

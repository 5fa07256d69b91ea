"""Fills every block and lot, and settles the buildings: on the ground, numbered, none overlapping."""

from dataclasses import replace

import numpy as np
import shapely

from simulator.city.character import draw_district
from simulator.city.fillings import fill_lot
from simulator.city.frames import ring
from simulator.city.model import Building, Field
from simulator.city.open_land import fill_open_block
from simulator.city.outline import outline
from simulator.city.parcels import Block, make_parcels
from simulator.city.plots import Plot, yard
from simulator.city.streets import Network
from simulator.city.style import Style


def fill_blocks(
    blocks: list[Block], network: Network, style: Style, rng: np.random.Generator
) -> tuple[list[np.ndarray], Plot]:
    """The rings of all parcels, and everything on them as one plot."""
    rings: list[np.ndarray] = []
    whole = Plot()
    farmers = draw_district(style, rng)
    for block, stream in zip(blocks, rng.spawn(len(blocks)), strict=True):
        if block.use == "built" and block.character is not None:
            parcels = make_parcels(block, network, stream)
            whole.patches.append(yard(block.shape, block.character, stream))
            rings += [ring(parcel.shape) for parcel in parcels]
            plots = [fill_lot(parcel, stream) for parcel in parcels]
        else:
            rings.append(ring(block.shape))
            plots = [fill_open_block(block, block.character or farmers, network.bend, stream)]
        for plot in plots:
            whole.buildings.extend(plot.buildings)
            whole.patches.extend(plot.patches)
            whole.stalls.extend(plot.stalls)
    return rings, whole


def settle(buildings: list[Building], size: float, terrain: Field) -> tuple[Building, ...]:
    """The buildings that lie whole in the square and overlap no earlier one, on their ground, numbered.

    The base is the lowest ground at the footprint's corners: walls go down to it, and none hangs in the air.
    """
    shapes = np.array([outline(b) for b in buildings], dtype=object)
    if not len(shapes):
        return ()
    bounds = shapely.bounds(shapes)
    good = (bounds[:, :2] >= 0).all(axis=1) & (bounds[:, 2:] <= size).all(axis=1) & shapely.is_valid(shapes)
    a, b = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    a, b = a[a < b], b[a < b]
    clash = shapely.area(shapely.intersection(shapes[a], shapes[b])) > 1e-6
    for i, j in sorted(zip(a[clash].tolist(), b[clash].tolist(), strict=True)):
        if good[i]:
            good[j] = False
    kept = [building for building, ok in zip(buildings, good, strict=True) if ok]
    corners = np.concatenate([building.footprint for building in kept]) if kept else np.zeros((0, 2))
    starts = np.cumsum([0, *(len(building.footprint) for building in kept[:-1])])
    low = np.minimum.reduceat(terrain.sample(corners[:, 0], corners[:, 1]), starts) if kept else []
    return tuple(
        replace(building, instance=k + 1, uid=k + 1, base=float(base))
        for k, (building, base) in enumerate(zip(kept, low, strict=True))
    )

"""A quarter: what fills one superblock, a pure function of its region and its number."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.buildings import settle
from simulator.city.fillings import fill_lot
from simulator.city.frames import ring
from simulator.city.local_streets import Draft, local_streets, not_steep
from simulator.city.model import Ground, LandUse
from simulator.city.noding import widen
from simulator.city.noise import keyed
from simulator.city.open_land import fill_open_block
from simulator.city.parcels import Block, Parcel, make_blocks, make_parcels
from simulator.city.plots import Plot, yard
from simulator.city.region import Region
from simulator.city.terrain import MARGIN

QUARTER, FILLING = 1, 2  # purposes of keys
KERB_RADIUS = 4.0  # of rounded corners [m]
FOOT_RADIUS = 0.8  # of those between footways [m]
PAVED, GREEN = 0.6, 0.6  # narrower strips beside carriageways are not seen [m]
MOST = 2**13  # buildings that a block, and blocks that a quarter, may have


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quarter:
    """The streets and blocks of a superblock, in the region's metres.

    Attributes:
        index: Of the superblock.
        drafts: Its own streets, from junction to junction.
        blocks: The land between the streets.
        frontage, alleys: The right of way of streets, and of service alleys.
        carriageways, shoulders: What the streets in and around it lay on its land, in the order of painting.
    """

    index: int
    drafts: tuple[Draft, ...]
    blocks: tuple[Block, ...]
    frontage: BaseGeometry
    alleys: BaseGeometry
    carriageways: tuple[tuple[BaseGeometry, Ground], ...]
    shoulders: tuple[tuple[BaseGeometry, Ground], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Filling:
    """What is on a block, in the region's metres.

    Attributes:
        parcels: Its lots, if it is built.
        land_use: Of the lots, or of the block.
        plot: Everything on it; the buildings settled, but for base and instance.
    """

    parcels: tuple[Parcel, ...]
    land_use: tuple[LandUse, ...]
    plot: Plot


@lru_cache(maxsize=64)
def build_quarter(region: Region, index: int) -> Quarter:
    """The plan of a quarter; the same in whichever tile it is looked at."""
    land = region.superblocks[index]
    street_rng, block_rng = keyed(region.seed, QUARTER, index).spawn(2)
    arterials = [d for d in (region.arterials[k] for k in land.around) if not d.kind.startswith("motorway")]
    rim = shapely.box(-MARGIN, -MARGIN, region.size + MARGIN, region.size + MARGIN).exterior
    anchor = shapely.MultiLineString(
        [rim, *(d.line for d in arterials if not d.bridge)]
    )  # streets run on beyond
    drafts = local_streets(land.shape, land.character, region.bend, anchor, (QUARTER, index), street_rng)
    drafts = not_steep(drafts, region.land, anchor)
    streets = [*arterials, *drafts]
    radius = (
        FOOT_RADIUS if land.character is not None and land.character.pattern == "informal" else KERB_RADIUS
    )
    alleys = _area([d for d in drafts if d.kind == "service"], land.shape, radius, 1.0)
    frontage = _area([d for d in streets if d.kind != "service"], land.shape, radius, 1.0)
    right_of_way = frontage if alleys.is_empty else frontage.union(alleys)
    blocks = make_blocks(land.shape.difference(right_of_way), land.character, region.style.country, block_rng)
    return Quarter(
        index=index,
        drafts=tuple(drafts),
        blocks=tuple(blocks),
        frontage=frontage,
        alleys=alleys,
        carriageways=_carriageways(streets, land.shape, radius),
        shoulders=_shoulders(streets, right_of_way, street_rng),
    )


@lru_cache(maxsize=512)
def fill_block(region: Region, index: int, number: int) -> Filling:
    """What is on block `number` of quarter `index`."""
    quarter = build_quarter(region, index)
    block = quarter.blocks[number]
    rng = keyed(region.seed, FILLING, index, number)
    plot = Plot()
    parcels: list[Parcel] = []
    if block.use == "built" and block.character is not None:
        parcels = make_parcels(block, region.bend, quarter.frontage, quarter.alleys, rng)
        plot.patches.append(yard(ring(block.shape), block.character, rng))
        uses = [LandUse(ring=lot.outline, use=block.character.use) for lot in parcels]
        _add(plot, [fill_lot(lot, rng) for lot in parcels])
    else:
        uses = [LandUse(ring=ring(block.shape), use=block.use)]
        _add(plot, [fill_open_block(block, block.character or region.farmers, region.bend, rng)])
    plot.buildings[:] = settle(plot.buildings, ((index + 1) * MOST + number) * MOST + 1)
    return Filling(parcels=tuple(parcels), land_use=tuple(uses), plot=plot)


def _add(whole: Plot, plots: Sequence[Plot]) -> None:
    for plot in plots:
        whole.buildings.extend(plot.buildings)
        whole.patches.extend(plot.patches)
        whole.stalls.extend(plot.stalls)
        whole.barriers.extend(plot.barriers)
        whole.objects.extend(plot.objects)
        whole.planted.extend(plot.planted)


def _area(drafts: Sequence[Draft], shape: shapely.Polygon, radius: float, beside: float) -> BaseGeometry:
    """The part of a superblock within its streets, with `beside` of what lies beside the carriageways."""
    if not drafts:
        return shapely.Polygon()
    aside = np.array([beside * (d.verge + d.sidewalk) for d in drafts])
    half = np.array([d.width / 2 for d in drafts]) + aside
    heads = [
        shapely.get_point(d.line, -1).buffer(d.head + margin, quad_segs=6)
        for d, margin in zip(drafts, aside, strict=True)
        if d.head > 0
    ]
    lines = np.array([d.line for d in drafts], dtype=object)
    return widen(lines, half, radius, heads).intersection(shape)


def _carriageways(
    streets: Sequence[Draft], shape: shapely.Polygon, radius: float
) -> tuple[tuple[BaseGeometry, Ground], ...]:
    """Earth first, so that it ends where a paved street begins."""
    surfaces = sorted(
        {d.surface for d in streets}, key=lambda g: (g == Ground.ASPHALT, g != Ground.DIRT_ROAD, g)
    )
    return tuple((_area([d for d in streets if d.surface == g], shape, radius, 0.0), g) for g in surfaces)


def _shoulders(
    streets: Sequence[Draft], right_of_way: BaseGeometry, rng: np.random.Generator
) -> tuple[tuple[BaseGeometry, Ground], ...]:
    """Green to the right of way's rim, pavements on it, verges on them."""
    paving = (Ground.CONCRETE, Ground.CONCRETE, Ground.PAVING)[rng.integers(3)]
    parts: list[tuple[BaseGeometry, Ground]] = [(right_of_way, Ground.GRASS)]
    paved = [d for d in streets if d.sidewalk >= PAVED]
    green = [d for d in streets if d.verge >= GREEN]
    for drafts, ground in ((paved, paving), (green, Ground.GRASS)):
        if drafts:
            reach = [d.width / 2 + d.verge + (d.sidewalk if ground == paving else 0.0) for d in drafts]
            strips = shapely.buffer([d.line for d in drafts], reach, quad_segs=3)
            parts.append((shapely.union_all(strips).intersection(right_of_way), ground))
    return tuple(parts)

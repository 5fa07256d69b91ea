"""A quarter: all that fills one superblock, a pure function of its region and its number."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.buildings import settle
from simulator.city.frames import ring
from simulator.city.local_streets import Draft, local_streets, not_steep
from simulator.city.model import Ground, LandUse
from simulator.city.noding import widen
from simulator.city.noise import keyed
from simulator.city.parcels import Block, Parcel, make_blocks, make_parcels
from simulator.city.plots import yard
from simulator.city.region import Region
from simulator.city.shims import Plot, fill_lot, fill_open_block

QUARTER = 1  # purpose of a key
KERB_RADIUS = 4.0  # of rounded corners [m]
FOOT_RADIUS = 0.8  # of those between footways [m]
PAVED, GREEN = 0.6, 0.6  # narrower strips beside carriageways are not seen [m]
MOST = 2**24  # buildings a quarter may have


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Quarter:
    """What fills a superblock, in the region's metres.

    Attributes:
        index: Of the superblock.
        drafts: Its own streets, from junction to junction.
        blocks: The land between the streets.
        parcels: The built blocks' lots.
        land_use: Lots, and blocks without lots.
        carriageways, shoulders: What the streets in and around it lay on its land, in the order of painting.
        plot: Everything on lots and blocks; the buildings settled, but for base and instance.
    """

    index: int
    drafts: tuple[Draft, ...]
    blocks: tuple[Block, ...]
    parcels: tuple[Parcel, ...]
    land_use: tuple[LandUse, ...]
    carriageways: tuple[tuple[BaseGeometry, Ground], ...]
    shoulders: tuple[tuple[BaseGeometry, Ground], ...]
    plot: Plot


@lru_cache(maxsize=48)
def build_quarter(region: Region, index: int) -> Quarter:
    """Streets, blocks, lots and what is on them; the same in whichever tile it is looked at."""
    land = region.superblocks[index]
    street_rng, block_rng, fill_rng = keyed(region.seed, QUARTER, index).spawn(3)
    arterials = [d for d in (region.arterials[k] for k in land.around) if not d.kind.startswith("motorway")]
    anchor = shapely.multilinestrings([d.line for d in arterials if not d.bridge])
    drafts = local_streets(land.shape, land.character, region.bend, anchor, (QUARTER, index), street_rng)
    drafts = not_steep(drafts, region.land, anchor)
    streets = [*arterials, *drafts]
    radius = FOOT_RADIUS if land.character is not None and land.character.pattern == "informal" else KERB_RADIUS
    alleys = _area([d for d in drafts if d.kind == "service"], land.shape, radius, 1.0)
    frontage = _area([d for d in streets if d.kind != "service"], land.shape, radius, 1.0)
    right_of_way = frontage if alleys.is_empty else frontage.union(alleys)
    blocks = make_blocks(land.shape.difference(right_of_way), land.character, region.style.country, block_rng)
    parcels: list[Parcel] = []
    uses: list[LandUse] = []
    whole = Plot()
    for block, rng in zip(blocks, fill_rng.spawn(len(blocks)), strict=True):
        if block.use == "built" and block.character is not None:
            lots = make_parcels(block, region.bend, frontage, alleys, rng)
            whole.patches.append(yard(block.shape, block.character, rng))
            parcels += lots
            uses += [LandUse(ring=ring(lot.shape), use=block.character.use) for lot in lots]
            _add(whole, [fill_lot(lot, rng) for lot in lots])
        else:
            uses.append(LandUse(ring=ring(block.shape), use=block.use))
            _add(whole, [fill_open_block(block, block.character or region.farmers, region.bend, rng)])
    settled = settle(whole.buildings, (index + 1) * MOST + 1)
    whole.buildings[:] = settled
    return Quarter(
        index=index,
        drafts=tuple(drafts),
        blocks=tuple(blocks),
        parcels=tuple(parcels),
        land_use=tuple(uses),
        carriageways=_carriageways(streets, land.shape, radius),
        shoulders=_shoulders(streets, land.shape, right_of_way, street_rng),
        plot=whole,
    )


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
    surfaces = sorted({d.surface for d in streets}, key=lambda g: (g == Ground.ASPHALT, g != Ground.DIRT_ROAD, g))
    return tuple((_area([d for d in streets if d.surface == g], shape, radius, 0.0), g) for g in surfaces)


def _shoulders(
    streets: Sequence[Draft], shape: shapely.Polygon, right_of_way: BaseGeometry, rng: np.random.Generator
) -> tuple[tuple[BaseGeometry, Ground], ...]:
    """Green to the right of way's rim, pavements on it, verges on them."""
    paving = (Ground.CONCRETE, Ground.CONCRETE, Ground.PAVING)[rng.integers(3)]
    parts: list[tuple[BaseGeometry, Ground]] = [(right_of_way, Ground.GRASS)]
    paved = [d for d in streets if d.sidewalk >= PAVED]
    green = [d for d in streets if d.verge >= GREEN]
    for drafts, ground in ((paved, paving), (green, Ground.GRASS)):
        if drafts:
            reach = [
                d.width / 2 + d.verge + (d.sidewalk if ground == paving else 0.0) for d in drafts
            ]
            strips = shapely.buffer([d.line for d in drafts], reach, quad_segs=3)
            parts.append((shapely.union_all(strips).intersection(right_of_way), ground))
    return tuple(parts)

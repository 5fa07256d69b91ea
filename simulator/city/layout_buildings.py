"""Buildings on mapped footprints: what the map says of them, and the style where it says nothing."""

from collections.abc import Sequence

import numpy as np
import shapely

from simulator.city.character import Character
from simulator.city.footprints import rectangles, without_courts
from simulator.city.frames import ring
from simulator.city.mapped import Outline
from simulator.city.model import Building, Field, Roof, Use, Volume
from simulator.city.noise import keyed
from simulator.city.plots import WALLS, choose_covering, draw_year, storeys

STOREY = 3.0  # [m], an assumption
SMALL = 28.0  # smaller buildings are sheds and garages unless the map tells their use [m2]
LOWEST = 2.2  # of walls [m]
BUILDING = 1  # purpose of a stream of random numbers


def draw_buildings(
    outlines: Sequence[Outline], characters: Sequence[Character], terrain: Field, seed: int
) -> tuple[Building, ...]:
    """A building on each outline in its neighbourhood, numbered, on the lowest ground at its corners.

    Each has its own random numbers, so that a change to one outline does not change the others.
    """
    return tuple(
        _building(outline, k, c, terrain, keyed(seed, BUILDING, outline.number))
        for k, (outline, c) in enumerate(zip(outlines, characters, strict=True), start=1)
    )


def _building(
    outline: Outline, instance: int, c: Character, terrain: Field, rng: np.random.Generator
) -> Building:
    covering, sampled = choose_covering(c, rng), storeys(c.eave, 0.2, rng)
    low, pitch = rng.uniform(LOWEST, 2.7), c.pitch * rng.uniform(0.75, 1.3)
    tint = np.array(covering.tints[rng.integers(len(covering.tints))])
    tint = tint * rng.lognormal(0, 0.14) * rng.lognormal(0, 0.035, 3)
    brick, year = rng.random() < c.brick, draw_year(c, rng)
    panels = float(rng.uniform(0.15, 0.6)) * (rng.random() < c.solar)
    use = _use(outline, c)
    sampled = low if use == "outbuilding" else sampled
    roof, rings = bodies(outline.shape, outline.roof or covering.shape)
    rises = [0.0 if roof == "flat" else _half_width(corners) * pitch for corners in rings]
    eave, scale = _heights(outline, sampled, max(rises))
    construction = outline.construction or c.construction
    wall = outline.wall_material or ("wall_brick" if brick else WALLS[construction])
    ground = shapely.get_coordinates(outline.shape)
    return Building(
        instance=instance,
        uid=outline.number,
        footprint=rings[0],
        base=float(terrain.sample(ground[:, 0], ground[:, 1]).min()),
        eave=eave,
        rise=rises[0] * scale,
        roof=roof,
        roof_material=outline.roof_material or covering.material,
        roof_tint=(float(tint[0]), float(tint[1]), float(tint[2])),
        wall_material=wall,
        construction=construction,
        wings=tuple(
            Volume(footprint=corners, eave=eave, rise=rise * scale, roof=roof)
            for corners, rise in zip(rings[1:], rises[1:], strict=True)
        ),
        use=use,
        year=year if outline.year is None else outline.year,
        solar=0.0 if use == "religious" else panels,
        rooftop=c.rooftop,
    )


def bodies(shape: shapely.Polygon, roof: Roof) -> tuple[Roof, list[np.ndarray]]:
    """Rings (N, 2), counter-clockwise, whose union is a footprint, the largest first, and their roof.

    Pitched roofs stand on rectangles; a footprint that is not made of such is flat.
    """
    if roof != "flat":
        boxes = rectangles(shape)
        if boxes is not None:
            return roof, boxes
    return "flat", [ring(part) for part in without_courts(shape)]


def _half_width(corners: np.ndarray) -> float:
    sides = np.linalg.norm(corners[1:3] - corners[:2], axis=1)
    return float(sides.min() / 2)


def _heights(outline: Outline, sampled: float, rise: float) -> tuple[float, float]:
    """The eave [m], and what the roof's drawn rises are multiplied with, from what the map says."""
    told = outline.rise
    if outline.height is not None and rise > 0:  # the roof is a part of the height
        told = min(rise if told is None else told, 0.6 * outline.height)
    eave = outline.eave
    if eave is None and outline.height is not None:
        eave = outline.height - (told or 0.0) * (rise > 0)
    elif eave is not None and outline.height is not None and rise > 0:
        told = max(outline.height - eave, 0.05)
    if eave is None and outline.levels is not None:
        eave = max(STOREY * outline.levels, LOWEST)
    scale = told / rise if told is not None and rise > 0 else 1.0
    return float(sampled if eave is None else eave), scale


def _use(outline: Outline, c: Character) -> Use:
    if outline.use is not None:
        return outline.use
    return "outbuilding" if outline.shape.area < SMALL else c.use

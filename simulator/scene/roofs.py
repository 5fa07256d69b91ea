"""Standing buildings as closed solids: flat with a parapet, gable and hip roofs, and what they carry."""

import numpy as np

from simulator.city.model import Building
from simulator.scene.mesh import Part, Solid, area_of, boxes, heading_of, inset, join, loft, ring, scatter

PARAPET = 0.45
"""Height of a parapet above the roof [m]; an assumption, as are the sizes below."""
PARAPET_WIDTH = 0.25
PLANT_AREA = 140.0
"""Larger flat roofs [m2] carry plant and stair heads, smaller ones tanks and boxes."""
HOUSE_AREA = 260.0
"""Ridged roofs above smaller footprints [m2] may carry a chimney."""


def flat_mesh(house: Building) -> Solid:
    """The closed surface of a flat roofed building: the roof at `eave`, a parapet around it."""
    outer, inner = house.footprint, inset(house.footprint, PARAPET_WIDTH)
    roof = house.base + house.eave
    rings = [
        ring(outer, house.base),
        ring(outer, roof + PARAPET),
        ring(inner, roof + PARAPET),
        ring(inner, roof),
    ]
    return loft(rings, [Part.WALL, Part.WALL, Part.WALL], cap=Part.ROOF)


def gable_mesh(house: Building) -> Solid:
    """The closed surface of a house whose ridge runs along its longer side, from wall to wall.

    Its volume is `area * (eave + rise / 2)`.
    """
    return _ridged_mesh(house, inset_share=0.0)


def hip_mesh(house: Building) -> Solid:
    """As `gable_mesh`, with the ridge drawn in so that all four sides slope alike.

    With ridge length r, hip length a and width w the roof's volume is `w * rise * (r / 2 + 2 a / 3)`.
    """
    return _ridged_mesh(house, inset_share=0.5)


def _ridged_mesh(house: Building, inset_share: float) -> Solid:
    """A ridge inset at both ends by a share of the width, leaving at least a tenth of it standing."""
    plan = house.footprint
    sides = np.linalg.norm(np.roll(plan, -1, axis=0) - plan, axis=1)
    if sides[0] < sides[1]:
        plan, sides = np.roll(plan, -1, axis=0), np.roll(sides, -1)
    eave = house.base + house.eave
    ends = np.stack([(plan[3] + plan[0]) / 2, (plan[1] + plan[2]) / 2])
    along = (ends[1] - ends[0]) / sides[0]
    back = min(inset_share * sides[1], 0.45 * sides[0])
    ridge = np.stack([ends[0] + back * along, ends[1] - back * along])
    end = Part.ROOF if inset_share else Part.WALL
    walls = loft([ring(plan, house.base), ring(plan, eave)], [Part.WALL], cap=Part.ROOF)
    slopes = np.array([[4, 5, 9], [4, 9, 8], [6, 7, 8], [6, 8, 9], [5, 6, 9], [7, 4, 8]])
    return Solid(
        vertices=np.concatenate([walls.vertices, ring(ridge, eave + house.rise)]),
        faces=np.concatenate([walls.faces[:-2], slopes]),
        part=np.concatenate([walls.part[:-2], np.array([Part.ROOF] * 4 + [end] * 2, np.uint8)]),
    )


def fixtures(house: Building, rng: np.random.Generator) -> Solid:
    """Chimneys of small ridged houses, plant on large flat roofs, tanks on small ones; often nothing."""
    area, heading = area_of(house.footprint), heading_of(house.footprint)
    if house.roof == "flat":
        large = area > PLANT_AREA
        n = int(min(area / (90.0 if large else 40.0), 14) * rng.uniform(0.2, 1.0))
        xy = scatter(house.footprint, n, 2.2 if large else 1.1, rng) if n else np.zeros((0, 2))
        size = rng.uniform((0.9, 0.8, 0.6), (3.0, 2.2, 1.5) if large else (1.6, 1.3, 1.4), (len(xy), 3))
        if large and len(xy) and house.eave > 8:
            size[0] = (4.2, 2.8, 2.6)
        z = house.base + house.eave + size[:, 2] / 2
    else:
        chimney = area < HOUSE_AREA and house.rise > 1 and rng.random() < 0.45
        side = np.sqrt(area) * np.array([rng.uniform(-0.3, 0.3), rng.uniform(-0.08, 0.08)])
        turn = np.array([[np.cos(heading), np.sin(heading)], [-np.sin(heading), np.cos(heading)]])
        xy = (house.footprint.mean(axis=0) + side @ turn)[None] if chimney else np.zeros((0, 2))
        foot, top = house.eave, house.eave + house.rise + 0.7
        size = np.tile((0.7, 0.6, top - foot), (len(xy), 1))
        z = np.full(len(xy), house.base + (foot + top) / 2)
    return boxes(np.column_stack([xy, z]), size, np.full(len(xy), heading), np.zeros(len(xy)), Part.FIXTURE)


def standing_mesh(house: Building) -> Solid:
    """The closed surface of a building that has its roof, without fixtures."""
    match house.roof:
        case "gable":
            return gable_mesh(house)
        case "hip":
            return hip_mesh(house)
        case _:
            return flat_mesh(house)


def building_solid(house: Building) -> Solid:
    """A standing building with its fixtures, the same for the same instance before and after."""
    return join([standing_mesh(house), fixtures(house, np.random.default_rng(house.instance))])

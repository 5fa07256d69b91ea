"""From a city or an aftermath to the one mesh that an engine draws."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import RUINED, BoxKind, Building, City, Field, Street
from simulator.city.outline import bodies
from simulator.scene.barriers import barrier_pieces, rail_pieces
from simulator.scene.bridges import deck_level, deck_solid, deck_stations
from simulator.scene.coverings import ash_on, ash_on_roofs, covering_pieces
from simulator.scene.fixtures import fixture_casts
from simulator.scene.ground import lay_field, terrain_piece, water_piece
from simulator.scene.heaps import Mass
from simulator.scene.materials import MATERIALS, ground_materials, material_index, water_tint
from simulator.scene.mesh import Part, Piece, paint, repeat_faces
from simulator.scene.model import Scene
from simulator.scene.objects import box_pieces
from simulator.scene.roofs import Cast, standing_casts
from simulator.scene.ruins import ruin_colours, ruin_mass
from simulator.scene.scorch import one_sided
from simulator.scene.trees import tree_pieces

FOUNDATION = 0.1
"""How far walls go below the lowest ground that they meet [m]."""
ASH_ON_RUINS = 0.65
"""Share of the ash of a whole roof that lies to be seen on what it broke, the rest between and under it: an
assumption."""
DRAUGHT = 0.3
"""Of boats [m]."""
SHADED = (Part.ROOF, Part.FIXTURE, Part.TANK)
"""Parts that a cast's shade is for."""
_PART_MATERIALS = {
    Part.FIXTURE: material_index("fixture"),
    Part.RUBBLE: material_index("debris"),
    Part.GLASS: material_index("glass"),
    Part.SOLAR: material_index("solar"),
    Part.TANK: material_index("tank"),
}
"""Of the parts that do not take their building's."""


def build_scene(city: City) -> Scene:
    """Everything in the city as triangles. Equal cities give equal bytes.

    Raises:
        InputError: A building names a material that is not in the table.
    """
    decks = _decks(city.streets, city.terrain)
    pieces = [terrain_piece(city.terrain)]
    water = water_piece(
        city.water, city.terrain, material=material_index("water"), tint=water_tint(city.turbidity)
    )
    if water is not None:
        pieces.append(water)
    pieces += building_pieces(city.buildings, city.terrain)
    pieces += [_deck_piece(stations, width) for stations, width in decks]
    pieces += tree_pieces(
        city.trees,
        city.terrain,
        leaf=material_index("leaf"),
        conifer=material_index("conifer"),
        bark=material_index("bark"),
        origin=city.origin,
    )
    pieces += barrier_pieces(city.barriers, city.terrain, city.origin)
    pieces += rail_pieces(city.rails, city.terrain, city.origin, city.rail_starts)
    for boxes in (city.vehicles, city.clutter, city.debris):
        xy = boxes.centre[:, :2]
        level = np.maximum(city.terrain.sample(*xy.T), deck_level(decks, xy))
        afloat = (boxes.kind == BoxKind.BOAT) & np.isfinite(surface := city.water.nearest(*xy.T))
        level = np.where(afloat, surface - DRAUGHT, level)
        pieces += box_pieces(boxes, level)
    return _scene(pieces, city)


def building_pieces(buildings: Sequence[Building], terrain: Field) -> list[Piece]:
    """Buildings and what is left of them, standing on (and a little in) the ground.

    A building's triangles do not depend on which others are drawn with it.
    """
    if not buildings:
        return []
    low, high = _ground_under(buildings, terrain)
    low = np.minimum([b.base for b in buildings], low) - FOUNDATION
    whole = [_has_standing(b) for b in buildings]
    standing = [_rooted(b, z) for b, z, stands in zip(buildings, low.tolist(), whole, strict=True) if stands]
    upright = [b for b, stands in zip(buildings, whole, strict=True) if stands]
    casts = [*standing_casts(standing), *fixture_casts(upright)] if standing else []
    fallen = [k for k, b in enumerate(buildings) if _has_fallen(b)]
    pieces = [*_painted_casts(standing, casts), *covering_pieces(standing, casts)]
    if fallen:
        ruins = [buildings[k] for k in fallen]
        high = np.maximum([b.base for b in ruins], high[fallen])
        pieces.append(_painted_ruins(ruins, ruin_mass(ruins, low[fallen], high)))
    return one_sided(pieces, buildings)


def _has_standing(building: Building) -> bool:
    return any(body.roof not in RUINED for body in (building, *building.wings))


def _has_fallen(building: Building) -> bool:
    """Whether a body has come down and has not been swept away."""
    return any(body.roof in RUINED and body.eave > 0 for body in (building, *building.wings))


def _ground_under(buildings: Sequence[Building], terrain: Field) -> tuple[np.ndarray, np.ndarray]:
    """Lowest and highest ground at the corners of each building, (N,) [m]."""
    plans = [plan for building in buildings for plan in bodies(building)]
    counts = [sum(map(len, bodies(building))) for building in buildings]
    ground = terrain.sample(*np.concatenate(plans).T)
    starts = np.cumsum([0, *counts[:-1]])
    return np.minimum.reduceat(ground, starts), np.maximum.reduceat(ground, starts)


def _rooted(building: Building, low: float) -> Building:
    """The same building with its base at `low` [m] and its roofs where they were."""
    up = building.base - low
    wings = tuple(replace(wing, eave=wing.eave + up) for wing in building.wings)
    return replace(building, base=low, eave=building.eave + up, wings=wings)


def _painted_casts(houses: Sequence[Building], casts: Sequence[Cast]) -> list[Piece]:
    """Casts in the materials of their owners, all casts of one topology as one piece."""
    if not houses:
        return []
    names = {b.roof_material for b in houses} | {b.wall_material for b in houses}
    index = {name: material_index(name) for name in sorted(names)}
    table = np.tile([_PART_MATERIALS.get(part, 0) for part in Part], (len(houses), 1))
    table[:, Part.WALL] = [index[b.wall_material] for b in houses]
    table[:, Part.ROOF] = [index[b.roof_material] for b in houses]
    tints = np.array([b.roof_tint for b in houses])
    blotched = [b.roof_loss if b.torn_from is None else 0.0 for b in houses]
    columns = np.array([(b.instance, b.soot, loss) for b, loss in zip(houses, blotched, strict=True)])
    tephra = np.array([b.tephra for b in houses])
    painted = [_painted_cast(cast, table, tints, *columns[cast.owner].T) for cast in casts]
    if not tephra.any():
        return painted
    return [ash_on_roofs(*row, tephra) for row in zip(painted, casts, strict=True)]


def _painted_cast(
    cast: Cast, table: np.ndarray, tints: np.ndarray, instance: np.ndarray, soot: np.ndarray, loss: np.ndarray
) -> Piece:
    """One cast in its materials.

    Args:
        cast: The solids.
        table: (N, parts) material of each part of each building.
        tints: (N, 3) of the roofs.
        instance, soot, loss: (B,) of each solid's owner.
    """
    count, roof = len(cast.faces), cast.part == Part.ROOF
    shade = np.where(np.isin(cast.part, SHADED)[None, :, None], cast.shade[:, None], 1.0)
    tint = np.where(roof[None, :, None], tints[cast.owner][:, None], 1.0) * shade
    return paint(
        cast.vertices.reshape(-1, 3),
        repeat_faces(cast.faces, len(cast.vertices), cast.vertices.shape[1]),
        material=table[cast.owner][:, cast.part].ravel(),
        tint=tint.reshape(-1, 3),
        land_cover=LandCover.BUILDING,
        instance=np.repeat(instance, count),
        soot=np.repeat(soot, count),
        loss=(loss[:, None] * roof).ravel(),
    )


def _painted_ruins(houses: Sequence[Building], mass: Mass) -> Piece:
    """Ruins in the materials of their buildings, under the ash that broke them; all but standing walls are
    debris."""
    part_of = np.tile([_PART_MATERIALS.get(part, 0) for part in Part], (len(houses), 1))
    part_of[:, Part.WALL] = [material_index(b.wall_material) for b in houses]
    part_of[:, Part.ROOF] = [material_index(b.roof_material) for b in houses]
    colours = ruin_colours(houses)
    hue = (mass.hue * colours.shape[1]).astype(int)
    broken = colours[mass.owner, hue] * mass.light[:, None] / MATERIALS[material_index("debris")].albedo
    roofs = np.array([b.roof_tint for b in houses])[mass.owner]
    part = mass.part[:, None]
    tint = np.where(part == Part.RUBBLE, broken, np.where(part == Part.ROOF, roofs, 1.0))
    instance, soot, loss, ash = np.array([(b.instance, b.soot, b.roof_loss, b.tephra) for b in houses]).T
    piece = paint(
        mass.vertices,
        mass.faces,
        material=part_of[mass.owner, mass.part],
        tint=tint,
        land_cover=np.where(mass.part == Part.WALL, LandCover.BUILDING, LandCover.DEBRIS),
        instance=instance[mass.owner],
        soot=soot[mass.owner],
        loss=np.where(mass.part == Part.ROOF, loss[mass.owner], 0.0),
    )
    share = ASH_ON_RUINS * ash[mass.owner] * (mass.part != Part.WALL)
    return ash_on(piece, share) if share.any() else piece


def _decks(streets: Sequence[Street], terrain: Field) -> list[tuple[np.ndarray, float]]:
    spans = [(deck_stations(street, terrain), street.width) for street in streets if street.bridge]
    return [(stations, width) for stations, width in spans if len(stations) > 1]


def _deck_piece(stations: np.ndarray, width: float) -> Piece:
    solid = deck_solid(stations, width)
    return paint(
        solid.vertices,
        solid.faces,
        material=material_index("deck"),
        tint=(1, 1, 1),
        land_cover=LandCover.ROAD,
    )


def _scene(pieces: Sequence[Piece], city: City) -> Scene:
    starts = np.cumsum([0] + [len(piece.vertices) for piece in pieces[:-1]])
    faces = [piece.faces + start for piece, start in zip(pieces, starts, strict=True)]
    return Scene(
        vertices=np.concatenate([piece.vertices for piece in pieces]).astype(np.float32),
        faces=np.concatenate(faces).astype(np.uint32),
        face_material=np.concatenate([piece.material for piece in pieces]),
        face_tint=np.concatenate([piece.tint for piece in pieces]),
        face_class=np.concatenate([piece.land_cover for piece in pieces]),
        face_instance=np.concatenate([piece.instance for piece in pieces]),
        face_soot=np.concatenate([piece.soot for piece in pieces]),
        face_loss=np.concatenate([piece.loss for piece in pieces]),
        terrain=city.terrain,
        ground=city.ground,
        ground_materials=ground_materials(),
        materials=MATERIALS,
        lay=lay_field(city),
        origin=city.origin,
    )

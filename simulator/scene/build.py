"""From a city or an aftermath to the one mesh that an engine draws."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Building, City, Field, Street
from simulator.scene.barriers import barrier_pieces, rail_pieces
from simulator.scene.bridges import deck_level, deck_solid, deck_stations
from simulator.scene.ground import lay_field, terrain_piece, water_piece
from simulator.scene.materials import MATERIALS, ground_materials, material_index, water_tint
from simulator.scene.mesh import Part, Piece, Solid, paint
from simulator.scene.model import Scene
from simulator.scene.objects import box_pieces
from simulator.scene.roofs import building_solid
from simulator.scene.ruins import ruin_solid
from simulator.scene.trees import tree_pieces

FOUNDATION = 0.1
"""How far walls go below the lowest ground that they meet [m]."""


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
    pieces += [building_piece(building, city.terrain) for building in city.buildings]
    pieces += [_deck_piece(stations, width) for stations, width in decks]
    pieces += tree_pieces(
        city.trees,
        city.terrain,
        leaf=material_index("leaf"),
        conifer=material_index("conifer"),
        bark=material_index("bark"),
    )
    pieces += barrier_pieces(city.barriers, city.terrain)
    pieces += rail_pieces(city.rails, city.terrain)
    for boxes in (city.vehicles, city.clutter, city.debris):
        xy = boxes.centre[:, :2]
        level = np.maximum(city.terrain.sample(*xy.T), deck_level(decks, xy))
        pieces += box_pieces(boxes, level)
    return _scene(pieces, city)


def building_piece(building: Building, terrain: Field) -> Piece:
    """One building or what is left of it, standing on (and a little in) the ground."""
    ground = terrain.sample(*building.footprint.T)
    low = min(building.base, float(ground.min())) - FOUNDATION
    if building.roof in ("open", "rubble"):
        return _painted(building, ruin_solid(building, low, max(building.base, float(ground.max()))))
    rooted = replace(building, base=low, eave=building.base + building.eave - low)
    return _painted(building, building_solid(rooted))


def _painted(building: Building, solid: Solid) -> Piece:
    roof, wall = material_index(building.roof_material), material_index(building.wall_material)
    of_part = {
        Part.WALL: wall,
        Part.ROOF: roof,
        Part.FIXTURE: material_index("fixture"),
        Part.RUBBLE: material_index("debris"),
        Part.GLASS: material_index("glass"),
    }
    tint = np.ones((len(solid.faces), 3), np.float32)
    tint[solid.part == Part.ROOF] = building.roof_tint
    rubble = solid.part == Part.RUBBLE
    if rubble.any():
        tint[rubble] = _rubble_tints(building, solid)[rubble]
    return paint(
        solid.vertices,
        solid.faces,
        material=np.array([of_part[part] for part in Part])[solid.part],
        tint=tint,
        land_cover=np.where(rubble, LandCover.DEBRIS, LandCover.BUILDING),
        instance=building.instance,
        soot=building.soot,
        loss=np.where(solid.part == Part.ROOF, building.roof_loss, 0.0),
    )


def _rubble_tints(building: Building, solid: Solid) -> np.ndarray:
    """(F, 3) of debris: each lump of twelve faces, a box, in the colour of the roof, the walls or dust."""
    rng = np.random.default_rng(building.instance)
    grey = np.array(MATERIALS[material_index("debris")].albedo)
    roof = np.array(MATERIALS[material_index(building.roof_material)].albedo) * building.roof_tint
    wall = np.array(MATERIALS[material_index(building.wall_material)].albedo)
    mixed = np.stack([grey, 0.7 * grey, 0.5 * (grey + roof), 0.6 * grey + 0.4 * wall, roof, 0.4 * grey])
    colours = np.minimum(mixed / grey, 1.6)
    lumps = -(-len(solid.faces) // 12)
    lump = colours[rng.integers(0, len(colours), lumps)] * rng.uniform(0.6, 1.1, (lumps, 1))
    return np.repeat(lump, 12, axis=0)[::-1][: len(solid.faces)][::-1]


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
    )

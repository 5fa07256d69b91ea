"""Loose objects: vehicles and pieces of debris."""

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Boxes
from simulator.scene.materials import material_index
from simulator.scene.mesh import BOX_FACES, Piece, box_vertices, paint, repeat_faces

CAR_LENGTH = 6.0
"""Longer vehicles [m] are drawn as lorries: a cab and a load."""


def debris_pieces(debris: Boxes, ground: np.ndarray) -> list[Piece]:
    """Boxes of debris.

    Args:
        debris: The columns.
        ground: (N,) elevation of the ground at each [m].
    """
    if not len(debris.centre):
        return []
    return [_boxes(debris, ground, (0, 0, 0), (1, 1, 1), 1.0, "debris_piece", LandCover.DEBRIS)]


def vehicle_pieces(vehicles: Boxes, ground: np.ndarray) -> list[Piece]:
    """Cars as a body under a cabin with dark panes, lorries as a load behind a cab.

    Args:
        vehicles: The columns; a box is the hull of the vehicle.
        ground: (N,) elevation of the ground at each [m].
    """
    lorry = vehicles.size[:, 0] > CAR_LENGTH
    pieces = []
    if not lorry.all():
        cars, z = _rows(vehicles, ~lorry), ground[~lorry]
        pieces.append(_boxes(cars, z, (0, 0, -0.21), (1, 1, 0.58), 1.0, "paint", LandCover.VEHICLE))
        pieces.append(_cabins(cars, z))
    if lorry.any():
        heavy, z = _rows(vehicles, lorry), ground[lorry]
        pieces.append(_boxes(heavy, z, (-0.12, 0, 0), (0.76, 1, 1), 1.0, "paint", LandCover.VEHICLE))
        cab = _boxes(heavy, z, (0.4, 0, -0.1), (0.2, 0.92, 0.8), 0.9, "paint", LandCover.VEHICLE)
        pieces.append(_glazed(cab, front_only=True))
    return pieces


def _cabins(cars: Boxes, ground: np.ndarray) -> Piece:
    return _glazed(
        _boxes(cars, ground, (-0.06, 0, 0.29), (0.56, 0.9, 0.42), 0.72, "paint", LandCover.VEHICLE),
        front_only=False,
    )


def _glazed(cabins: Piece, *, front_only: bool) -> Piece:
    """The cabins with panes in place of their sides, in the order of `BOX_FACES`."""
    is_pane = np.zeros(12, bool)
    is_pane[[6, 7] if front_only else slice(4, 12)] = True
    pane = np.tile(is_pane, len(cabins.faces) // 12)
    return paint(
        cabins.vertices,
        cabins.faces,
        material=np.where(pane, material_index("glass"), cabins.material),
        tint=np.where(pane[:, None], 1.0, cabins.tint),
        land_cover=cabins.land_cover,
    )


def _boxes(
    hull: Boxes,
    ground: np.ndarray,
    shift: tuple[float, float, float],
    share: tuple[float, float, float],
    top: float,
    material: str,
    land_cover: LandCover,
) -> Piece:
    """One box in each hull, shifted and scaled by shares of the hull's size."""
    middle = hull.centre.copy()
    c, s = np.cos(hull.heading), np.sin(hull.heading)
    along, aside, up = (hull.size * shift).T
    middle += np.column_stack([c * along - s * aside, s * along + c * aside, up + ground])
    vertices = box_vertices(middle, hull.size * share, hull.heading, hull.tilt, top)
    return paint(
        vertices.reshape(-1, 3),
        repeat_faces(BOX_FACES, len(middle), 8),
        material=material_index(material),
        tint=np.repeat(hull.colour, 12, axis=0),
        land_cover=land_cover,
    )


def _rows(boxes: Boxes, keep: np.ndarray) -> Boxes:
    return Boxes(
        centre=boxes.centre[keep],
        size=boxes.size[keep],
        heading=boxes.heading[keep],
        tilt=boxes.tilt[keep],
        colour=boxes.colour[keep],
        kind=boxes.kind[keep],
    )

"""Loose objects: vehicles, clutter and pieces of debris, each a few boxes in its hull."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Boxes, BoxKind
from simulator.city.placing import take
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.mesh import BOX_FACES, Piece, box_vertices, paint, repeat_faces

Share = tuple[float, float, float]


class Lump(NamedTuple):
    """One box of an object, by shares of its hull.

    Attributes:
        shift: Of its middle along, aside and up, in lengths, widths and heights of the hull.
        share: Of the hull's length, width and height.
        top: Scale of its upper face.
        material: Name; in the hull's colour where that is white in the table.
        panes: Of its sides: "none", "all" or "front" are dark glass.
        colour: In place of the hull's.
    """

    shift: Share
    share: Share
    top: float = 1.0
    material: str = "paint"
    panes: str = "none"
    colour: Share | None = None


TYRE: Share = (0.03, 0.03, 0.03)
STEEL: Share = (0.2, 0.2, 0.2)
TIMBER: Share = (0.24, 0.17, 0.11)
LUMPS: dict[BoxKind, tuple[Lump, ...]] = {
    BoxKind.DEBRIS: (Lump((0, 0, 0), (1, 1, 1), material="debris_piece"),),
    BoxKind.CAR: (
        Lump((0, 0, -0.38), (0.84, 1, 0.24), colour=TYRE),
        Lump((0, 0, -0.14), (1, 0.98, 0.42), 0.93),
        Lump((-0.05, 0, 0.28), (0.60, 0.88, 0.44), 0.74, panes="all"),
    ),
    BoxKind.VAN: (
        Lump((0, 0, -0.42), (0.84, 1, 0.16), colour=TYRE),
        Lump((0.36, 0, -0.18), (0.28, 0.98, 0.36), 0.9),
        Lump((-0.09, 0, 0.07), (0.80, 0.98, 0.86), 0.9),
        Lump((0.27, 0, 0.2), (0.18, 0.88, 0.36), 0.8, panes="all"),
    ),
    BoxKind.LORRY: (
        Lump((-0.10, 0, -0.40), (0.78, 0.96, 0.20), colour=TYRE),
        Lump((-0.11, 0, 0.06), (0.78, 1, 0.88)),
        Lump((0.41, 0, -0.08), (0.16, 0.96, 0.78), 0.92, panes="front"),
    ),
    BoxKind.BUS: (
        Lump((0, 0, -0.40), (0.9, 0.96, 0.20), colour=TYRE),
        Lump((0, 0, 0.04), (1, 1, 0.84), 0.97),
        Lump((-0.2, 0, 0.48), (0.22, 0.6, 0.05), colour=STEEL),
        Lump((0.22, 0, 0.48), (0.14, 0.6, 0.05), colour=STEEL),
        Lump((0.495, 0, 0.1), (0.012, 0.94, 0.5), material="glass"),
    ),
    BoxKind.RICKSHAW: (
        Lump((0, 0, -0.25), (1, 0.9, 0.5), 0.9),
        Lump((-0.1, 0, 0.24), (0.7, 1, 0.5), 0.85, colour=(0.05, 0.05, 0.05)),
    ),
    BoxKind.BOAT: (
        Lump((-0.12, 0, -0.2), (0.76, 1, 0.6)),
        Lump((0.36, 0, -0.2), (0.26, 0.62, 0.6), 0.7),
        Lump((-0.1, 0, 0.12), (0.66, 0.8, 0.08), colour=TIMBER),
        Lump((0.04, 0, 0.3), (0.26, 0.6, 0.4), 0.8, panes="front"),
    ),
    BoxKind.CONTAINER: (Lump((0, 0, 0), (1, 1, 1)),),
    BoxKind.STALL: (
        Lump((0, 0, 0.40), (1, 1, 0.2), 0.55, "tarpaulin"),
        Lump((0, 0, -0.3), (0.8, 0.7, 0.4), colour=TIMBER),
    ),
    BoxKind.TENT: (
        Lump((0, 0, -0.2), (1, 1, 0.6), 1.0, "tarpaulin"),
        Lump((0, 0, 0.3), (1, 1, 0.4), 0.2, "tarpaulin"),
    ),
    BoxKind.PLAY: (
        Lump((-0.25, 0, 0), (0.4, 1, 1), 0.8),
        Lump((0.16, 0.1, -0.25), (0.6, 0.25, 0.4), colour=(0.5, 0.4, 0.06)),
    ),
    BoxKind.POLE: (Lump((0, 0, 0), (1, 1, 1)), Lump((2.5, 0, 0.47), (6, 1, 0.02), colour=STEEL)),
    BoxKind.TRAIN: (
        Lump((0, 0, -0.40), (0.92, 0.8, 0.2), colour=TYRE),
        Lump((0, 0, 0.03), (1, 1, 0.76), 0.98),
        Lump((0, 0, 0.44), (0.98, 0.8, 0.1), 0.96, colour=STEEL),
    ),
    BoxKind.GRAVE: (
        Lump((0.05, 0, -0.42), (0.9, 1, 0.16), material="gravestone"),
        Lump((-0.46, 0, 0), (0.08, 0.8, 1), material="gravestone"),
    ),
    BoxKind.GREENHOUSE: (
        Lump((0, 0, -0.2), (1, 1, 0.6), 1.0, "greenhouse"),
        Lump((0, 0.0, 0.3), (1, 1, 0.4), 0.2, "greenhouse"),
    ),
}
"""Of each kind, from its foot up."""

LAND_COVERS: dict[BoxKind, LandCover] = {
    BoxKind.DEBRIS: LandCover.DEBRIS,
    BoxKind.CAR: LandCover.VEHICLE,
    BoxKind.VAN: LandCover.VEHICLE,
    BoxKind.LORRY: LandCover.VEHICLE,
    BoxKind.BUS: LandCover.VEHICLE,
    BoxKind.RICKSHAW: LandCover.VEHICLE,
    BoxKind.TRAIN: LandCover.VEHICLE,
    BoxKind.BOAT: LandCover.VEHICLE,
}
"""What moves under its own power is a vehicle, boats and trains too; all else is developed ground: stalls,
tents, containers, graves and greenhouses stand without foundations and are nobody's building."""


def box_pieces(hulls: Boxes, ground: np.ndarray) -> list[Piece]:
    """Vehicles, clutter and debris: each kind as a few boxes in its hull.

    Args:
        hulls: The columns.
        ground: (N,) elevation of the ground, deck or water at each [m].
    """
    pieces = []
    for kind, lumps in LUMPS.items():
        of_kind = hulls.kind == kind
        if of_kind.any():
            some, z = take(hulls, of_kind), ground[of_kind]
            pieces += [_lump(some, z, lump, LAND_COVERS.get(kind, LandCover.DEVELOPED)) for lump in lumps]
    return pieces


def _lump(hull: Boxes, ground: np.ndarray, lump: Lump, land_cover: LandCover) -> Piece:
    white = MATERIALS[material_index(lump.material)].albedo == (1.0, 1.0, 1.0)
    colour = np.broadcast_to(lump.colour or (1.0, 1.0, 1.0), hull.colour.shape)
    coloured = replace(hull, colour=hull.colour if white and lump.colour is None else colour)
    piece = _boxes(coloured, ground, lump.shift, lump.share, lump.top, lump.material, land_cover)
    return piece if lump.panes == "none" else _glazed(piece, front_only=lump.panes == "front")


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

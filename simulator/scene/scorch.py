"""Soot and holes on the side that faced a fire."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulator.city.model import Building
from simulator.scene.mesh import Piece

FAR_SIDE = 0.12
"""Share of the soot and of the loss that the far side has; an assumption."""


def one_sided(pieces: Sequence[Piece], buildings: Sequence[Building]) -> list[Piece]:
    """The pieces with the soot and loss of partly burnt buildings drawn to the side of the fire.

    Args:
        pieces: Of the buildings.
        buildings: Those with a direction in `burnt_from` change.
    """
    if all(b.burnt_from is None for b in buildings):
        return list(pieces)
    last = max(int(piece.instance.max(initial=0)) for piece in pieces)
    way, middle, reach = np.zeros((last + 1, 2)), np.zeros((last + 1, 2)), np.ones(last + 1)
    known = np.zeros(last + 1, bool)
    for b in buildings:
        if b.burnt_from is not None:
            k, plan = b.instance, b.footprint
            known[k], middle[k] = True, plan.mean(axis=0)
            way[k] = math.cos(b.burnt_from), math.sin(b.burnt_from)
            reach[k] = max(float(np.abs((plan - middle[k]) @ way[k]).max()), 1.0)
    return [_turned(piece, way, middle, reach, known) for piece in pieces]


def _turned(piece: Piece, way: np.ndarray, middle: np.ndarray, reach: np.ndarray, known: np.ndarray) -> Piece:
    owner = piece.instance.astype(np.int64)
    if not known[owner].any():
        return piece
    at = piece.vertices[piece.faces][:, :, :2].mean(axis=1)
    near = ((at - middle[owner]) * way[owner]).sum(axis=1) / reach[owner]
    share = np.where(known[owner], np.clip(0.5 + 1.1 * near, FAR_SIDE, 1.0), 1.0).astype(np.float32)
    return replace(piece, soot=piece.soot * share, loss=piece.loss * share)

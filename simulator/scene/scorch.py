"""Soot and holes on the side that faced a fire."""

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
    burnt = [b for b in buildings if b.burnt_from is not None]
    if not burnt:
        return list(pieces)
    last = max(int(piece.instance.max(initial=0)) for piece in pieces)
    way, middle, reach = np.zeros((last + 1, 2)), np.zeros((last + 1, 2)), np.ones(last + 1)
    for b in burnt:
        way[b.instance] = np.cos(b.burnt_from), np.sin(b.burnt_from)
        middle[b.instance] = b.footprint.mean(axis=0)
        reach[b.instance] = max(
            float(np.abs((b.footprint - middle[b.instance]) @ way[b.instance]).max()), 1.0
        )
    known = np.isin(np.arange(last + 1), [b.instance for b in burnt])
    return [_turned(piece, way, middle, reach, known) for piece in pieces]


def _turned(piece: Piece, way: np.ndarray, middle: np.ndarray, reach: np.ndarray, known: np.ndarray) -> Piece:
    owner = piece.instance.astype(np.int64)
    if not known[owner].any():
        return piece
    at = piece.vertices[piece.faces][:, :, :2].mean(axis=1)
    near = ((at - middle[owner]) * way[owner]).sum(axis=1) / reach[owner]
    share = np.where(known[owner], np.clip(0.5 + 1.1 * near, FAR_SIDE, 1.0), 1.0).astype(np.float32)
    return replace(piece, soot=piece.soot * share, loss=piece.loss * share)

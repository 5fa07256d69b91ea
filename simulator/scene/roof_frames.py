"""The frame in which things are placed on a roof, and boxes there; of many bodies at a time."""

from typing import NamedTuple

import numpy as np

from simulator.scene.mesh import BOX_FACES, Part, box_vertices
from simulator.scene.roofs import Cast


class RoofFrame(NamedTuple):
    """Boxes about some plans, along the longest side of each.

    Attributes:
        origin: (B, 2) their middles [m].
        half: (B, 2) half their length and width [m].
        heading: (B,) of their length, counter-clockwise from east [rad].
    """

    origin: np.ndarray
    half: np.ndarray
    heading: np.ndarray

    def at(self, rows: np.ndarray) -> "RoofFrame":
        """Some of them."""
        return RoofFrame(*(column[rows] for column in self))


def frame_of(plan: np.ndarray) -> RoofFrame:
    """The frames of plans (B, N, 2) [m]."""
    edge = np.roll(plan, -1, axis=1) - plan
    longest = edge[np.arange(len(plan)), np.argmax((edge**2).sum(2), axis=1)]
    heading = np.arctan2(longest[:, 1], longest[:, 0])
    local = turned(plan, -heading[:, None])
    low, high = local.min(axis=1), local.max(axis=1)
    return RoofFrame(turned((low + high) / 2, heading), (high - low) / 2, heading)


def turned(xy: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Points (..., 2) [m] turned about the origin, counter-clockwise by angles (...) [rad]."""
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * xy[..., 0] - s * xy[..., 1], s * xy[..., 0] + c * xy[..., 1]], axis=-1)


def clearance(plan: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(M,) distance of points (M, 2) from the nearest side of their plans (M, N, 2), negative outside [m]."""
    ab, ap = np.roll(plan, -1, axis=1) - plan, xy[:, None] - plan
    t = np.clip((ap * ab).sum(-1) / (ab * ab).sum(-1), 0, 1)
    distance = np.linalg.norm(ap - t[..., None] * ab, axis=-1).min(axis=1, initial=np.inf)
    return np.where(_about_origin(-ap), distance, -distance)


def within(plan: np.ndarray, xy: np.ndarray, size: np.ndarray, heading: np.ndarray) -> np.ndarray:
    """(M,) whether boxes lie in their plans, which may have notches.

    Each side of a plan is clipped by its box as in Liang & Barsky (1984), A new concept and method for line
    clipping.

    Args:
        plan: (M, N, 2) [m].
        xy: (M, 2) middles of the boxes [m].
        size: (M, 2) their lengths and widths [m].
        heading: (M,) of their lengths, counter-clockwise from east [rad].
    """
    a = turned(plan - xy[:, None], -heading[:, None])
    ab, half = np.roll(a, -1, axis=1) - a, size[:, None] / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        low, high = (-half - a) / ab, (half - a) / ab
    enters = np.minimum(low, high).max(axis=2, initial=0.0)
    leaves = np.maximum(low, high).min(axis=2, initial=1.0)
    return _about_origin(a) & ~(enters < leaves).any(axis=1)


def _about_origin(a: np.ndarray) -> np.ndarray:
    """(M,) whether polygons (M, N, 2) hold the origin."""
    b = np.roll(a, -1, axis=1)
    crosses = (a[..., 1] > 0) != (b[..., 1] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a[..., 0] - a[..., 1] * (b[..., 0] - a[..., 0]) / (b[..., 1] - a[..., 1])
    return (crosses & (x > 0)).sum(axis=1) % 2 == 1


def box_cast(
    owner: np.ndarray, centre: np.ndarray, size: np.ndarray, heading: np.ndarray, part: Part,
    shade: np.ndarray, tilt: np.ndarray | float = 0.0,
) -> Cast:  # fmt: skip
    """Closed boxes as of `box_vertices`."""
    vertices = box_vertices(centre, size, heading, np.broadcast_to(tilt, len(owner)))
    return Cast(owner, vertices, BOX_FACES, np.full(12, part, np.uint8), shade)

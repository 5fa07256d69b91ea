"""The frame in which things are placed on a roof, and boxes there; of many bodies at a time."""

import numpy as np

from simulator.scene.mesh import BOX_FACES, Part, box_vertices
from simulator.scene.roofs import Cast


def frame_of(plan: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middle (B, 2), half length and width (B, 2) and heading (B,) of a box about each plan, along
    its longest side."""
    edge = np.roll(plan, -1, axis=1) - plan
    longest = edge[np.arange(len(plan)), np.argmax((edge**2).sum(2), axis=1)]
    heading = np.arctan2(longest[:, 1], longest[:, 0])
    local = turned(plan, -heading[:, None])
    low, high = local.min(axis=1), local.max(axis=1)
    return turned((low + high) / 2, heading), (high - low) / 2, heading


def turned(xy: np.ndarray, angle: np.ndarray) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.stack([c * xy[..., 0] - s * xy[..., 1], s * xy[..., 0] + c * xy[..., 1]], axis=-1)


def clearance(plan: np.ndarray, xy: np.ndarray) -> np.ndarray:
    """(M,) distance of points (M, 2) from the nearest side of their plans (M, N, 2), negative outside [m]."""
    a, b = plan, np.roll(plan, -1, axis=1)
    ab, ap = b - a, xy[:, None] - a
    t = np.clip((ap * ab).sum(-1) / (ab * ab).sum(-1), 0, 1)
    distance = np.linalg.norm(ap - t[..., None] * ab, axis=-1).min(axis=1, initial=np.inf)
    crosses = (a[..., 1] > xy[:, 1:2]) != (b[..., 1] > xy[:, 1:2])
    with np.errstate(divide="ignore", invalid="ignore"):
        x = a[..., 0] + (xy[:, 1:2] - a[..., 1]) * ab[..., 0] / ab[..., 1]
    inside = (crosses & (xy[:, 0:1] < x)).sum(axis=1) % 2 == 1
    return np.where(inside, distance, -distance)


def area_of(plan: np.ndarray) -> np.ndarray:
    after = np.roll(plan, -1, axis=1)
    return 0.5 * (plan[..., 0] * after[..., 1] - plan[..., 1] * after[..., 0]).sum(axis=1)


def box_cast(
    owner: np.ndarray, centre: np.ndarray, size: np.ndarray, heading: np.ndarray, part: Part,
    shade: np.ndarray, tilt: np.ndarray | float = 0.0,
) -> Cast:  # fmt: skip
    """Closed boxes as of `box_vertices`."""
    vertices = box_vertices(centre, size, heading, np.broadcast_to(tilt, len(owner)))
    return Cast(owner, vertices, BOX_FACES, np.full(12, part, np.uint8), shade)

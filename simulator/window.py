"""A part of a large city: what a scene of some of its ground needs, at the coordinates of the whole."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from simulator.city.model import Boxes, City, Field, Trees
from simulator.city.outline import bodies
from simulator.city.placing import take
from simulator.disasters.aftermath import Aftermath

HALO = 160.0
"""Around the ground that is drawn [m]: what stands there casts shadows on it and leans into it. An
assumption: the shadow of 90 m under a sun of 30 degrees."""

Bounds = tuple[float, float, float, float]
"""West, south, east and north [m]."""


def aftermath_window(aftermath: Aftermath, ground: Bounds) -> Aftermath:
    """An aftermath whose three cities are windows; cities that were one stay one."""
    cut = {
        id(city): city_window(city, ground)
        for city in (aftermath.before, aftermath.otherwise, aftermath.after)
    }
    before, otherwise, after = (
        cut[id(city)] for city in (aftermath.before, aftermath.otherwise, aftermath.after)
    )
    return replace(aftermath, before=before, otherwise=otherwise, after=after)


def city_window(city: City, ground: Bounds) -> City:
    """What of a city is on `ground` and within `HALO` of it, uncut and where it was.

    Things are whole or left out and rasters are cut between cells, so that a scene of it has the very
    triangles that a scene of the city has there. `size` and instances remain the city's.
    """
    west, south, east, north = ground
    near = (west - HALO, south - HALO, east + HALO, north + HALO)
    streets = _touching([s.centreline for s in city.streets], near, [s.width for s in city.streets])
    rails = _touching(city.rails, near, 5.0)
    return replace(
        city,
        terrain=_cropped(city.terrain, near),
        ground=_cropped(city.ground, near),
        water=_cropped(city.water, near),
        streets=tuple(city.streets[k] for k in streets),
        rails=tuple(city.rails[k] for k in rails),
        rail_starts=tuple(city.rail_starts[k] for k in rails) if city.rail_starts else (),
        land_use=tuple(city.land_use[k] for k in _touching([u.ring for u in city.land_use], near)),
        buildings=tuple(
            city.buildings[k]
            for k in _touching([np.concatenate(list(bodies(b))) for b in city.buildings], near, 3.0)
        ),
        barriers=tuple(city.barriers[k] for k in _touching([b.line for b in city.barriers], near, 3.0)),
        trees=_trees_near(city.trees, near),
        vehicles=_boxes_near(city.vehicles, near),
        clutter=_boxes_near(city.clutter, near),
        debris=_boxes_near(city.debris, near),
    )


def _touching(lines: Sequence[np.ndarray], near: Bounds, reach: float | Sequence[float] = 0.0) -> list[int]:
    """Indices of the lines (N, 2) whose box, widened by `reach` [m], touches a square."""
    if not len(lines):
        return []
    starts = np.cumsum([0, *(len(line) for line in lines[:-1])])
    points = np.concatenate(lines)
    widen = np.broadcast_to(np.asarray(reach, float), (len(lines),))[:, None]
    low = np.minimum.reduceat(points, starts) - widen
    high = np.maximum.reduceat(points, starts) + widen
    touches = (low <= (near[2], near[3])).all(axis=1) & (high >= (near[0], near[1])).all(axis=1)
    return np.flatnonzero(touches).tolist()


def _trees_near(trees: Trees, near: Bounds) -> Trees:
    reach = np.maximum(trees.radius, np.where(np.isfinite(trees.fallen), trees.height, 0.0))
    return take(trees, _inside(trees.xy, near, reach))


def _boxes_near(boxes: Boxes, near: Bounds) -> Boxes:
    return take(boxes, _inside(boxes.centre[:, :2], near, boxes.size.max(axis=1, initial=0.0)))


def _inside(xy: np.ndarray, near: Bounds, reach: np.ndarray) -> np.ndarray:
    """(N,) bool: points (N, 2) are within `reach` (N,) [m] of a square."""
    wide = reach[:, None]
    return ((xy + wide >= (near[0], near[1])) & (xy - wide <= (near[2], near[3]))).all(axis=1)


def _cropped(field: Field, near: Bounds) -> Field:
    """The cells that a square touches, and one more on each side for what lies between cell centres."""
    height, width = field.values.shape
    first = max(int((near[0] - field.west) // field.cell) - 1, 0)
    last = min(int((near[2] - field.west) // field.cell) + 2, width)
    top = max(int((field.north - near[3]) // field.cell) - 1, 0)
    bottom = min(int((field.north - near[1]) // field.cell) + 2, height)
    return replace(
        field,
        west=field.west + first * field.cell,
        north=field.north - top * field.cell,
        values=field.values[top:bottom, first:last],
    )

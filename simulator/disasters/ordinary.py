"""What changes between two dates anyway."""

from dataclasses import replace

import numpy as np
from scipy.spatial import KDTree

from simulator.city.model import Boxes, City, Field

# Shares of the vehicles between two dates days to months apart: assumptions
DEPARTED, REPLACED, MOVED = 0.35, 0.2, 0.2


def ordinary_change(city: City, rng: np.random.Generator) -> City:
    """The city at a later date, as if nothing had happened: vehicles come, go and move."""
    return replace(city, vehicles=repark(city.vehicles, city.ground, rng))


def repark(vehicles: Boxes, ground: Field, rng: np.random.Generator) -> Boxes:
    """Some vehicles are gone, some give their place to another, some stand one place further along.

    A vehicle moves by its length to a free place on the same ground, or stays. The rows that stay
    keep their order.
    """
    count = len(vehicles.heading)
    fate = rng.random(count)
    gap = rng.uniform(0.5, 1.5, count) * np.where(rng.random(count) < 0.5, -1, 1)
    stretch, shuffled = rng.uniform(0.92, 1.08, count), rng.permutation(count)
    stays = fate >= DEPARTED
    replaced = stays & (fate < DEPARTED + REPLACED)
    moved = stays & ~replaced & (fate < DEPARTED + REPLACED + MOVED)

    colour = np.where(replaced[:, None], vehicles.colour[shuffled], vehicles.colour)
    size = vehicles.size * np.where(replaced, stretch, 1.0)[:, None] ** [1.0, 0.0, 0.0]
    centre = vehicles.centre.copy()
    step = np.sign(gap) * (vehicles.size[:, 0] + np.abs(gap))
    target = centre[:, :2] + step[:, None] * _along(vehicles.heading)
    moved &= _is_free(target, centre[:, :2], vehicles.size[:, 0], ground)
    centre[moved, :2] = target[moved]
    return Boxes(
        centre=centre[stays],
        size=size[stays],
        heading=vehicles.heading[stays],
        tilt=vehicles.tilt[stays],
        colour=colour[stays],
        kind=vehicles.kind[stays],
    )


def _is_free(target: np.ndarray, here: np.ndarray, length: np.ndarray, ground: Field) -> np.ndarray:
    """(N,) bool: the target is on the ground that the vehicle stands on, and nobody is or goes there."""
    if len(here) == 0:
        return np.zeros(0, bool)
    extent = ground.values.shape[1] * ground.cell
    inside = np.all((target > 1) & (target < extent - 1), axis=1)
    same = ground.nearest(*target.T) == ground.nearest(*here.T)
    alone = np.ones(len(here), bool)
    places = KDTree(np.concatenate([here, target]))
    for i, near in enumerate(places.query_ball_point(target, 0.9 * length)):
        alone[i] = all(j in (i, i + len(here)) for j in near)
    return inside & same & alone


def _along(heading: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(heading), np.sin(heading)], axis=-1)

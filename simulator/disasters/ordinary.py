"""What changes between two dates anyway."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial import KDTree

from rasters.errors import InputError
from simulator.city.model import Boxes, BoxKind, City, Field, Season
from simulator.city.placing import take
from simulator.disasters.cells import check_range
from simulator.disasters.fields import tended_fields, tended_pools
from simulator.disasters.lots import rebuilt
from simulator.disasters.seasons import turned

# Shares of the vehicles between two dates days to months apart: assumptions
DEPARTED, REPLACED, MOVED = 0.35, 0.2, 0.2
FLEETING = (BoxKind.CONTAINER, BoxKind.STALL, BoxKind.TENT, BoxKind.BOAT)
LEFT = 0.25  # share of these that are gone: an assumption
FELLED = 0.02  # share of the trees felled in a year: an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What lies between two flights.

    Attributes:
        days: How long [d].
        season: At the second flight; None: that of the first.
    """

    days: float = 60.0
    season: Season | None = None

    def __post_init__(self) -> None:
        check_range("interval", "days", self.days, 0, 3650, "d")
        if self.season not in (None, "leafy", "autumn", "bare", "dry"):
            raise InputError(
                f'interval: season must be "leafy", "autumn", "bare" or "dry", got {self.season!r}'
            )


def ordinary_change(city: City, interval: Interval, rng: np.random.Generator) -> City:
    """The city at a later date, as if nothing had happened.

    Vehicles come, go and move; houses are built, demolished and re-roofed; fields are harvested and
    ploughed, pools covered; the season turns. Buildings that stand on keep their instance and order;
    new ones follow with instances that the city has not had.
    """
    lot_rng, field_rng, pool_rng, season_rng, tree_rng, thing_rng, car_rng = rng.spawn(7)
    season = interval.season or city.season
    city = rebuilt(city, interval.days, lot_rng)
    city = tended_fields(city, interval.days, season, field_rng)
    city = tended_pools(city, season, pool_rng)
    city = turned(city, season, season_rng)
    stands = tree_rng.random(len(city.trees.kind)) >= 1 - (1 - FELLED) ** (interval.days / 365)
    stays = ~np.isin(city.clutter.kind, FLEETING) | (thing_rng.random(len(city.clutter.kind)) >= LEFT)
    stays &= (city.clutter.kind != BoxKind.TRAIN) | (
        thing_rng.random() < 0.5
    )  # whole trains, not cars of them
    return replace(
        city,
        trees=take(city.trees, stands),
        clutter=take(city.clutter, stays),
        vehicles=repark(city.vehicles, city.ground, car_rng),
    )


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
    return take(replace(vehicles, centre=centre, size=size, colour=colour), stays)


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

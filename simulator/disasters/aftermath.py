"""What a disaster leaves behind."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from rasters.classes import Damage
from rasters.sensing.smoke import Plume
from simulator.city.model import City, Field
from simulator.disasters.cells import with_values
from simulator.disasters.roads import open_roads

DisasterKind = Literal["none", "flood", "earthquake", "fire", "storm", "volcano"]


class Cause(IntEnum):
    """What did most of the damage to a building."""

    NONE = 0
    WATER = 1
    FLOW = 2
    SHAKING = 3
    SLIDE = 4
    LIQUEFACTION = 5
    FIRE = 6
    WIND = 7
    IMPACT = 8
    LAVA = 9
    TEPHRA = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """A city before and after, and what a damage assessor would note.

    Attributes:
        kind: Which disaster.
        before: The city untouched.
        after: The same city afterwards; buildings keep their instance and their order.
        damage: (len(before.buildings),) uint8 `Damage` codes, 1 to 4.
        cause: (len(before.buildings),) uint8 `Cause` codes, NONE where nothing was damaged.
        intensity: (len(before.buildings),) float32, what the disaster measures at each building: depth of
            water [m], peak ground acceleration [g], share burnt around, gust speed [m/s], tephra load [kPa];
            0 without a disaster.
        flood_depth: Water depth above the ground [m], float32, 0 where dry (permanent water is dry here).
        flow_speed: Greatest speed of the water since the flood began [m/s], float32.
        burnt: uint8, 1 where fire passed over the ground.
        passability: uint8 `Passability` codes, 0 under buildings.
        smoke: What still rises when the image after is taken; in no label.

    The fields lie on the cells of `before.ground`.
    """

    kind: DisasterKind
    before: City
    after: City
    damage: np.ndarray
    cause: np.ndarray
    intensity: np.ndarray
    flood_depth: Field
    flow_speed: Field
    burnt: Field
    passability: Field
    smoke: tuple[Plume, ...] = ()


def untouched(city: City) -> Aftermath:
    """The aftermath of nothing: what each disaster starts from."""
    count, shape = len(city.buildings), city.ground.values.shape
    return Aftermath(
        kind="none",
        before=city,
        after=city,
        damage=np.full(count, Damage.NO_DAMAGE, np.uint8),
        cause=np.full(count, Cause.NONE, np.uint8),
        intensity=np.zeros(count, np.float32),
        flood_depth=with_values(city.ground, np.zeros(shape, np.float32)),
        flow_speed=with_values(city.ground, np.zeros(shape, np.float32)),
        burnt=with_values(city.ground, np.zeros(shape, np.uint8)),
        passability=open_roads(city),
    )

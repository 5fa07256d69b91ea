"""What a disaster leaves behind."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from rasters.classes import Damage
from rasters.sensing.smoke import Plume
from simulator.city.model import Building, City, Field, Ground
from simulator.disasters.cells import mean_height, with_values
from simulator.disasters.roads import open_roads
from simulator.disasters.wreckage import trunks

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


DESTROYED_HEIGHT = 0.8
"""What is destroyed stands at most this share of its mean height above the ground or the water: an
assumption that lets burnt-out walls pass. What stands higher is at most majorly damaged, seen from above."""
WATER_DEPTH = 0.3
"""Flood water this deep [m] on open ground is the land cover water: an assumption, for what is shallower
lies in puddles between grass and kerbs."""
UNITS: dict[DisasterKind, str] = {
    "none": "",
    "flood": "m",
    "earthquake": "g",
    "fire": "1",
    "storm": "m/s",
    "volcano": "kPa",
}
"""Of `Aftermath.intensity`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """A city before and after, and what a damage assessor would note.

    Buildings are told by their instance. Those of `before` are 1 to n, in order, and every array over
    buildings has a row for each of them. One that was demolished for ordinary reasons is missing in
    `otherwise` and `after`: its row says that it is undamaged. One that was built since has an instance
    above n and no row: the image before does not show it. A lost one whose plot has been cleared is missing
    in `after` alone.

    Attributes:
        kind: Which disaster.
        before: The city untouched.
        otherwise: The city at the time of `after`, had there been no disaster: ordinary change alone.
        after: The city afterwards; buildings keep their instance and their order.
        damage: (len(before.buildings),) uint8 `Damage` codes, 1 to 4.
        cause: (len(before.buildings),) uint8 `Cause` codes, NONE where nothing was damaged.
        intensity: (len(before.buildings),) float32, what the disaster measures at each building: depth of
            water [m], peak ground acceleration [g], share burnt around, gust speed [m/s], tephra load [kPa];
            0 without a disaster.
        flood_depth: Water depth above the ground [m], float32, 0 where dry (permanent water is dry here).
        flow_speed: Greatest speed of the water since the flood began [m/s], float32.
        burnt: uint8, 1 where fire passed over the ground.
        debris: uint8, 1 where debris lies: on the ground, in heaps, in loose pieces.
        passability: uint8 `Passability` codes, 0 under buildings.
        smoke: What still rises when the image after is taken; in no label.

    The fields lie on the cells of `before.ground`.
    """

    kind: DisasterKind
    before: City
    otherwise: City
    after: City
    damage: np.ndarray
    cause: np.ndarray
    intensity: np.ndarray
    flood_depth: Field
    flow_speed: Field
    burnt: Field
    debris: Field
    passability: Field
    smoke: tuple[Plume, ...] = ()


def untouched(city: City) -> Aftermath:
    """The aftermath of nothing: what each disaster starts from."""
    count, shape = len(city.buildings), city.ground.values.shape
    return Aftermath(
        kind="none",
        before=city,
        otherwise=city,
        after=city,
        damage=np.full(count, Damage.NO_DAMAGE, np.uint8),
        cause=np.full(count, Cause.NONE, np.uint8),
        intensity=np.zeros(count, np.float32),
        flood_depth=with_values(city.ground, np.zeros(shape, np.float32)),
        flow_speed=with_values(city.ground, np.zeros(shape, np.float32)),
        burnt=with_values(city.ground, np.zeros(shape, np.uint8)),
        debris=with_values(city.ground, np.zeros(shape, np.uint8)),
        passability=open_roads(city),
    )


def lying(city: City, debris: np.ndarray) -> np.ndarray:
    """(H, W) bool on the cells of `city.ground`: where `debris` (H, W), trees, a landslide or lava lie."""
    covered = (debris > 0) | trunks(city.trees, city.ground)
    return covered | np.isin(city.ground.values, (Ground.SLIDE, Ground.LAVA))


def standing_height(
    buildings: Sequence[Building], before: City, after: City, crest: np.ndarray | float = 0.0
) -> np.ndarray:
    """(N,) mean height of buildings above the ground of `after`, or above the water's crest if higher [m].

    Lava raises the ground above that of `before`. Of a flood the crest (N,) counts, as a depth [m], not the
    water that is still there: a level of damage does not change while the water falls.
    """
    height = np.array([mean_height(b) for b in buildings]).reshape(-1)
    middle = np.array([b.footprint.mean(axis=0) for b in buildings]).reshape(-1, 2)
    raised = after.terrain.sample(*middle.T) - before.terrain.sample(*middle.T)
    return (height - np.maximum(np.maximum(raised, crest), 0.0)).clip(0)

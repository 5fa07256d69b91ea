"""What a disaster leaves behind."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from simulator.city.model import City, Field

DisasterKind = Literal["none", "flood", "earthquake", "fire"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """A city before and after, and what a damage assessor would note.

    Attributes:
        kind: Which disaster.
        before: The city untouched.
        after: The same city afterwards; buildings keep their instance and their order.
        damage: (len(before.buildings),) uint8 `Damage` codes, 1 to 4.
        flood_depth: Water depth above the ground [m], float32, 0 where dry (permanent water is dry here).
        burnt: uint8, 1 where fire passed over the ground.
        passability: uint8 `Passability` codes, 0 under buildings.

    The fields lie on the cells of `before.ground`.
    """

    kind: DisasterKind
    before: City
    after: City
    damage: np.ndarray
    flood_depth: Field
    burnt: Field
    passability: Field

"""The label layers of a capture: what each pixel is, and what became of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rasters.classes import Change, Damage, LandCover, Passability
from simulator.city.model import Building, City
from simulator.disasters.aftermath import Aftermath
from simulator.engines.engine import Frame

RAISED = 0.5  # a surface that rose or fell by more has changed [m]
COVERING = (LandCover.BUILDING, LandCover.TREE, LandCover.VEHICLE, LandCover.WATER)
"""What hides the ground that it stands on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One footprint in the states of its city.

    Attributes:
        before: The city before, as the first flight saw it.
        after: The city after, as the second flight saw it.
        otherwise: The city after ordinary change alone, through the camera of the first flight.
        compared: The city after, through the camera of the first flight.
    """

    before: Frame
    after: Frame
    otherwise: Frame
    compared: Frame


def label_layers(aftermath: Aftermath, seen: Seen) -> dict[str, np.ndarray]:
    """Every label layer of a capture, (H, W)."""
    before, after = seen.before, seen.after
    damage = np.concatenate([[np.uint8(Damage.BACKGROUND)], aftermath.damage])[before.instance]
    east, north = after.position[0], after.position[1]
    depth = np.maximum(aftermath.flood_depth.sample(east, north), 0).astype(np.float32)
    hidden = np.isin(after.land_cover, (LandCover.BUILDING, LandCover.TREE))
    passability = np.where(hidden, Passability.NOT_ROAD, aftermath.passability.nearest(east, north))
    debris = (aftermath.debris.nearest(east, north) > 0) | (after.land_cover == LandCover.DEBRIS)
    return {
        "land_cover_pre": before.land_cover,
        "land_cover_post": after.land_cover,
        "building": before.instance,
        "damage": damage.astype(np.uint8),
        "height_pre": before.height,
        "height_post": after.height,
        "flood_depth": depth,
        "burnt": aftermath.burnt.nearest(east, north).astype(np.uint8),
        "debris": debris.astype(np.uint8),
        "passability": passability.astype(np.uint8),
        "change": change_layer(aftermath, seen, damage),
    }


def change_layer(aftermath: Aftermath, seen: Seen, damage: np.ndarray) -> np.ndarray:
    """`Change` codes, uint8 (H, W), in the geometry of the image before.

    The disaster changed what it damaged, flooded or burnt, and what would look otherwise without it;
    what differs between the image before and that state is ordinary.
    """
    x, y = seen.before.position[0], seen.before.position[1]
    struck = (damage > Damage.NO_DAMAGE) | (aftermath.burnt.nearest(x, y) > 0)
    struck |= aftermath.flood_depth.nearest(x, y) > 0
    struck |= _differs(seen.otherwise, seen.compared, aftermath.otherwise, aftermath.after)
    differs = _differs(seen.before, seen.otherwise, aftermath.before, aftermath.otherwise)
    change = np.where(struck, Change.DISASTER, np.where(differs, Change.ORDINARY, Change.NONE))
    return change.astype(np.uint8)


def _differs(one: Frame, other: Frame, city: City, later: City) -> np.ndarray:
    """(H, W) bool: class, height, ground or roof are not what they were; two frames of one camera."""
    if city is later:
        return np.zeros(one.land_cover.shape, bool)
    water = (one.land_cover == LandCover.WATER) & (other.land_cover == LandCover.WATER)
    raised = (np.abs(one.height - other.height) > RAISED) & ~water
    hidden = np.isin(one.land_cover, COVERING) | np.isin(other.land_cover, COVERING)
    x, y = one.position[0], one.position[1]
    repaved = ~hidden & (city.ground.nearest(x, y) != later.ground.nearest(x, y))
    altered = _altered(city.buildings, later.buildings)
    inside = one.instance < len(altered)
    return (
        (one.land_cover != other.land_cover) | raised | repaved | (altered[np.where(inside, one.instance, 0)])
    )


def _altered(buildings: Sequence[Building], later: Sequence[Building]) -> np.ndarray:
    """(highest instance + 1,) bool: the building looks otherwise later, or stands no more."""
    result = np.zeros(1 + max([b.instance for b in buildings], default=0), bool)
    now = {b.instance: _look(b) for b in later}
    for building in buildings:
        result[building.instance] = now.get(building.instance) != _look(building)
    return result


def _look(building: Building) -> tuple[object, ...]:
    return (
        building.roof,
        building.roof_material,
        building.roof_tint,
        building.soot,
        building.roof_loss,
        building.solar,
        building.tarpaulin,
        building.tephra,
    )

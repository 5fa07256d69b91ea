"""What an eruption leaves: walls in lava, fallen roofs, scorched rims, and ash over everything."""

import math
from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from rasters.classes import Damage
from simulator.city.model import ROADWAY, Boxes, Building, City, Field, Ground, Trees
from simulator.city.noise import smooth_noise
from simulator.city.placing import take
from simulator.disasters.cells import mean_height, ruin, with_values
from simulator.scene.materials import GROUND_MATERIALS, OBJECT_MATERIALS

THIN = 0.25
"""Lava no thicker than this [m] leaves what stands in it and the ground to be seen: an assumption."""
COVERING = 0.008  # thickness [m] that hides two thirds of the ground: an assumption
ROOF_COVERING = 0.012
SWEPT = 0.55  # share of that on roadways, which traffic and wind sweep: an assumption
HEAT = 14.0
"""Reach of a flow front's heat on crowns [m]: an assumption."""
ASH_GREY = np.array(GROUND_MATERIALS[Ground.TEPHRA].albedo)
LEAF = np.array(next(m.albedo for m in OBJECT_MATERIALS if m.name == "leaf"))


def erupted(
    building: Building, by_lava: int, by_tephra: int, depth: float, fall: float, draw: np.ndarray
) -> Building:
    """The building after the eruption.

    Args:
        building: Before.
        by_lava, by_tephra: `Damage` codes of what each did.
        depth: Mean thickness of the lava over the plan [m].
        fall: Thickness of the ash [m].
        draw: (2,) in [0, 1).
    """
    if fall > 5e-4:
        building = replace(building, tephra=max(building.tephra, float(1 - np.exp(-fall / ROOF_COVERING))))
    height = mean_height(building)
    if by_lava == Damage.DESTROYED:
        left = 0.25 * height * draw[0]
        if depth + left > building.eave or draw[1] < 0.3:
            return ruin(building, "rubble", 0.0)
        return ruin(building, "open", depth + left, soot=max(building.soot, 0.4 + 0.3 * draw[1]))
    if by_tephra == Damage.DESTROYED:
        return ruin(building, "rubble", (0.18 + 0.14 * draw[0]) * height)
    if by_tephra == Damage.MAJOR:
        return ruin(building, "open", (0.8 + 0.2 * draw[0]) * building.eave)
    if by_lava == Damage.MAJOR:
        loss = max(building.roof_loss, 0.2 + 0.3 * draw[1])
        return replace(building, soot=max(building.soot, 0.3 + 0.3 * draw[0]), roof_loss=loss)
    if by_lava == Damage.MINOR:
        building = replace(building, soot=max(building.soot, 0.08 + 0.12 * draw[0]))
    if by_tephra == Damage.MINOR:
        building = replace(building, roof_loss=max(building.roof_loss, 0.03 + 0.1 * draw[1]))
    return building


def covered_ground(
    city: City, flooded: np.ndarray, scorched: np.ndarray, thickness: np.ndarray, rng: np.random.Generator
) -> Field:
    """The ground with ash in patches, scorched rims and lava.

    Args:
        city: Before.
        flooded, scorched: (H, W) bool, under lava and burnt by its heat.
        thickness: (H, W) of the ash [m].
        rng: Patches.
    """
    codes = city.ground.values.copy()
    paved = np.isin(codes, ROADWAY)
    burns = ~paved & np.isin(
        codes,
        (Ground.GRASS, Ground.LAWN, Ground.MEADOW, Ground.CROP, Ground.FOREST_FLOOR, Ground.DRY_GRASS,
         Ground.STUBBLE, Ground.SPORT),
    )  # fmt: skip
    codes[scorched & burns] = Ground.CHAR
    share = (1 - np.exp(-thickness / COVERING)) * np.where(paved, SWEPT, 1.0)
    patches = 0.8 * smooth_noise(codes.shape, city.ground.cell, 7.0, rng, octaves=3)
    patches += 0.6 * rng.standard_normal(codes.shape, dtype=np.float32)
    codes[(ndtr(patches) < share) & (codes != Ground.POOL)] = Ground.TEPHRA
    codes[flooded] = Ground.LAVA
    return with_values(city.ground, codes)


def dammed(water: Field, terrain: Field, lava: np.ndarray) -> Field:
    """Open water without what lava (H, W) [m], on its cells, has filled."""
    filled = (lava > 0) & (np.asarray(terrain.values) + lava > np.nan_to_num(water.values, nan=-np.inf))
    return with_values(water, np.where(filled, np.float32(np.nan), water.values))


def ashen_trees(trees: Trees, deep: Field, away: Field, fall: float, rng: np.random.Generator) -> Trees:
    """Trees outside the lava: burnt near it, grey with ash.

    Args:
        trees: Before.
        deep: Thickness of the lava [m].
        away: Distance to it [m].
        fall: Thickness of the ash [m].
        rng: How far each is burnt.
    """
    luck = rng.random(len(trees.height))
    near = np.clip(1.4 - away.nearest(*trees.xy.T) / HEAT + 0.4 * (luck - 0.5), 0, 1)
    grey = 0.55 * (1 - math.exp(-fall / 0.03))
    tint = (1 - grey) * trees.tint + grey * ASH_GREY / LEAF
    changed = replace(
        trees,
        burnt=np.maximum(trees.burnt, near),
        tint=tint,
        foliage=trees.foliage * (1 - 0.5 * grey),
    )
    return take(changed, deep.nearest(*trees.xy.T) <= THIN)


def outside(boxes: Boxes, deep: Field) -> Boxes:
    """What stands outside the lava, of which `deep` is the thickness [m]."""
    return take(boxes, deep.nearest(*boxes.centre[:, :2].T) <= THIN)


def dusted(boxes: Boxes, fall: float) -> Boxes:
    """Under a film of ash; `fall` is its thickness on the ground [m]."""
    grey = 0.6 * (1 - math.exp(-fall / 0.01))
    return replace(boxes, colour=(1 - grey) * boxes.colour + grey * ASH_GREY)

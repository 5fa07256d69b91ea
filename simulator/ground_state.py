"""Wet and dusty surfaces: how a scene's materials look after rain and in a dusty time, flight by flight."""

from dataclasses import dataclass, replace

import numpy as np

from simulator.city.model import Ground, Season
from simulator.engines.carla.weather import wetness
from simulator.scene.materials import GROUND_MATERIALS
from simulator.scene.model import Material, Scene

RETURNED = 0.47
"""Share of diffuse light inside a water film that its upper side throws back: 1 - (1 - r) / n^2 with n = 1.33
and r = 0.066, what the film reflects of diffuse light from above (Lekner and Dorf 1988)."""
ENTERING = 0.98
"""Share of the light that enters the film; Fresnel's at normal incidence for n = 1.33."""
TINTED = 0.25  # reflectance of what has its colour in a tint, boards and felt; an assumption
MIRROR = 0.02
"""Specular share of a closed water film; the rest of `ENTERING`."""

DUST = (0.320, 0.270, 0.205, 0.39)
"""Reflectance of settled dust in R, G, B and near infrared: fine dry soil, within the ranges of
`simulator.scene.materials`. What a collapse raises is greyer: crushed mortar and brick."""
RUBBLE_DUST = (0.310, 0.280, 0.240, 0.34)

RAINY = 0.1  # chance that it rained shortly before an ordinary flight: an assumption
WETTED = (0.3, 1.0)  # share of the surface that is then still wet: an assumption
DUSTY = {"dry": (0.0, 0.3), "leafy": (0.0, 0.06), "autumn": (0.0, 0.04), "bare": (0.0, 0.04)}
"""Share of a surface that dust hides, by season; assumptions."""
COLLAPSE = (0.1, 0.3)  # that hides more, just after an earthquake; an assumption
SETTLED = 10.0  # days after which wind and traffic have taken it to 1/e; an assumption
HELD = 0.5  # share of a dust cover that leaves and slopes of grass keep

_G = Ground
POROUS = frozenset(
    GROUND_MATERIALS[g].name
    for g in (
        _G.SOIL, _G.GRAVEL, _G.ASPHALT, _G.TARMAC, _G.MARKING, _G.CONCRETE, _G.PAVING, _G.FOREST_FLOOR,
        _G.RIVERBED, _G.CHAR, _G.ASH, _G.RUBBLE, _G.TILLED, _G.STUBBLE, _G.SAND, _G.BALLAST, _G.CLAY,
        _G.COBBLE, _G.DIRT_ROAD, _G.SILT, _G.SLIDE, _G.LAVA, _G.TEPHRA,
    )
) | {
    "roof_tile", "roof_shingle", "roof_slate", "roof_thatch", "roof_asbestos", "roof_concrete", "roof_gravel",
    "roof_membrane", "wall_plaster", "wall_brick", "wall_concrete", "wall_timber", "bark", "debris",
    "debris_piece", "deck", "fence",
}  # fmt: skip
"""What soaks water or holds a film. Leaves, metal and glass shed it; mud and water are wet anyway."""
FILMED = frozenset(GROUND_MATERIALS[g].name for g in (_G.ASPHALT, _G.TARMAC, _G.MARKING, _G.CONCRETE,
    _G.PAVING, _G.COBBLE, _G.CLAY)) | {"roof_membrane", "roof_concrete", "deck"}  # fmt: skip
"""Level and dense: water stands on them and mirrors; it sinks into the others."""
VEGETATED = frozenset(GROUND_MATERIALS[g].name for g in (_G.GRASS, _G.MEADOW, _G.CROP, _G.SPORT, _G.LAWN,
    _G.DRY_GRASS)) | {"roof_green", "leaf", "conifer", "palm_leaf", "hedge"}  # fmt: skip
SETTLING = (POROUS | VEGETATED | {"roof_metal", "roof_corrugated", "solar", "tank", "fixture"}) - {
    name for name in POROUS if name.startswith("wall_")
} - {"debris_piece", "bark"}  # fmt: skip
"""What dust lies on: not upright, and coloured by its material rather than by a tint alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroundState:
    """What lies on a city's surfaces when it is flown over.

    Attributes:
        wet: Share of the porous surfaces that a water film covers, in [0, 1].
        dust: Share of the surfaces that dust hides, in [0, 1].
        dust_albedo: (4,) reflectance of the dust in R, G, B and near infrared.
    """

    wet: float = 0.0
    dust: float = 0.0
    dust_albedo: tuple[float, float, float, float] = DUST


BARE = GroundState()
"""Dry and clean."""


def sample_ground_states(
    disaster: str,
    days: float,
    seasons: tuple[Season, Season],
    rng: np.random.Generator,
    *,
    ordinary: bool = True,
) -> tuple[GroundState, GroundState]:
    """Of the flights before and after; `days` from the disaster to the second [d].

    Rain washes dust away. A flood or a storm leaves the second flight as wet as CARLA's weather has it.
    Without `ordinary` there is but what the disaster brings.
    """
    drawn = [_ordinary(season, stream) for season, stream in zip(seasons, rng.spawn(2), strict=True)]
    first, second = drawn if ordinary else (BARE, BARE)
    fallen = float(rng.uniform(*COLLAPSE)) * float(np.exp(-days / SETTLED))
    wet = max(second.wet, wetness(disaster, days))
    dust = second.dust
    if disaster == "earthquake" and not wet:
        dust, dust_albedo = dust + (1 - dust) * fallen, RUBBLE_DUST
        return first, GroundState(wet=wet, dust=dust, dust_albedo=dust_albedo)
    return first, GroundState(wet=wet, dust=dust * (1 - wet))


def _ordinary(season: Season, rng: np.random.Generator) -> GroundState:
    """A flight's by its season alone; every flight takes the same draws whatever becomes of it."""
    rained = rng.random() < RAINY
    wet, dust = float(rng.uniform(*WETTED)), float(rng.uniform(*DUSTY[season]))
    return GroundState(wet=wet) if rained else GroundState(dust=dust)


def wet_albedo(albedo: np.ndarray) -> np.ndarray:
    """Reflectance under a closed water film of a surface that reflects `albedo` in [0, 1] when dry.

    Light is caught between surface and film: a (1 - r)(1 - p) / (1 - p a), about halved for dark surfaces
    (Ångström 1925, with p after Lekner and Dorf 1988, doi:10.1364/AO.27.001278). That the wetted surface
    itself absorbs more (Lekner and Dorf too) and that its grains scatter forward (Twomey et al. 1986,
    doi:10.1364/AO.25.000431) is left out, so wet surfaces come out somewhat too bright. A material of
    albedo 1 has its colour in its tints and is darkened as one of `TINTED` is.
    """
    a = np.where(albedo < 1, albedo, TINTED)
    return albedo * ENTERING * (1 - RETURNED) / (1 - RETURNED * a)


def in_state(scene: Scene, state: GroundState) -> Scene:
    """The scene with the reflectances of its materials as they then look; its geometry and classes are the
    same."""
    if state.wet == state.dust == 0:
        return scene
    return replace(scene, materials=tuple(_covered(m, state) for m in scene.materials))


def _covered(material: Material, state: GroundState) -> Material:
    name, dust, wet = material.name, state.dust, state.wet
    albedo = np.array([*material.albedo, material.nir])
    if name in SETTLING:
        cover = dust * (HELD if name in VEGETATED else 1.0)
        albedo = albedo + cover * (np.array(state.dust_albedo) - albedo)
    specular = material.specular
    if name in POROUS:
        albedo = albedo + wet * (wet_albedo(albedo) - albedo)
        specular = max(specular, MIRROR * wet) if name in FILMED else specular
    red, green, blue, nir = (float(v) for v in albedo)
    return replace(material, albedo=(red, green, blue), nir=nir, specular=specular)

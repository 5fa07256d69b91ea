"""The table of materials: what every named surface reflects.

Albedos are broad-band R, G, B and near-infrared (0.76 to 0.90 um) reflectances chosen within the ranges of
the ECOSTRESS spectral library (Meerdink et al. 2019, doi:10.1016/j.rse.2019.05.015; before it ASTER,
Baldridge et al. 2009) and of USGS splib07 (Kokaly et al. 2017, doi:10.3133/ds1035): asphalt 0.05-0.17, in
the infrared 0.08-0.2; concrete 0.2-0.4, 0.25-0.4; fired clay 0.2-0.35 in the red, 0.05-0.1 in the blue,
0.3-0.45; asphalt shingles 0.05 if black, 0.08-0.19 dark, 0.2-0.25 light (as Oak Ridge, Lawrence Berkeley
and the Florida Solar Energy Center list them); soils 0.1-0.35 rising to the red and on to 0.2-0.45; green
grass 0.03-0.12 with its peak in the green, 0.3-0.5; dry grass 0.3-0.4; galvanised steel 0.3-0.45
throughout; aged asphalt and concrete rise by a quarter from blue to red (Herold et al. 2004, Remote
Sensing of Environment 91); clear water below 0.02. Tree canopies are about half as bright as leaves:
0.25-0.4 of broadleaf trees and 0.15-0.3 of conifers in the infrared. Engines draw R, G, B; the fourth
value is for sensors that see it. Markings are painted on cells of half a metre, of which 0.18 m are paint of
0.40 (lines are 0.10 to 0.15 m wide, wide ones twice that, MUTCD 3A.06) and the rest is asphalt.
Variation, grain, patterns and openings are assumptions, set by eye against imagery of 0.1 to 1 m.
"""

import numpy as np

from rasters.errors import InputError
from simulator.city.model import Ground
from simulator.scene.model import Material, Pattern

Look = tuple[Pattern, float, float]
"""A pattern, its spacing [m] and its depth."""
PLAIN: Look = (Pattern.NONE, 1.0, 1.0)
GRASS_LOOK: Look = (Pattern.WORN, 12.0, 0.6)
ROAD: Look = (Pattern.PAVEMENT, 1.0, 0.6)
FLAT: Look = (Pattern.MEMBRANE, 2.0, 1.0)
FOLIAGE: Look = (Pattern.LEAVES, 1.0, 1.0)


def _m(
    name: str,
    albedo: tuple[float, float, float, float],
    uneven: tuple[float, float, float],
    look: Look = PLAIN,
    *,
    specular: float = 0.0,
    openings: float = 0.0,
    soft: float = 0.0,
) -> Material:
    """A material from red, green, blue, near infrared; variation, its scale, grain; and a pattern."""
    variation, scale, grain = uneven
    pattern, spacing, depth = look
    return Material(
        name=name, albedo=albedo[:3], nir=albedo[3], variation=variation, variation_scale=scale, grain=grain,
        pattern=pattern, rows=spacing, depth=depth, specular=specular, openings=openings, soft=soft,
    )  # fmt: skip


GROUND_MATERIALS: dict[Ground, Material] = {
    Ground.GRASS: _m("grass", (0.096, 0.114, 0.057, 0.39), (0.09, 12, 0.06), GRASS_LOOK, soft=1),
    Ground.MEADOW: _m(
        "meadow", (0.118, 0.118, 0.066, 0.32), (0.10, 16, 0.07), (Pattern.WORN, 17, 0.8), soft=1
    ),
    Ground.SOIL: _m(
        "soil", (0.235, 0.191, 0.140, 0.31), (0.16, 11, 0.09), (Pattern.RIPPLES, 1.4, 0.9), soft=1
    ),
    Ground.GRAVEL: _m(
        "gravel", (0.275, 0.255, 0.220, 0.31), (0.12, 6, 0.10), (Pattern.RIPPLES, 0.9, 0.7), soft=1
    ),
    Ground.ASPHALT: _m("asphalt", (0.128, 0.119, 0.104, 0.15), (0.08, 12, 0.05), ROAD),
    Ground.TARMAC: _m("tarmac", (0.117, 0.109, 0.097, 0.14), (0.10, 9, 0.05), ROAD),
    Ground.MARKING: _m("marking", (0.225, 0.220, 0.200, 0.25), (0.20, 3, 0.08)),
    Ground.CONCRETE: _m("concrete", (0.295, 0.273, 0.235, 0.33), (0.09, 8, 0.05), (Pattern.SLABS, 4.5, 0.7)),
    Ground.PAVING: _m("paving", (0.230, 0.208, 0.175, 0.27), (0.10, 5, 0.05), (Pattern.SLABS, 0.6, 0.6)),
    Ground.CROP: _m(
        "crop", (0.085, 0.112, 0.048, 0.42), (0.12, 30, 0.09), (Pattern.FURROWS, 1.6, 1.0), soft=0.6
    ),
    Ground.FOREST_FLOOR: _m(
        "forest_floor", (0.078, 0.072, 0.043, 0.22), (0.15, 6, 0.10), (Pattern.WORN, 6, 0.5), soft=1
    ),
    Ground.RIVERBED: _m("riverbed", (0.190, 0.170, 0.135, 0.24), (0.18, 6, 0.12), soft=1),
    Ground.SPORT: _m("sport", (0.088, 0.125, 0.058, 0.42), (0.06, 12, 0.03), (Pattern.MOWN, 5.0, 1.3)),
    Ground.POOL: _m("pool", (0.110, 0.330, 0.400, 0.03), (0.06, 2, 0.02), specular=0.02),
    Ground.MUD: _m("mud", (0.165, 0.132, 0.095, 0.20), (0.20, 7, 0.09), specular=0.015, soft=1),
    Ground.CHAR: _m("char", (0.042, 0.038, 0.034, 0.06), (0.30, 5, 0.20), soft=1),
    Ground.ASH: _m("ash", (0.190, 0.185, 0.178, 0.20), (0.28, 4, 0.16), soft=1),
    Ground.RUBBLE: _m("rubble", (0.235, 0.198, 0.166, 0.28), (0.28, 2.5, 0.28), soft=1),
    Ground.LAWN: _m(
        "lawn", (0.084, 0.119, 0.053, 0.42), (0.09, 12, 0.05), (Pattern.MOWN, 1.8, 1.0), soft=0.6
    ),
    Ground.TILLED: _m(
        "tilled", (0.170, 0.130, 0.090, 0.23), (0.14, 40, 0.09), (Pattern.FURROWS, 1.2, 0.8), soft=0.6
    ),
    Ground.STUBBLE: _m(
        "stubble", (0.260, 0.220, 0.140, 0.34), (0.12, 40, 0.10), (Pattern.FURROWS, 2.0, 0.9), soft=0.6
    ),
    Ground.SAND: _m(
        "sand", (0.360, 0.310, 0.230, 0.45), (0.08, 15, 0.04), (Pattern.RIPPLES, 2.2, 1.0), soft=1
    ),
    Ground.BALLAST: _m("ballast", (0.180, 0.165, 0.150, 0.20), (0.10, 6, 0.14), soft=0.6),
    Ground.CLAY: _m("clay", (0.260, 0.120, 0.075, 0.33), (0.08, 8, 0.03)),
    Ground.COBBLE: _m("cobble", (0.190, 0.178, 0.162, 0.22), (0.12, 5, 0.08), (Pattern.SLABS, 0.25, 1.0)),
    Ground.DIRT_ROAD: _m(
        "dirt_road", (0.268, 0.219, 0.165, 0.34), (0.14, 9, 0.08), (Pattern.PAVEMENT, 1, 0.5), soft=1
    ),
    Ground.DRY_GRASS: _m("dry_grass", (0.190, 0.165, 0.095, 0.33), (0.16, 14, 0.12), GRASS_LOOK, soft=1),
    Ground.SILT: _m("silt", (0.265, 0.220, 0.165, 0.33), (0.14, 9, 0.06), soft=1),
    Ground.SLIDE: _m("slide", (0.245, 0.185, 0.125, 0.32), (0.24, 5, 0.16), soft=1),
    Ground.LAVA: _m("lava", (0.048, 0.045, 0.043, 0.06), (0.22, 6, 0.20), soft=1),
    Ground.TEPHRA: _m("tephra", (0.135, 0.132, 0.128, 0.15), (0.12, 12, 0.06), soft=1),
}
"""One for each ground code."""

OBJECT_MATERIALS: tuple[Material, ...] = (
    _m("roof_tile", (0.255, 0.145, 0.098, 0.36), (0.07, 5, 0.04), (Pattern.COURSES, 0.34, 1.0)),
    _m("roof_shingle", (0.138, 0.127, 0.114, 0.16), (0.14, 4, 0.08), (Pattern.COURSES, 0.28, 0.7)),
    _m("roof_slate", (0.098, 0.102, 0.112, 0.13), (0.10, 4, 0.05), (Pattern.COURSES, 0.25, 0.8)),
    _m("roof_thatch", (0.190, 0.150, 0.100, 0.28), (0.18, 3, 0.12), (Pattern.COURSES, 0.9, 0.35)),
    _m(
        "roof_metal",
        (0.378, 0.380, 0.374, 0.38),
        (0.08, 6, 0.03),
        (Pattern.SHEETS, 0.80, 0.45),
        specular=0.06,
    ),
    _m(
        "roof_corrugated",
        (0.300, 0.305, 0.310, 0.32),
        (0.08, 6, 0.03),
        (Pattern.SHEETS, 0.25, 0.8),
        specular=0.04,
    ),
    _m("roof_asbestos", (0.270, 0.262, 0.245, 0.29), (0.08, 6, 0.03), (Pattern.SHEETS, 0.18, 0.3)),
    _m("roof_concrete", (0.285, 0.270, 0.245, 0.32), (0.07, 8, 0.03), (Pattern.MEMBRANE, 4.0, 0.7)),
    _m("roof_membrane", (0.430, 0.425, 0.410, 0.45), (0.09, 7, 0.03), FLAT),
    _m("roof_gravel", (0.230, 0.220, 0.200, 0.26), (0.12, 5, 0.08), (Pattern.MEMBRANE, 3.0, 0.6)),
    _m("roof_green", (0.120, 0.135, 0.065, 0.34), (0.22, 3, 0.12), (Pattern.WORN, 5, 1.0)),
    _m("solar", (0.022, 0.027, 0.045, 0.05), (0.04, 6, 0.01), (Pattern.PANELS, 1.0, 1.0), specular=0.05),
    _m("tank", (0.300, 0.300, 0.295, 0.32), (0.08, 2, 0.03)),
    _m("wall_plaster", (0.430, 0.390, 0.325, 0.48), (0.10, 4, 0.04), openings=0.22),
    _m("wall_brick", (0.235, 0.130, 0.092, 0.33), (0.10, 3, 0.08), openings=0.20),
    _m("wall_concrete", (0.300, 0.285, 0.260, 0.33), (0.12, 5, 0.04), openings=0.30),
    _m("wall_timber", (0.360, 0.330, 0.285, 0.45), (0.08, 4, 0.05), openings=0.18),
    _m("wall_metal", (0.380, 0.385, 0.390, 0.39), (0.07, 6, 0.03), openings=0.05),
    _m("wall_glass", (0.060, 0.070, 0.080, 0.08), (0.10, 4, 0.02), specular=0.08, openings=0.60),
    _m("fixture", (0.330, 0.325, 0.315, 0.34), (0.10, 1.5, 0.05)),
    _m("leaf", (0.076, 0.104, 0.046, 0.34), (0.10, 2.2, 0.06), (Pattern.LEAVES, 1.0, 0.7)),
    _m("conifer", (0.054, 0.075, 0.043, 0.24), (0.12, 2, 0.10), (Pattern.LEAVES, 1.0, 0.8)),
    _m("palm_leaf", (0.075, 0.090, 0.040, 0.33), (0.12, 1.5, 0.18)),
    _m("hedge", (0.058, 0.082, 0.035, 0.34), (0.10, 2, 0.10), FOLIAGE),
    _m("twig", (0.135, 0.118, 0.100, 0.22), (0.16, 2, 0.15)),
    _m("bark", (0.050, 0.045, 0.040, 0.12), (0.20, 1, 0.15)),
    _m("paint", (1.0, 1.0, 1.0, 1.0), (0.02, 2, 0.01), specular=0.04),
    _m("glass", (0.030, 0.035, 0.040, 0.04), (0.05, 2, 0.01), specular=0.05),
    _m("debris", (0.225, 0.203, 0.175, 0.27), (0.24, 1.3, 0.22)),
    _m("debris_piece", (1.0, 1.0, 1.0, 1.0), (0.18, 1, 0.12)),
    _m("water", (1.0, 1.0, 1.0, 0.2), (0.05, 25, 0.01), specular=0.02),
    _m("deck", (0.165, 0.160, 0.152, 0.19), (0.12, 6, 0.04), ROAD),
    _m("fence", (0.180, 0.155, 0.125, 0.30), (0.14, 2, 0.08)),
    _m("rail", (0.150, 0.115, 0.095, 0.22), (0.10, 3, 0.03), specular=0.03),
    _m("greenhouse", (0.330, 0.350, 0.345, 0.38), (0.06, 4, 0.02), (Pattern.PANELS, 1.2, 0.8), specular=0.05),
    _m("tarpaulin", (1.0, 1.0, 1.0, 1.0), (0.14, 1.2, 0.04)),
    _m("gravestone", (1.0, 1.0, 1.0, 1.0), (0.16, 0.8, 0.08)),
)
"""Of everything that stands on the ground; `paint`, `debris_piece`, `water`, `tarpaulin` and `gravestone` get
their colour as tint."""

MATERIALS: tuple[Material, ...] = (*GROUND_MATERIALS.values(), *OBJECT_MATERIALS)
_INDEX = {material.name: index for index, material in enumerate(MATERIALS)}

CLEAR_WATER = np.array([0.022, 0.040, 0.036])
"""Reflectance of deep clear fresh water, without the sky's reflection; and of a silt-laden flood below
(Doxaran et al. 2002, doi:10.1016/S0034-4257(01)00341-8: rising to about 0.1-0.2 in the red)."""
MUDDY_WATER = np.array([0.205, 0.158, 0.098])


def ground_materials() -> np.ndarray:
    """(31,) uint16 index into `MATERIALS` of each `Ground` code."""
    return np.array([material_index(GROUND_MATERIALS[code].name) for code in Ground], np.uint16)


def material_index(name: str) -> int:
    """Index into `MATERIALS`.

    Raises:
        InputError: No material has this name.
    """
    try:
        return _INDEX[name]
    except KeyError:
        raise InputError(f"unknown material {name!r}: use one of {', '.join(sorted(_INDEX))}") from None


def water_tint(turbidity: float) -> np.ndarray:
    """(3,) reflectance of a deep water body of `turbidity` in [0, 1]."""
    return CLEAR_WATER + turbidity * (MUDDY_WATER - CLEAR_WATER)

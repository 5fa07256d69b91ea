"""The table of materials: what every named surface reflects.

Albedos are broad-band R, G, B reflectances chosen within the ranges of the ECOSTRESS spectral library
(Meerdink et al. 2019, doi:10.1016/j.rse.2019.05.015; before it ASTER, Baldridge et al. 2009): asphalt
0.05-0.17, concrete 0.2-0.4, fired clay 0.2-0.35 in the red and 0.05-0.1 in the blue, soils 0.1-0.35 rising
to the red, green grass 0.03-0.12 with its peak in the green; tree canopies are about half as bright.
Variation, grain, rows and openings are assumptions, set by eye against imagery of 0.1 to 1 m.
"""

import numpy as np

from rasters.errors import InputError
from simulator.city.model import Ground
from simulator.scene.model import Material


def _m(
    name: str, albedo: tuple[float, float, float], variation: float, scale: float, grain: float, **more: float
) -> Material:
    return Material(name=name, albedo=albedo, variation=variation, variation_scale=scale, grain=grain, **more)


GROUND_MATERIALS: dict[Ground, Material] = {
    Ground.GRASS: _m("grass", (0.082, 0.097, 0.050), 0.15, 10.0, 0.13),
    Ground.MEADOW: _m("meadow", (0.115, 0.115, 0.064), 0.18, 16.0, 0.16),
    Ground.SOIL: _m("soil", (0.235, 0.180, 0.125), 0.16, 11.0, 0.09),
    Ground.GRAVEL: _m("gravel", (0.275, 0.255, 0.220), 0.12, 6.0, 0.10),
    Ground.ASPHALT: _m("asphalt", (0.118, 0.116, 0.112), 0.10, 12.0, 0.06),
    Ground.TARMAC: _m("tarmac", (0.110, 0.109, 0.106), 0.14, 9.0, 0.06),
    Ground.MARKING: _m("marking", (0.400, 0.400, 0.370), 0.20, 3.0, 0.08),
    Ground.CONCRETE: _m("concrete", (0.300, 0.288, 0.262), 0.10, 8.0, 0.05),
    Ground.PAVING: _m("paving", (0.225, 0.210, 0.190), 0.12, 5.0, 0.07),
    Ground.CROP: _m("crop", (0.085, 0.108, 0.048), 0.16, 30.0, 0.10, rows=1.6),
    Ground.FOREST_FLOOR: _m("forest_floor", (0.075, 0.070, 0.042), 0.25, 5.0, 0.18),
    Ground.RIVERBED: _m("riverbed", (0.190, 0.170, 0.135), 0.18, 6.0, 0.12),
    Ground.SPORT: _m("sport", (0.090, 0.125, 0.060), 0.08, 12.0, 0.04),
    Ground.POOL: _m("pool", (0.110, 0.330, 0.400), 0.06, 2.0, 0.02, specular=0.02),
    Ground.MUD: _m("mud", (0.165, 0.128, 0.088), 0.20, 7.0, 0.09, specular=0.015),
    Ground.CHAR: _m("char", (0.042, 0.038, 0.034), 0.30, 5.0, 0.20),
    Ground.ASH: _m("ash", (0.190, 0.185, 0.178), 0.28, 4.0, 0.16),
    Ground.RUBBLE: _m("rubble", (0.255, 0.228, 0.195), 0.28, 2.5, 0.28),
    Ground.LAWN: _m("lawn", (0.075, 0.105, 0.048), 0.10, 12.0, 0.06, rows=4.0),
    Ground.TILLED: _m("tilled", (0.170, 0.130, 0.090), 0.14, 40.0, 0.10, rows=1.2),
    Ground.STUBBLE: _m("stubble", (0.260, 0.220, 0.140), 0.12, 40.0, 0.12, rows=2.0),
    Ground.SAND: _m("sand", (0.360, 0.310, 0.230), 0.08, 15.0, 0.04),
    Ground.BALLAST: _m("ballast", (0.180, 0.165, 0.150), 0.10, 6.0, 0.14),
    Ground.CLAY: _m("clay", (0.260, 0.120, 0.075), 0.08, 8.0, 0.03),
    Ground.COBBLE: _m("cobble", (0.190, 0.178, 0.162), 0.12, 5.0, 0.12),
    Ground.DIRT_ROAD: _m("dirt_road", (0.270, 0.195, 0.130), 0.14, 9.0, 0.08),
    Ground.DRY_GRASS: _m("dry_grass", (0.190, 0.165, 0.095), 0.16, 14.0, 0.13),
}
"""One for each ground code."""

OBJECT_MATERIALS: tuple[Material, ...] = (
    _m("roof_tile", (0.225, 0.118, 0.082), 0.13, 3.0, 0.10, rows=0.34),
    _m("roof_shingle", (0.125, 0.116, 0.108), 0.12, 4.0, 0.09, rows=0.28),
    _m("roof_metal", (0.370, 0.380, 0.385), 0.09, 6.0, 0.03, specular=0.06, rows=0.80),
    _m("roof_concrete", (0.285, 0.270, 0.245), 0.17, 4.5, 0.07),
    _m("roof_membrane", (0.430, 0.425, 0.410), 0.11, 7.0, 0.04),
    _m("roof_gravel", (0.230, 0.220, 0.200), 0.12, 5.0, 0.08),
    _m("wall_plaster", (0.430, 0.390, 0.325), 0.10, 4.0, 0.04, openings=0.22),
    _m("wall_brick", (0.235, 0.130, 0.092), 0.10, 3.0, 0.08, openings=0.20),
    _m("wall_concrete", (0.300, 0.285, 0.260), 0.12, 5.0, 0.04, openings=0.30),
    _m("wall_timber", (0.360, 0.330, 0.285), 0.08, 4.0, 0.05, openings=0.18, rows=0.20),
    _m("wall_metal", (0.380, 0.385, 0.390), 0.07, 6.0, 0.03, openings=0.05, rows=0.40),
    _m("wall_glass", (0.060, 0.070, 0.080), 0.10, 4.0, 0.02, specular=0.08, openings=0.60),
    _m("fixture", (0.330, 0.325, 0.315), 0.10, 1.5, 0.05),
    _m("leaf", (0.058, 0.082, 0.036), 0.14, 2.2, 0.22),
    _m("conifer", (0.036, 0.055, 0.030), 0.14, 2.0, 0.22),
    _m("bark", (0.050, 0.045, 0.040), 0.20, 1.0, 0.15),
    _m("paint", (1.0, 1.0, 1.0), 0.02, 2.0, 0.01, specular=0.04),
    _m("glass", (0.030, 0.035, 0.040), 0.05, 2.0, 0.01, specular=0.05),
    _m("debris", (0.225, 0.203, 0.175), 0.24, 1.3, 0.22),
    _m("debris_piece", (1.0, 1.0, 1.0), 0.18, 1.0, 0.12),
    _m("water", (1.0, 1.0, 1.0), 0.05, 25.0, 0.01, specular=0.02),
    _m("deck", (0.165, 0.160, 0.152), 0.12, 6.0, 0.04),
)
"""Of everything that stands on the ground; `paint`, `debris_piece` and `water` get their colour as tint."""

MATERIALS: tuple[Material, ...] = (*GROUND_MATERIALS.values(), *OBJECT_MATERIALS)
_INDEX = {material.name: index for index, material in enumerate(MATERIALS)}

CLEAR_WATER = np.array([0.022, 0.040, 0.036])
"""Reflectance of deep clear fresh water, without the sky's reflection; and of a silt-laden flood below
(Doxaran et al. 2002, doi:10.1016/S0034-4257(01)00341-8: rising to about 0.1-0.2 in the red)."""
MUDDY_WATER = np.array([0.205, 0.158, 0.098])


def ground_materials() -> np.ndarray:
    """(27,) uint16 index into `MATERIALS` of each `Ground` code."""
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

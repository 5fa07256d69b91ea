"""Rate of spread of a surface fire (Rothermel 1972, USDA INT-115) in standard fuel models.

Equations and their numbers are those of the paper with Albini's corrections (1976, USDA INT-30): net loads
w0 (1 - ST), live fuel's damping, and reaction intensity summed over dead and live fuel. The formulas are in
feet, pounds, minutes and Btu, as published; the functions take and give SI units.
"""

from dataclasses import dataclass

import numpy as np

FOOT, MINUTE = 0.3048, 60.0  # [m], [s]
TON_PER_ACRE = 2000 / 43560  # [lb/ft2]
BTU_FT2 = 11.3565  # [kJ/m2]
HEAT = 8000.0  # low heat content [Btu/lb]
PARTICLE_DENSITY = 32.0  # [lb/ft3]
MINERALS, SILICA_FREE = 0.0555, 0.010  # total and effective mineral content
SAV_10H, SAV_100H = 109.0, 30.0  # surface to volume of coarse dead fuel [1/ft]
COARSER = (
    0.0,
    0.01,
    0.02,
)  # moisture of 1 h, 10 h and 100 h fuel above that of 1 h (Scott & Burgan 2005, D1-D4)
SIZE_CLASSES = (1200.0, 192.0, 96.0, 48.0, 16.0)  # surface to volume between them [1/ft] (Rothermel 1972)


@dataclass(frozen=True, slots=True, kw_only=True)
class FuelModel:
    """A stylised fuel bed, in the published units.

    Attributes:
        dead: Oven-dry loads of 1 h, 10 h and 100 h dead fuel [ton/acre].
        herb, woody: Of live herbs and of live wood [ton/acre].
        sav, sav_herb, sav_woody: Surface to volume of 1 h fuel, herbs and live wood [1/ft].
        depth: Of the bed [ft].
        extinction: Moisture of dead fuel at which it no longer burns, a fraction.
        cures: Whether dry herbs count as dead fuel (Scott & Burgan's dynamic models).
    """

    dead: tuple[float, float, float]
    sav: float
    depth: float
    extinction: float
    herb: float = 0.0
    woody: float = 0.0
    sav_herb: float = 1500.0
    sav_woody: float = 1500.0
    cures: bool = False


# Anderson 1982, USDA INT-122, table 1 (his "live" load is wood); GR models:
# Scott & Burgan 2005, USDA RMRS-GTR-153, table 7.
SHORT_GRASS = FuelModel(dead=(0.74, 0, 0), sav=3500, depth=1.0, extinction=0.12)  # 1
BRUSH = FuelModel(dead=(1.0, 0.5, 0.0), woody=2.0, sav=2000, depth=2.0, extinction=0.20)  # 5
LEAF_LITTER = FuelModel(dead=(2.92, 0.41, 0.15), sav=2500, depth=0.2, extinction=0.25)  # 9
TIMBER = FuelModel(dead=(3.01, 2.0, 5.01), woody=2.0, sav=2000, depth=1.0, extinction=0.25)  # 10
GR1 = FuelModel(dead=(0.10, 0, 0), herb=0.30, sav=2200, sav_herb=2000, depth=0.4, extinction=0.15, cures=True)
GR2 = FuelModel(dead=(0.10, 0, 0), herb=1.00, sav=2000, sav_herb=1800, depth=1.0, extinction=0.15, cures=True)
GR4 = FuelModel(dead=(0.25, 0, 0), herb=1.90, sav=2000, sav_herb=1800, depth=2.0, extinction=0.15, cures=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """How fire spreads in a bed of given moisture.

    Attributes:
        rate: R0, on flat ground without wind [m/s]; 0 where it is too damp to burn.
        heat: Reaction intensity times residence time [kJ/m2], for Byram's intensity.
        reaction: Reaction intensity [Btu/ft2/min], which limits the wind that counts.
        c, b: Of the wind factor c U^b, U [m/s] at flame height (eq. 47 to 50, with the packing ratio in c).
        slope: Of the slope factor slope tan^2 (eq. 51).
    """

    rate: float
    heat: float
    reaction: float
    c: float
    b: float
    slope: float


@dataclass(frozen=True, slots=True)
class _Mix:
    """Columns of all size classes of a bed: load [lb/ft2], surface to volume [1/ft], moisture, is it live."""

    load: np.ndarray
    sav: np.ndarray
    moisture: np.ndarray
    live: np.ndarray


def fuel_bed(model: FuelModel, moisture: float, *, herb: float = 1.0, woody: float = 1.0) -> Bed:
    """The bed of `model`.

    Args:
        model: One of the table.
        moisture: Of 1 h dead fuel, water per dry mass.
        herb, woody: Moisture of live herbs and live wood.
    """
    mix = _mix(model, moisture, herb, woody)
    area = mix.sav * mix.load / PARTICLE_DENSITY  # eq. 53
    total = np.array([area[~mix.live].sum(), area[mix.live].sum()])
    share = area / np.maximum(total, 1e-12)[mix.live.astype(int)]  # eq. 56
    of_kind = total / total.sum()  # eq. 57
    net = _net_loads(mix, share)
    sigma = _by_kind(mix, share * mix.sav) @ of_kind  # eq. 71, 72
    density = mix.load.sum() / model.depth  # eq. 74
    packing = density / PARTICLE_DENSITY  # eq. 73
    best = 3.348 * sigma**-0.8189  # eq. 37
    damping = _moisture_damping(model, mix, _by_kind(mix, share * mix.moisture))
    reaction = _reaction_velocity(sigma, packing / best) * HEAT * (net * damping).sum() * _mineral_damping()
    preheating = 250 + 1116 * mix.moisture  # eq. 12
    sink = density * of_kind @ _by_kind(mix, share * np.exp(-138 / mix.sav) * preheating)  # eq. 77
    flux = np.exp((0.792 + 0.681 * sigma**0.5) * (packing + 0.1)) / (192 + 0.2595 * sigma)  # eq. 42
    e = 0.715 * np.exp(-3.59e-4 * sigma)  # eq. 50
    b = 0.02526 * sigma**0.54  # eq. 49
    c = 7.47 * np.exp(-0.133 * sigma**0.55) * (packing / best) ** -e  # eq. 48, U in ft/min
    return Bed(
        rate=float(reaction * flux / sink * FOOT / MINUTE),  # eq. 52
        heat=float(reaction * 384 / sigma * BTU_FT2),  # residence time 384 / sigma [min] (Anderson 1969)
        reaction=float(reaction),
        c=float(c * (MINUTE / FOOT) ** b),
        b=float(b),
        slope=float(5.275 * packing**-0.3),
    )


def most_wind(bed: Bed) -> float:
    """Wind at flame height beyond which fire goes no faster [m/s]: 0.9 ft/min per Btu/ft2/min (eq. 87)."""
    return 0.9 * bed.reaction * FOOT / MINUTE


def flame_length(intensity: np.ndarray | float) -> np.ndarray:
    """[m] of Byram's fireline intensity [kW/m]: 0.0775 I^0.46 (Byram 1959)."""
    return 0.0775 * np.asarray(intensity) ** 0.46


def _mix(model: FuelModel, moisture: float, herb: float, woody: float) -> _Mix:
    cured = min(max(1.33 - 1.11 * herb, 0.0), 1.0) if model.cures else 0.0  # Burgan 1979, INT-226
    dead = [moisture + more for more in COARSER]
    rows = [
        *zip(model.dead, (model.sav, SAV_10H, SAV_100H), dead, (False,) * 3, strict=True),
        (model.herb * cured, model.sav_herb, moisture, False),
        (model.herb * (1 - cured), model.sav_herb, herb, True),
        (model.woody, model.sav_woody, woody, True),
    ]
    load, sav, water, live = (np.array(column) for column in zip(*[r for r in rows if r[0] > 0], strict=True))
    return _Mix(load=load * TON_PER_ACRE, sav=sav, moisture=water, live=live)


def _by_kind(mix: _Mix, values: np.ndarray) -> np.ndarray:
    """(2,) sums over dead and live fuel."""
    return np.array([values[~mix.live].sum(), values[mix.live].sum()])


def _net_loads(mix: _Mix, share: np.ndarray) -> np.ndarray:
    """(2,) of dead and live fuel [lb/ft2]: each size's load weighs as its class's area (Albini 1976)."""
    size = np.digitize(mix.sav, SIZE_CLASSES)
    same = (size[:, None] == size) & (mix.live[:, None] == mix.live)
    weight = same @ share * (size < len(SIZE_CLASSES))
    return _by_kind(mix, weight * mix.load * (1 - MINERALS))


def _reaction_velocity(sigma: float, relative: float) -> float:
    """Optimum reaction velocity [1/min] (eq. 36, 38, 39) at the packing over its best."""
    a = 133 * sigma**-0.7913
    most = sigma**1.5 / (495 + 0.0594 * sigma**1.5)
    return most * relative**a * np.exp(a * (1 - relative))


def _moisture_damping(model: FuelModel, mix: _Mix, moisture: np.ndarray) -> np.ndarray:
    """(2,) of dead and live fuel (eq. 29); live fuel's extinction grows with the dead fuel (eq. 88)."""
    extinction = np.array([model.extinction, model.extinction])
    if mix.live.any():
        fine = mix.load * np.exp(np.where(mix.live, -500, -138) / mix.sav)
        dead = fine[~mix.live]
        damp = (dead * mix.moisture[~mix.live]).sum() / dead.sum()
        ratio = dead.sum() / fine[mix.live].sum()
        extinction[1] = max(2.9 * ratio * (1 - damp / model.extinction) - 0.226, model.extinction)
    r = np.minimum(moisture / extinction, 1)
    return np.where(r < 1, np.clip(1 - 2.59 * r + 5.11 * r**2 - 3.52 * r**3, 0, 1), 0.0)


def _mineral_damping() -> float:
    return min(0.174 * SILICA_FREE**-0.19, 1.0)  # eq. 30

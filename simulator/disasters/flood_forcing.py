"""What a flood flows over, and what drives each kind of it."""

import math
from typing import Literal

import cv2
import numpy as np
from scipy import ndimage

from simulator.city.model import City, Ground
from simulator.disasters.cells import building_cells
from simulator.disasters.inundation import Source, edge_cells, filled, inundated
from simulator.disasters.shallow_water import Bed, Forcing

FloodKind = Literal["river", "pluvial", "coastal", "dam_break"]

# Manning's n [s/m^(1/3)] (Chow 1959, Open-channel hydraulics, table 5-6: asphalt 0.016, earth 0.018 to 0.025,
# gravel 0.025, pasture 0.03 to 0.035, field crops 0.04, trees 0.1); fences, cars and kerbs add to it in towns
ROUGHNESS: dict[Ground, float] = {
    **dict.fromkeys(Ground, 0.025),
    **dict.fromkeys((Ground.ASPHALT, Ground.MARKING, Ground.TARMAC, Ground.CONCRETE, Ground.PAVING), 0.018),
    **dict.fromkeys((Ground.GRASS, Ground.LAWN, Ground.SPORT, Ground.DRY_GRASS), 0.04),
    **dict.fromkeys((Ground.MEADOW, Ground.CROP, Ground.STUBBLE), 0.05),
    Ground.FOREST_FLOOR: 0.1,
    Ground.RIVERBED: 0.035,
    Ground.RUBBLE: 0.06,
}
# Share of a heavy rain that runs off (Chow, Maidment & Mays 1988, Applied hydrology, table 15.1.1, 100 years:
# asphalt 0.95, concrete and roofs 0.97, lawns 0.36 to 0.62, cultivated 0.47 to 0.61); bare soil is assumed
RUNOFF: dict[Ground, float] = {
    **dict.fromkeys(Ground, 0.9),
    **dict.fromkeys((Ground.GRASS, Ground.LAWN, Ground.MEADOW, Ground.SPORT, Ground.DRY_GRASS), 0.5),
    **dict.fromkeys((Ground.CROP, Ground.STUBBLE, Ground.TILLED, Ground.FOREST_FLOOR), 0.55),
    **dict.fromkeys((Ground.SOIL, Ground.SAND, Ground.GRAVEL), 0.6),
}
ROOF_RUNOFF = 0.97
DRAINED = 0.03  # what street drains carry off in a storm [m]: about a ten-year storm, an assumption
SOLID = 0.85  # share of a cell under buildings from which nothing flows through it: an assumption
EAVES = 5  # roofs shed their rain on the open cells of a square this wide [cells]
GENTLE = 1e-3  # least slope with which water leaves over the edge: an assumption [m/m]
BREACH = 50.0  # width of a dam's breach [m], at most a tenth of the city's side: assumptions

# When the level is highest, and when the run ends [s]. Real rivers rise for hours to days; beyond about half
# an hour only the speeds hang on it, little. A dam runs empty in a quarter of the run. Assumptions.
RISE: dict[FloodKind, float] = {"river": 1800, "coastal": 1800, "pluvial": 2400, "dam_break": 120}
END: dict[FloodKind, float] = {"river": 2700, "coastal": 2700, "pluvial": 3300, "dam_break": 1800}


def suited_kind(source: Source | None) -> FloodKind:
    """The flood that a city with this source of water is most likely to meet."""
    if source is None:
        return "pluvial"
    return "coastal" if source.sea else "river"


def bed_of(city: City) -> Bed:
    """The terrain with buildings as obstacles; under bridges water flows freely."""
    built = building_cells(city.buildings, city.ground) > 0
    shape = city.terrain.values.shape
    free = 1 - _on_cells(built.astype(np.float32), shape)
    table = np.array([ROUGHNESS[code] for code in Ground], np.float32)
    return Bed(
        cell=city.terrain.cell,
        elevation=city.terrain.values.astype(np.float32),
        open=np.where(free > 1 - SOLID, free, np.float32(0)),
        roughness=_on_cells(table[city.ground.values], shape),
    )


def _on_cells(values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Means over larger cells of the same square, (H, W) float32."""
    return cv2.resize(values, shape[::-1], interpolation=cv2.INTER_AREA)


def rising(city: City, source: Source, crest: float, kind: FloodKind) -> Forcing:
    """Water that stands as high along the edge as the river or sea does."""
    shape = city.terrain.values.shape
    edge = edge_cells(shape) & inundated(source, filled(city), crest)
    rise = RISE[kind]

    def stage(time: float) -> float:
        share = min(time / rise, 1.0)
        return crest * share * share * (3 - 2 * share)

    return Forcing(
        held=edge | source.cells if source.sea else edge,
        level=source.surface.values.astype(np.float32),
        stage=stage,
        rain=np.zeros(shape, np.float32),
        until=0.0,
        outlet=_outward_slope(city),
    )


def storm(city: City, bed: Bed, rain: float) -> Forcing:
    """Rain on a city whose surroundings are under the same rain: no more leaves than comes."""
    shape = bed.elevation.shape
    table = np.array([RUNOFF[code] for code in Ground], np.float32)
    share = _on_cells(table[city.ground.values], shape)
    sealed = share > 0.8
    ground = np.maximum(rain * share - DRAINED * sealed, 0)
    built = 1 - _on_cells(
        (building_cells(city.buildings, city.ground) == 0).astype(np.float32), shape
    )  # with what counts as solid
    fallen = ground * (1 - built) + max(rain * ROOF_RUNOFF - DRAINED, 0) * built
    takes = ndimage.uniform_filter(bed.open, EAVES, mode="constant")
    given = np.where(takes > 0, fallen / np.maximum(takes, 1e-6), 0)
    runoff = bed.open * ndimage.uniform_filter(given, EAVES, mode="constant")
    return Forcing(
        held=np.zeros(shape, bool),
        level=np.zeros(shape, np.float32),
        stage=lambda time: 0.0,
        rain=(runoff / RISE["pluvial"]).astype(np.float32),
        until=RISE["pluvial"],
        outlet=np.zeros(shape, np.float32),
    )


def breach(city: City, bed: Bed, head: float) -> Forcing:
    """A wave that enters over the highest side of the city, where it lies lowest, and ebbs."""
    z = np.where(bed.open > 0, filled(city).values, np.inf)
    sides = [np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]]
    side = max(sides, key=lambda s: float(np.median(filled(city).values[s])))
    line = z[side]
    half = max(int(min(BREACH, city.size / 10) / 2 / bed.cell), 1)
    middle = int(np.argmin(ndimage.uniform_filter1d(np.minimum(line, 1e5), 2 * half + 1)[half:-half])) + half
    held = np.zeros(z.shape, bool)
    held[side][middle - half : middle + half + 1] = True
    base = float(line[middle - half : middle + half + 1].min())
    fade = END["dam_break"] / 4

    def stage(time: float) -> float:
        return head * min(time / RISE["dam_break"], 1.0) * math.exp(-max(time - RISE["dam_break"], 0) / fade)

    return Forcing(
        held=held,
        level=np.full(z.shape, base, np.float32),
        stage=stage,
        rain=np.zeros(z.shape, np.float32),
        until=0.0,
        outlet=_outward_slope(city),
    )


def _outward_slope(city: City) -> np.ndarray:
    """(H, W) float32 slope [m/m] down which water leaves over the edge; 0 inside."""
    z, cell = city.terrain.values, city.terrain.cell
    slope = np.zeros(z.shape, np.float32)
    for line, within in (
        (np.s_[0, :], np.s_[1, :]),
        (np.s_[-1, :], np.s_[-2, :]),
        (np.s_[:, 0], np.s_[:, 1]),
        (np.s_[:, -1], np.s_[:, -2]),
    ):
        slope[line] = np.maximum((z[within] - z[line]) / cell, GENTLE)
    return slope

"""The flow of a flood through a city: its bed, what drives it, and the run on two lattices."""

import math
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from scipy import ndimage

from rasters.errors import InputError
from simulator.city.model import City, Ground
from simulator.disasters.cells import building_cells
from simulator.disasters.inundation import Source, continued, edge_cells, filled, inundated, stage_of_share
from simulator.disasters.shallow_water import Bed, Flow, Forcing, run, volume

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
SEA_BED = 2.0  # depth at which the bed under a sea of prescribed level is taken [m]
BREACH = 50.0  # width of a dam's breach [m], an assumption
FINE = 300.0  # of a run, on the terrain's own cells, at its end [s]

# When the level is highest, and when the run ends [s]. Real rivers rise for hours to days; beyond about half an
# hour only the speeds hang on it, little. A dam runs empty in a quarter of the run. Assumptions.
RISE: dict[FloodKind, float] = {"river": 1800, "coastal": 1800, "pluvial": 2400, "dam_break": 120}
END: dict[FloodKind, float] = {"river": 2700, "coastal": 2700, "pluvial": 3300, "dam_break": 1800}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flood:
    """A flood up to the moment from which it recedes, on the terrain's cells.

    Attributes:
        bed: What it flowed over.
        flow: The water then, and its extremes. Volumes hold for both lattices together.
        start, end: Volume of water at the start, and at the end [m3].
    """

    bed: Bed
    flow: Flow
    start: float
    end: float


def suited_kind(source: Source | None) -> FloodKind:
    """The flood that a city with this source of water is most likely to meet."""
    if source is None:
        return "pluvial"
    return "coastal" if source.sea else "river"


def flow_through(
    city: City, kind: FloodKind, source: Source | None, *, stage: float, rain: float, largest_share: float
) -> Flood:
    """Runs a flood over a city; the arguments are `FloodParameters`'.

    Raises:
        InputError: A river or coastal flood of a city without such water.
    """
    bed = bed_of(city)
    if kind == "pluvial":
        forcing = _storm(city, bed, rain)
    elif kind == "dam_break":
        forcing = _breach(city, bed, stage)
    elif source is None:
        raise InputError(
            f"flood: no water leaves this city that a {kind} flood could come from; use kind pluvial or dam_break"
        )
    else:
        crest = min(stage, stage_of_share(source, filled(city), largest_share))
        forcing = _rising(city, source, crest, kind)
        if source.sea:
            sea = np.maximum(bed.elevation, source.surface.values - SEA_BED).astype(np.float32)
            bed = replace(bed, elevation=np.where(source.cells, sea, bed.elevation))
    depth = np.nan_to_num(np.maximum(city.water.values - bed.elevation, 0)).astype(np.float32)
    return _nested(bed, depth * (bed.open > 0), forcing, END[kind])


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


def _rising(city: City, source: Source, crest: float, kind: FloodKind) -> Forcing:
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


def _storm(city: City, bed: Bed, rain: float) -> Forcing:
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


def _breach(city: City, bed: Bed, head: float) -> Forcing:
    """A wave that enters over the highest side of the city, where it lies lowest, and ebbs."""
    z = np.where(bed.open > 0, filled(city).values, np.inf)
    sides = [np.s_[0, :], np.s_[-1, :], np.s_[:, 0], np.s_[:, -1]]
    side = max(sides, key=lambda s: float(np.median(filled(city).values[s])))
    line = z[side]
    half = max(int(BREACH / 2 / bed.cell), 1)
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


def _nested(bed: Bed, depth: np.ndarray, forcing: Forcing, end: float) -> Flood:
    """A run on cells twice as large, and its last part on the bed's own; no volume is lost between them."""
    rows, cols = depth.shape
    pad = ((0, rows % 2), (0, cols % 2))
    if rows % 2 or cols % 2:
        wide, more = _padded(bed, forcing, pad)
        whole = _nested(wide, np.pad(depth, pad, mode="edge"), more, end)
        names = ("depth", "deepest", "fastest", "strongest", "east", "north")
        cut = {name: getattr(whole.flow, name)[:rows, :cols] for name in names}
        return replace(whole, bed=bed, flow=replace(whole.flow, **cut))
    large, driven = _coarse(bed, forcing)
    initial = _sums(depth * bed.open) / np.maximum(4 * large.open, 1e-6)
    first = run(large, initial, driven, start=0.0, end=end - FINE)
    handed = _handed_over(bed, large, first.depth)
    last = run(bed, handed, forcing, start=end - FINE, end=end)
    crest = _crest_on(bed, large, first.deepest)
    strong = _twice(first.strongest) * (bed.open > 0)
    earlier = strong > last.strongest
    flow = Flow(
        depth=last.depth,
        deepest=np.maximum(last.deepest, crest),
        fastest=np.maximum(last.fastest, _twice(first.fastest) * (bed.open > 0)),
        strongest=np.where(earlier, strong, last.strongest),
        east=np.where(earlier, _twice(first.east), last.east),
        north=np.where(earlier, _twice(first.north), last.north),
        gained=first.gained + last.gained,
        rained=first.rained + last.rained,
        left=first.left + last.left,
    )
    return Flood(bed=bed, flow=flow, start=volume(bed, depth), end=volume(bed, last.depth))


def _padded(bed: Bed, forcing: Forcing, pad: tuple[tuple[int, int], ...]) -> tuple[Bed, Forcing]:
    """With a further row or column like the last."""

    def wide(values: np.ndarray) -> np.ndarray:
        return np.pad(values, pad, mode="edge")

    return (
        replace(
            bed,
            elevation=wide(bed.elevation),
            open=wide(bed.open),
            roughness=wide(bed.roughness),
        ),
        replace(
            forcing,
            held=wide(forcing.held),
            level=wide(forcing.level),
            rain=wide(forcing.rain),
            outlet=wide(forcing.outlet),
        ),
    )


def _coarse(bed: Bed, forcing: Forcing) -> tuple[Bed, Forcing]:
    """The same on cells twice as large."""
    room = _sums(bed.open)
    plain = _sums(bed.elevation) / 4
    ground = np.where(room > 0, _sums(bed.elevation * bed.open) / np.maximum(room, 1e-6), plain)
    held = forcing.held.astype(np.float32)
    count = _sums(held)
    level = _sums(forcing.level * held) / np.maximum(count, 1)
    large = Bed(
        cell=2 * bed.cell,
        elevation=ground.astype(np.float32),
        open=(room / 4).astype(np.float32),
        roughness=_sums(bed.roughness) / 4,
    )
    driven = replace(
        forcing,
        held=count > 0,
        level=np.where(count > 0, level, _sums(forcing.level) / 4).astype(np.float32),
        rain=_sums(forcing.rain) / 4,
        outlet=_blocks(forcing.outlet).max(axis=(1, 3)),
    )
    return large, driven


def _handed_over(bed: Bed, large: Bed, depth: np.ndarray) -> np.ndarray:
    """(H, W) depth [m] on the small cells with the surface and the volume of the large cells' (H / 2, W / 2)."""
    surface = _twice(np.where(depth > 0, large.elevation + depth, -np.inf).astype(np.float32))
    fine = np.where(bed.open > 0, np.maximum(surface - bed.elevation, 0), 0)
    held, wanted = _sums(fine * bed.open), 4 * depth * large.open
    fits = held > 1e-3 * wanted
    factor = np.where(fits, wanted / np.maximum(held, 1e-12), 0)
    even = np.where(fits, 0, wanted / np.maximum(_sums(bed.open), 1e-12))
    return np.where(bed.open > 0, fine * _twice(factor) + _twice(even), 0).astype(np.float32)


def _crest_on(bed: Bed, large: Bed, deepest: np.ndarray) -> np.ndarray:
    """(H, W) greatest depth [m] on the small cells: under the large cells' highest surface, smoothed."""
    wet = deepest > 0
    if not wet.any():
        return np.zeros(bed.elevation.shape, np.float32)
    top = continued(large.elevation + deepest, wet).astype(np.float32)
    surface = cv2.resize(top, bed.elevation.shape[::-1], interpolation=cv2.INTER_LINEAR)
    depth = np.where(_twice(wet) & (bed.open > 0), surface - bed.elevation, 0)
    return np.maximum(depth, 0).astype(np.float32)


def _twice(values: np.ndarray) -> np.ndarray:
    """(2 H, 2 W): each cell as two by two."""
    return np.repeat(np.repeat(values, 2, axis=0), 2, axis=1)


def _blocks(values: np.ndarray) -> np.ndarray:
    """(H / 2, 2, W / 2, 2) view of (H, W)."""
    height, width = values.shape
    return values.reshape(height // 2, 2, width // 2, 2)


def _sums(values: np.ndarray) -> np.ndarray:
    """(H / 2, W / 2) sums over two by two cells."""
    return _blocks(values).sum(axis=(1, 3))

"""The run of a flood through a city, on two lattices."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from rasters.errors import InputError
from simulator.city.model import City
from simulator.disasters.flood_forcing import END, FloodKind, bed_of, breach, rising, storm
from simulator.disasters.inundation import Source, continued, edge_cells, filled, stage_of_share
from simulator.disasters.shallow_water import GRAVITY, SHALLOW, Bed, Flow, Forcing, run, volume

FINE = 300.0  # of a run, on the terrain's own cells, at its end [s]
SEA_BED = 2.0  # depth at which the bed under a sea of prescribed level is taken [m]


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


def flow_through(
    city: City, kind: FloodKind, source: Source | None, *, stage: float, rain: float, largest_share: float
) -> Flood:
    """Runs a flood over a city; the arguments are `FloodParameters`'.

    Raises:
        InputError: A river or coastal flood of a city without such water.
    """
    bed = bed_of(city)
    if kind == "pluvial":
        forcing = storm(city, bed, rain)
    elif kind == "dam_break":
        forcing = breach(city, bed, stage)
    elif source is None:
        raise InputError(
            f"flood: no water leaves this city from which a {kind} flood could come; "
            "use kind pluvial or dam_break"
        )
    else:
        crest = min(stage, stage_of_share(source, filled(city), largest_share))
        forcing = rising(city, source, crest, kind)
        if source.sea:
            sea = np.maximum(bed.elevation, source.surface.values - SEA_BED).astype(np.float32)
            bed = replace(bed, elevation=np.where(source.cells, sea, bed.elevation))
    depth = np.nan_to_num(np.maximum(city.water.values - bed.elevation, 0)).astype(np.float32)
    return _nested(bed, depth * (bed.open > 0), forcing, END[kind])


def _nested(bed: Bed, depth: np.ndarray, forcing: Forcing, end: float) -> Flood:
    """A run on cells twice as large, and its last part on the bed's own; no volume is lost between them."""
    rows, cols = depth.shape
    pad = ((0, rows % 2), (0, cols % 2))
    if rows % 2 or cols % 2:
        wide, more = padded(bed, forcing, pad)
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
    part = conveyed(bed, large, crest)
    strong = _twice(first.strongest) * part
    fast = np.minimum(strong / np.maximum(crest, SHALLOW), np.sqrt(GRAVITY * crest))
    earlier = strong > last.strongest
    flow = Flow(
        depth=last.depth,
        deepest=np.maximum(last.deepest, crest),
        fastest=np.maximum(last.fastest, fast),
        strongest=np.where(earlier, strong, last.strongest),
        east=np.where(earlier, _twice(first.east) * part, last.east),
        north=np.where(earlier, _twice(first.north) * part, last.north),
        gained=first.gained + last.gained,
        rained=first.rained + last.rained,
        left=first.left + last.left,
    )
    return Flood(bed=bed, flow=flow, start=volume(bed, depth), end=volume(bed, last.depth))


def padded(bed: Bed, forcing: Forcing, pad: tuple[tuple[int, int], ...]) -> tuple[Bed, Forcing]:
    """With further rows and columns like the last, as of `np.pad`; outlets move to the new edge."""

    def wide(values: np.ndarray) -> np.ndarray:
        return np.pad(values, pad, mode="edge")

    outlet = wide(forcing.outlet)
    outlet[~edge_cells(outlet.shape)] = 0
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
            outlet=outlet,
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
    """(H, W) depth [m] on the small cells, with surface and volume of the large ones (H / 2, W / 2)."""
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


def conveyed(bed: Bed, large: Bed, depth: np.ndarray) -> np.ndarray:
    """(H, W) float32, unit flow of each small cell over that of its large one, which is kept as a whole.

    By conveyance: on one slope the unit flow goes with the depth (H, W) [m] to the power 5/3 over Manning's
    n, so that what flows in a channel is not taken for that on its bank.
    """
    conveyance = np.where(bed.open > 0, depth ** (5 / 3) / bed.roughness, 0)
    total = _sums(conveyance * bed.open)
    return (conveyance * _twice(4 * large.open / np.maximum(total, 1e-12))).astype(np.float32)


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

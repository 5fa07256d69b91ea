"""Lava on terrain: a fluid with a yield strength that spreads over cells until it comes to rest.

Between neighbours the flux per width of a Bingham fluid on a slope S of its surface is (Dragoni, Bonafede
& Boschi 1986, Journal of Volcanology and Geothermal Research 30, 305-325; as between the cells of MAGFLOW,
Vicari et al. 2007, Environmental Modelling & Software 22, 1465-1471)

    q = rho g S h^3 / (3 eta) (1 - 3/2 c + 1/2 c^3),  c = h_c / h,  h_c = tau / (rho g S),

and none where the thickness h is below the critical h_c (Hulme 1974, Geophysical Journal International 39,
361-383). Only where it comes to rest matters here, not when: viscosity and cooling are left out, and each
step passes on as much as stays stable, in the proportion of the bracket. On level ground a heap then rests
with h^2 = 2 tau (R - r) / (rho g) (Nye 1952, Journal of Glaciology 2, 82-93).
"""

import math
from dataclasses import dataclass

import numpy as np

from simulator.city.model import Field
from simulator.city.noise import smooth_noise
from simulator.disasters.cells import on_cells_of, with_values

DENSITY = 2500.0  # of basalt lava [kg/m3]
GRAVITY = 9.81  # [m/s2]
CELL = 8.0  # of the flow's map [m], as digital terrain models for MAGFLOW have
PASSED = 0.16  # largest share of thickness or of a step that passes to a neighbour at once
POURED = 3.0  # thickness that the steps of supply are measured by [m]
STEPS_OF_SUPPLY, STEPS_TO_REST = 1200, 800
AHEAD = 10  # steps after which the worked part of the map is widened
AT_REST = 1e-4  # greatest flux of a flow at rest [m of thickness a step]
MARGIN = 3  # cells around the map, where lava leaves it
EDGE, WALL = 7, 100.0  # cells to the margin within which a vent is an inflow; height of what backs it [m]
THINNEST = 0.4  # edge of a flow [m]: assumption
HUMMOCKS, HUMMOCK_LENGTH = 0.18, 10.0
"""Relative standard deviation of the thickness from lobes and levees, and their size [m]: assumptions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Lava at rest.

    Attributes:
        thickness: [m], float64, on cells of `CELL` over the terrain.
        poured: Volume that came out [m3].
        lost: Of it, what left the map [m3].
    """

    thickness: Field
    poured: float
    lost: float


def lava_flow(
    terrain: Field, vent: tuple[float, float], *, volume: float, strength: float, contained: float
) -> Flow:
    """Where lava comes to rest.

    Args:
        terrain: Ground elevation [m].
        vent: (x, y) of its source [m].
        volume: To pour [m3].
        strength: Yield strength [Pa].
        contained: Share of the map at whose covering supply ends before, in (0, 1].
    """
    side = terrain.values.shape[1] * terrain.cell
    count = math.ceil(side / CELL)
    cells = Field(west=terrain.west, north=terrain.north, cell=CELL, values=np.zeros((count, count)))
    ground = np.pad(on_cells_of(terrain, cells), MARGIN, mode="reflect", reflect_type="odd")
    x, y = (np.pad(axis, MARGIN, mode="reflect", reflect_type="odd") for axis in cells.centres())
    from_vent = np.hypot(x[None, :] - vent[0], y[:, None] - vent[1])
    inner = np.zeros(ground.shape, bool)
    inner[MARGIN:-MARGIN, MARGIN:-MARGIN] = True
    source = inner & (from_vent <= max(1.5 * CELL, 0.02 * side))
    if from_vent[~inner].min() <= EDGE * CELL:
        ground[~inner & (from_vent <= side / 3)] += WALL  # what comes from beyond the edge does not turn back
    area = CELL**2
    supply = min(volume, contained * inner.sum() * area * POURED) / STEPS_OF_SUPPLY
    critical = strength / (DENSITY * GRAVITY)
    thickness, poured, lost, still = np.zeros(ground.shape), 0.0, 0.0, 0
    window, step = _window(source), 0
    while still < STEPS_TO_REST:
        step += 1
        if step % AHEAD == 0:
            window = _window(source | (thickness > 0))
        full = (thickness[inner] > 0.1).mean() >= contained
        if poured < volume and not full and still == 0:
            dose = min(supply, volume - poured)
            thickness[source] += dose / (source.sum() * area)
            poured += dose
        else:
            still += 1
        flux = _spread(ground[window], thickness[window], critical)
        lost += float(thickness[~inner].sum()) * area
        thickness[~inner] = 0.0
        if still and flux < AT_REST:
            break
    return Flow(thickness=with_values(cells, _unpadded(thickness)), poured=poured, lost=lost)


def _window(marked: np.ndarray) -> tuple[slice, slice]:
    """The rows and columns that lava reaches in the next `AHEAD` steps, a cell in each at most."""
    rows, cols = (np.flatnonzero(marked.any(axis=axis)) for axis in (1, 0))
    south, east = (slice(max(i[0] - AHEAD - 1, 0), i[-1] + AHEAD + 2) for i in (rows, cols))
    return south, east


def _spread(ground: np.ndarray, thickness: np.ndarray, critical: float) -> float:
    """One step, in place; the greatest flux [m].

    Args:
        ground: (H, W) elevation [m].
        thickness: (H, W) [m].
        critical: Product of thickness and surface slope below which nothing moves [m].
    """
    surface = ground + thickness
    down, right = np.diff(surface, axis=0), np.diff(surface, axis=1)
    slope_y = np.zeros_like(surface)
    slope_y[1:-1] = (down[1:] + down[:-1]) / 2
    slope_x = np.zeros_like(surface)
    slope_x[:, 1:-1] = (right[:, 1:] + right[:, :-1]) / 2
    flux_y = _flux(down, (slope_x[1:] + slope_x[:-1]) / 2, thickness[:-1], thickness[1:], critical)
    flux_x = _flux(
        right, (slope_y[:, 1:] + slope_y[:, :-1]) / 2, thickness[:, :-1], thickness[:, 1:], critical
    )
    thickness[:-1] -= flux_y
    thickness[1:] += flux_y
    thickness[:, :-1] -= flux_x
    thickness[:, 1:] += flux_x
    return float(max(np.abs(flux_y).max(), np.abs(flux_x).max()))


def _flux(
    rise: np.ndarray, across: np.ndarray, first: np.ndarray, second: np.ndarray, critical: float
) -> np.ndarray:
    """Thickness that passes from the first to the second of two neighbours [m].

    Args:
        rise: Surface of the second less that of the first [m].
        across: Rise of the surface along their border, in a cell [m].
        first, second: Their thickness [m].
        critical: As of `_spread`.
    """
    given = np.where(rise < 0, first, second)
    driving = given * np.hypot(rise, across) / CELL
    c = np.minimum(critical / np.maximum(driving, 1e-12), 1.0)
    moved = PASSED * (1 - 1.5 * c + 0.5 * c**3) * np.minimum(given, np.abs(rise))
    return np.where(rise < 0, moved, -moved)


def _unpadded(values: np.ndarray) -> np.ndarray:
    return values[MARGIN:-MARGIN, MARGIN:-MARGIN].copy()


def hummocky(flow: Flow, like: Field, rng: np.random.Generator) -> np.ndarray:
    """(H, W) thickness on the cells of `like` [m], with lobes and steep edges, of the flow's volume."""
    smooth = on_cells_of(flow.thickness, like)
    noise = smooth_noise(like.values.shape, like.cell, HUMMOCK_LENGTH, rng, octaves=2)
    rough = np.maximum(smooth * (1 + HUMMOCKS * noise), 0.0)
    rough[rough < THINNEST] = 0.0
    total = float(flow.thickness.values.sum()) * CELL**2
    laid = float(rough.sum()) * like.cell**2
    return rough * (total / laid) if laid > 0 else rough

"""Plans of rivers, coasts, lakes and canals: where the water is, before the land is shaped to it."""

import math
from dataclasses import dataclass, field

import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry.base import BaseGeometry

from simulator.city.frames import polygons
from simulator.city.model import Ground
from simulator.city.noise import Noise, smooth_noise
from simulator.city.style import Style, Water

STEP = 4.0  # between points of a course [m]
NOWHERE = shapely.Polygon()
MAX_TURN = 1.45  # of a river from its valley [rad]: below a right angle, so it never turns back


@dataclass(frozen=True, slots=True, kw_only=True)
class WaterPlan:
    """A water in the plane; the fields are `terrain.Land`'s; `valley` is (N, 2)."""

    kind: Water
    water: BaseGeometry = NOWHERE
    course: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    width: float = 0.0
    bank: float = 0.0
    rise: float = 0.0
    depth: float = 0.0
    edge: Ground = Ground.GRASS
    edge_width: float = 0.0
    bars: BaseGeometry = NOWHERE
    valley: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    belt: float = 0.0


def plan_water(
    kind: Water, style: Style, size: float, fall: np.ndarray, rng: np.random.Generator
) -> WaterPlan:
    """The water of a region of `size` metres, whose land falls in the direction `fall` (2,)."""
    match kind:
        case "river":
            return _river(rng.uniform(*style.river_width), size, fall, rng)
        case "canal":
            return _canal(max(rng.uniform(*style.river_width) / 3, 4.0), size, fall, rng)
        case "coast":
            return _coast(size, fall, rng)
        case "lake":
            return _lake(min(rng.uniform(*style.lake_size), 0.6 * size), size, rng)
    return WaterPlan(kind="none")


def _river(width: float, size: float, fall: np.ndarray, rng: np.random.Generator) -> WaterPlan:
    course = _meanders(width, size, fall, rng)
    spread, aside = (
        smooth_noise((1, len(course)), STEP, rng.uniform(2, 4) * width + 20, rng, octaves=3)[0]
        for _ in range(2)
    )
    half = width / 2 * (1 + 0.15 * np.clip(spread, -1.3, 2.5))
    # banks that are not parallel: shifted across the valley, so that the course still never turns back
    course = course + (0.08 * width * np.clip(aside, -1.5, 1.5))[:, None] * np.array([-fall[1], fall[0]])
    pieces = shapely.linestrings(np.stack([course[:-1], course[1:]], 1))
    water = shapely.union_all(shapely.buffer(pieces, half[1:], quad_segs=4))
    water = _roughen(shapely.simplify(water, 0.2), 0.035 * width + 0.2, 0.8 * width + 12, rng)
    height = rng.uniform(0.8, 2.5)
    valley, belt = _valley(course, width, size)
    edge = (Ground.SOIL, Ground.GRAVEL, Ground.MEADOW, Ground.SAND, Ground.GRASS)[
        rng.choice(5, p=[0.3, 0.2, 0.2, 0.15, 0.15])
    ]
    return WaterPlan(
        kind="river",
        water=water,
        course=course,
        width=width,
        bank=height * rng.uniform(2.5, 5),
        rise=height,
        depth=min(0.8 + 0.06 * width, 5.0) * rng.uniform(0.7, 1.3),
        edge=edge,
        edge_width=rng.uniform(1.0, 3.0 + 0.08 * width),
        bars=_bars(course, half, width, rng).difference(water),
        valley=valley,
        belt=belt,
    )


def _valley(course: np.ndarray, width: float, size: float) -> tuple[np.ndarray, float]:
    """The smooth line about which a river meanders, (N, 2), and how far to both sides, mostly [m]."""
    half = int(min(18 * width + 150, 0.4 * size) / STEP)
    window = np.hanning(2 * half + 3)
    padded = np.pad(course, ((half + 1, half + 1), (0, 0)), "reflect", reflect_type="odd")
    axis = np.stack([np.convolve(c, window / window.sum(), "valid") for c in padded.T], 1)
    away, _ = KDTree(axis).query(course)
    return axis, float(np.quantile(away, 0.85)) + 0.75 * width + 8


def _bars(course: np.ndarray, half: np.ndarray, width: float, rng: np.random.Generator) -> BaseGeometry:
    """Point bars: what a river covers that is shifted to the inside of its bends; not in every bend."""
    ahead = np.unwrap(np.arctan2(*np.gradient(course, axis=0).T[::-1]))
    window = np.hanning(2 * int(width / STEP) + 5)
    curvature = np.convolve(np.gradient(ahead) / STEP, window / window.sum(), "same")
    some = smooth_noise((1, len(course)), STEP, 7 * width, rng)[0] + rng.uniform(-0.5, 1)
    shift = np.clip(4 * width * curvature, -1, 1) * np.clip(some, 0, 1.2) * 0.4 * width
    moved = course + shift[:, None] * _normals(course)
    pieces = shapely.linestrings(np.stack([moved[:-1], moved[1:]], 1))[np.abs(shift[1:]) > 1.5]
    return shapely.union_all(shapely.buffer(pieces, 0.95 * half[1:][np.abs(shift[1:]) > 1.5], quad_segs=4))


def _meanders(width: float, size: float, fall: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A river's axis through the square, (N, 2) [m].

    A sine-generated curve (Langbein & Leopold 1966, USGS Prof. Paper 422-H): its direction swings, so that
    bends are round and the reaches between them straight. A meander is 8 to 14 widths long (Leopold 1960).
    Swing and wavelength vary along it.
    """
    reach = 0.75 * size + 300
    count = int(2 * reach / math.cos(MAX_TURN) / STEP)
    wave = rng.uniform(8, 14) * width + rng.uniform(40, 120)
    noise = [smooth_noise((1, count), STEP, k * wave, rng)[0] for k in (2.5, 2.0, 4.0)]
    phase = 2 * math.pi * np.arange(count) * STEP / (1.3 * wave) + 1.4 * noise[0]
    swing = rng.uniform(0.3, 1.15) * np.clip(1 + 0.45 * noise[1], 0.1, 1.8)
    turn = swing * np.sin(phase) + 0.3 * noise[2]
    turn = turn / np.sqrt(1 + (turn / MAX_TURN) ** 2)
    along, across = np.cumsum(np.cos(turn)) * STEP - reach, np.cumsum(np.sin(turn)) * STEP
    inside = along < reach
    along, across = along[inside], across[inside]
    across -= np.interp(along, along[[0, -1]], across[[0, -1]])
    across += rng.uniform(-0.35, 0.35) * size - across[np.searchsorted(along, 0.0)]  # it crosses the square
    return size / 2 + along[:, None] * fall + across[:, None] * np.array([-fall[1], fall[0]])


def _canal(width: float, size: float, fall: np.ndarray, rng: np.random.Generator) -> WaterPlan:
    """Along the contours, which need no locks: straight reaches and wide bends, between walls or earth."""
    reach = 0.75 * size + 300
    stations = np.linspace(-reach, reach, max(3, round(2 * reach / rng.uniform(250, 600))))
    offset = rng.normal(0, 12, len(stations)) + rng.normal(0, 0.05) * stations
    offset += rng.uniform(-0.3, 0.3) * min(size, 800.0)
    rough = shapely.LineString(np.stack([stations, offset], 1))
    bent = shapely.get_coordinates(rough.segmentize(STEP))
    window = np.hanning(31) / np.hanning(31).sum()
    bent = np.stack([np.convolve(np.pad(c, 15, "edge"), window, "valid") for c in bent.T], 1)
    level = np.array([-fall[1], fall[0]])
    course = size / 2 + bent[:, :1] * level + bent[:, 1:] * fall
    walled = rng.random() < 0.6
    walls = (Ground.CONCRETE, Ground.PAVING, Ground.GRAVEL)
    return WaterPlan(
        kind="canal",
        water=shapely.LineString(course).buffer(width / 2, quad_segs=4),
        course=course,
        width=width,
        bank=1.5 if walled else 4.0,
        rise=rng.uniform(0.5, 1.2),
        depth=min(1.0 + 0.1 * width, 3.0),
        edge=walls[rng.integers(3)] if walled else (Ground.SOIL, Ground.GRASS)[rng.integers(2)],
        edge_width=rng.uniform(1.0, 3.5),
    )


def _coast(size: float, fall: np.ndarray, rng: np.random.Generator) -> WaterPlan:
    """A shoreline with bays and points of all sizes across the region, the sea beyond it."""
    reach, far = 4 * size + 1500.0, 5 * size + 2000.0
    along = np.arange(-reach, reach, STEP)
    bays = sum(
        rng.uniform(0.07, 0.2) * wave * smooth_noise((1, len(along)), STEP, wave, rng)[0]
        for wave in (min(1.4 * size, 2500.0), 450.0)
    )
    bays += (rng.uniform(-0.1, 0.28) * size) - bays[len(bays) // 2]
    line = np.stack([along, bays], 1)
    plan = np.concatenate([line, [[reach, far], [-reach, far]]])
    level = np.array([-fall[1], fall[0]])
    sea = shapely.Polygon(size / 2 + plan[:, :1] * level + plan[:, 1:] * fall).buffer(0)
    beach = rng.uniform(8, 35)
    return WaterPlan(
        kind="coast",
        water=_roughen(sea, rng.uniform(8, 30), 320.0, rng),
        bank=beach,
        rise=beach * rng.uniform(0.05, 0.1),
        depth=rng.uniform(5, 12),
        edge=Ground.SAND if rng.random() < 0.8 else Ground.GRAVEL,
        edge_width=beach,
    )


def _lake(across: float, size: float, rng: np.random.Generator) -> WaterPlan:
    """Some overlapping basins, with a shore that is rough at all scales."""
    centre = rng.uniform(0.66 * across, size - 0.66 * across, 2)  # all of it lies in the region
    count = int(rng.integers(2, 6))
    angle = rng.uniform(0, 2 * math.pi, count)
    radius = across / 2 * rng.uniform(0.35, 0.7, count)
    places = (across / 2 - radius)[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    basins = shapely.union_all(shapely.buffer(shapely.points(centre + places), radius))
    joined = basins.buffer(0.25 * across).buffer(-0.25 * across)
    return WaterPlan(
        kind="lake",
        water=_roughen(joined, 0.05 * across, 0.4 * across, rng),
        bank=rng.uniform(4, 12),
        rise=rng.uniform(0.4, 1.2),
        depth=rng.uniform(2, 8),
        edge=(Ground.MEADOW, Ground.GRASS, Ground.SAND, Ground.SOIL)[rng.choice(4, p=[0.4, 0.2, 0.2, 0.2])],
        edge_width=rng.uniform(1.5, 7),
    )


def _roughen(shape: BaseGeometry, reach: float, wavelength: float, rng: np.random.Generator) -> BaseGeometry:
    """The largest part of a shape whose outline is displaced by smooth noise with ever finer octaves.

    Args:
        shape: What.
        reach: Standard deviation of the displacement [m].
        wavelength: Of its first octave [m].
        rng: Random generator.
    """
    octaves = max(1, int(math.log2(wavelength / 4)))
    east, north = (
        Noise(seed=int(seed), wavelength=wavelength, octaves=octaves, gain=0.45)
        for seed in rng.integers(0, 2**62, 2)
    )

    def displace(xy: np.ndarray) -> np.ndarray:
        x, y = xy[:, 0], xy[:, 1]
        return xy + reach * np.stack([east.at(x, y), north.at(x, y)], 1)

    rough = shapely.transform(shapely.segmentize(shape, 2.5), displace)
    rough = shapely.make_valid(shapely.simplify(rough, 0.15))
    return max(polygons(rough), key=lambda part: part.area)


def _normals(course: np.ndarray) -> np.ndarray:
    """(N, 2) unit vectors to the left of a course (N, 2)."""
    ahead = np.gradient(course, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    return np.stack([-ahead[:, 1], ahead[:, 0]], 1)

"""The land of a region as functions of the place: relief, and a river, sea, lake or canal in it.

Nothing here is a raster of the whole region, so a window of it is the same whatever else is asked for. The
natural land is a gentle plane with hills on it, which are never below the plane. A river's surface is that
plane, and its course never turns back along the plane's fall: so it never runs uphill.
"""

import math
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import KDTree
from shapely.geometry.base import BaseGeometry

from simulator.city.character import choose
from simulator.city.model import Field, Ground
from simulator.city.noise import Noise
from simulator.city.style import Style, Water
from simulator.city.waters import WaterPlan, plan_water

CELL = 4.0
MARGIN = 60.0  # land that is planned beyond the square, so that nothing ends at its edge [m]
FAR = 250.0  # from the shore, where its distance is good to 1 % [m]
COARSE = 16
STEEP = 2.0  # half the distance over which a slope is taken [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hills:
    """Hills with spurs and gullies; heights are at least 0.

    Attributes:
        height: Of the highest [m], nearly.
        swell: The hills themselves.
        gullies: Whose zeros are the gullies' lines.
        bumps: Unevenness that hardly anyone sees, but the sun does.
        east, north: By which the plane is distorted before the hills are looked up.
        reach: Of that distortion [m].
    """

    height: float
    swell: Noise
    gullies: Noise
    bumps: Noise
    east: Noise
    north: Noise
    reach: float

    def at(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height above the plane (N,) [m]."""
        u, v = x + self.reach * self.east.at(x, y), y + self.reach * self.north.at(x, y)
        swell = _squash(0.8 * self.swell.at(u, v))
        gullies = self.gullies.at(u, v)
        crease = np.sqrt(gullies * gullies + 0.16) - 0.4  # 0 in a gully's line, larger on the spurs
        crease = crease / (0.7 + crease)
        return self.height * (0.78 * swell + 0.24 * swell * crease)

    def unevenness(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Bumps of decimetres, at least 0 (N,) [m]."""
        return 0.15 + 0.05 * np.clip(self.bumps.at(x, y), -3, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shore:
    """The line where land and water meet.

    Attributes:
        start, end: (M, 2) short pieces of it, in order [m].
        tree: Of the pieces' middles.
        coarse: Of every `COARSE`th of them, for places that are `FAR` away.
        water: What is inside.
    """

    start: np.ndarray
    end: np.ndarray
    tree: KDTree
    coarse: KDTree
    water: BaseGeometry

    def distance(self, xy: np.ndarray) -> np.ndarray:
        """From the shore (N,) [m], negative in the water, of points (N, 2)."""
        distance, _ = self.coarse.query(xy)
        close = xy[distance < FAR]
        _, nearest = self.tree.query(close)
        best = np.full(len(close), np.inf)
        for step in (-1, 0, 1):
            k = np.clip(nearest + step, 0, len(self.start) - 1)
            best = np.minimum(best, _squared_distance(close, self.start[k], self.end[k]))
        distance[distance < FAR] = np.sqrt(best)
        shapely.prepare(self.water)
        wet = shapely.contains_xy(self.water, xy[:, 0], xy[:, 1])
        return np.where(wet, -distance, distance)


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """What the region is built on. All in its coordinates: the origin is its south-west corner.

    Attributes:
        kind: Of the water.
        water: All permanent water, to well beyond the region; empty without any.
        banks: The water with its banks, which bridges span.
        corridor: The banks and some more, kept free of buildings and local streets.
        course: (N, 2) axis of the river, downstream, or of the canal [m]; else empty.
        width: Of the river or canal [m], else 0.
        turbidity: Of the water, in [0, 1].
        edge: What the strip beside the water is made of.
        edge_width: Of that strip, about [m].
        bars: Of sand or gravel, on the inside of a river's bends.
        size: Side of the region [m].
        fall: (2,) downhill direction of the plane, a unit vector; out to the sea on a coast.
        gradient: Of the plane [m/m].
        base: Of the plane in the middle of the region, or the level of the standing water there [m].
        bank: Width of a bank or beach [m].
        rise: Height of its upper edge above the water [m].
        depth: Of the water away from its shore [m].
        plain: Width of the level land beyond the banks, about [m].
        uneven: Varies that width.
        belt: Half the width of a river's valley floor, besides [m].
        valley: Points along the middle of that floor; None without a river.
        hills: On the plane.
        shore: None without water.
    """

    kind: Water
    water: BaseGeometry
    banks: BaseGeometry
    corridor: BaseGeometry
    course: np.ndarray
    width: float
    turbidity: float
    edge: Ground
    edge_width: float
    bars: BaseGeometry
    size: float
    fall: np.ndarray
    gradient: float
    base: float
    bank: float
    rise: float
    depth: float
    plain: float
    uneven: Noise
    belt: float
    valley: KDTree | None
    hills: Hills
    shore: Shore | None

    def elevation(self, xy: np.ndarray) -> np.ndarray:
        """Of the ground (N,) [m], or of the bed under water, at points (N, 2)."""
        return self._heights(xy)[0]

    def surface(self, xy: np.ndarray) -> np.ndarray:
        """Elevation of the water's surface (N,) [m], continued over dry land, at points (N, 2)."""
        if self.kind in ("coast", "lake", "canal"):
            return np.full(len(xy), self.base)
        return self._plane(xy)

    def slope(self, xy: np.ndarray) -> np.ndarray:
        """Steepness of the ground (N,) [m/m] at points (N, 2)."""
        east, north = np.array([STEEP, 0.0]), np.array([0.0, STEEP])
        around = self.elevation(np.concatenate([xy + east, xy - east, xy + north, xy - north]))
        a, b, c, d = around.reshape(4, -1)
        dx, dy = a - b, c - d
        return np.sqrt(dx * dx + dy * dy) / (2 * STEEP)

    def from_shore(self, xy: np.ndarray) -> np.ndarray:
        """Distance from the shore (N,) [m], negative in water and infinite without any, of points (N, 2)."""
        return np.full(len(xy), np.inf) if self.shore is None else self.shore.distance(xy)

    def window(self, west: float, south: float, size: float) -> tuple[Field, Field]:
        """The ground and the water's surface (NaN where dry) in a square, float32 [m].

        Args:
            west, south: Its corner [m]; multiples of `CELL` for windows that shall agree.
            size: Side [m], likewise.
        """
        cells = math.ceil(size / CELL)
        x = (west / CELL + (np.arange(cells) + 0.5)) * CELL
        y = ((south + size) / CELL - (np.arange(cells) + 0.5)) * CELL
        xy = np.stack([np.tile(x, cells), np.repeat(y, cells)], 1)
        ground, water = (
            Field(west=west, north=south + size, cell=CELL, values=v.astype(np.float32).reshape(cells, cells))
            for v in self._heights(xy)
        )
        return ground, water

    def _plane(self, xy: np.ndarray) -> np.ndarray:
        along = (xy[:, 0] - self.size / 2) * self.fall[0] + (xy[:, 1] - self.size / 2) * self.fall[1]
        return self.base - self.gradient * along

    def _heights(self, xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Elevation of the ground, and of the water where there is some, each (N,) [m]."""
        hills, bumps = self.hills.at(xy[:, 0], xy[:, 1]), self.hills.unevenness(xy[:, 0], xy[:, 1])
        if self.shore is None:
            return self._plane(xy) + hills + bumps, np.full(len(xy), np.nan)
        shore, surface = self.shore.distance(xy), self.surface(xy)
        dry = np.maximum(shore, 0.0)
        natural = (self.base + self.gradient * dry if self.kind == "coast" else self._plane(xy)) + hills
        plain = self.plain * (0.4 + 1.2 * _squash(1.2 * self.uneven.at(xy[:, 0], xy[:, 1])))
        beyond = _ramp((dry - self.bank) / plain)
        if (
            self.valley is not None
        ):  # hills begin where the valley ends, at times where the river cuts into it
            axis, _ = self.valley.query(xy, distance_upper_bound=self.belt + 1.6 * self.plain)
            beyond = _ramp((axis - self.belt) / plain) * _ramp((dry - self.bank) / 40)
        low = surface + self.rise * np.minimum(dry / self.bank, 1)
        land = low + beyond * (natural + self.rise - low) + bumps * _ramp(dry / 15)
        bed = surface - np.maximum(self.depth * _bed(-shore, self.kind, self.width), 0.03)
        return np.where(shore < 0, bed, land), np.where(shore < 0, surface, np.nan)


def make_land(style: Style, size: float, rng: np.random.Generator) -> Land:
    """The land of a region of `size` metres: hills on a gentle slope, and what water the style draws."""
    seeds = [int(s) for s in rng.integers(0, 2**62, 6)]
    relief = rng.uniform(*style.relief)
    wave = rng.uniform(250, 700) * max(1.0, math.sqrt(relief / 20))  # higher hills are wider
    hills = Hills(
        height=relief,
        swell=Noise(seed=seeds[0], wavelength=wave, octaves=3, gain=0.4),
        gullies=Noise(seed=seeds[1], wavelength=0.5 * wave, octaves=2, gain=0.4),
        bumps=Noise(seed=seeds[2], wavelength=26.0, octaves=2),
        east=Noise(seed=seeds[3], wavelength=0.7 * wave),
        north=Noise(seed=seeds[4], wavelength=0.7 * wave),
        reach=0.13 * wave,
    )
    heading, plain = rng.uniform(0, 2 * math.pi), rng.uniform(60, 200) + 2 * relief
    fall = np.array([math.cos(heading), math.sin(heading)])
    plan = plan_water(choose(style.water, rng), style, size, fall, rng)
    wet = shapely.simplify(plan.water, 0.5)
    return Land(
        kind=plan.kind,
        water=plan.water,
        banks=wet.buffer(plan.bank + 1.5),
        corridor=wet.union(plan.bars).buffer(plan.bank + plan.edge_width + rng.uniform(2, 25)),
        course=plan.course,
        width=plan.width,
        turbidity=float(rng.uniform(*style.turbidity)) * (0.5 if plan.kind in ("coast", "lake") else 1.0),
        edge=plan.edge,
        edge_width=plan.edge_width,
        bars=plan.bars,
        size=size,
        fall=fall,
        gradient=rng.uniform(*style.gradient),
        base=0.0 if plan.kind == "coast" else float(rng.uniform(5, 400)),
        bank=plan.bank,
        rise=plan.rise,
        depth=plan.depth,
        plain=plain,
        uneven=Noise(seed=seeds[5], wavelength=3 * plain, octaves=2),
        belt=plan.belt,
        valley=KDTree(plan.valley) if len(plan.valley) else None,
        hills=hills,
        shore=_shore(plan, size),
    )


def _shore(plan: WaterPlan, size: float) -> Shore | None:
    """The shore as pieces of some metres, as far as it can be the nearest to a place in the region."""
    if plan.water.is_empty:
        return None
    around = shapely.box(-1.5 * size - 500, -1.5 * size - 500, 2.5 * size + 500, 2.5 * size + 500)
    lines = shapely.get_parts(shapely.segmentize(plan.water.boundary.intersection(around), 4.0))
    points = [shapely.get_coordinates(line) for line in lines]
    start, end = (np.concatenate([p[a:b] for p in points]) for a, b in ((None, -1), (1, None)))
    middle = (start + end) / 2
    coarse = KDTree(middle[::COARSE])
    return Shore(start=start, end=end, tree=KDTree(middle), coarse=coarse, water=plan.water)


def _bed(inside: np.ndarray, kind: Water, width: float) -> np.ndarray:
    """Depth (N,) as a share of the greatest, `inside` (N,) [m] from the shore."""
    inside = np.maximum(inside, 0)
    if kind == "coast" or kind == "lake":
        return inside / (25.0 + inside)
    share = np.minimum(inside / (0.2 * width), 1)
    return 1 - (1 - share) ** 2


def _ramp(share: np.ndarray) -> np.ndarray:
    """Smoothly from 0 to 1 where `share` goes from 0 to 1."""
    share = np.clip(share, 0, 1)
    return share * share * (3 - 2 * share)


def _squash(noise: np.ndarray) -> np.ndarray:
    """From the real line to (0, 1)."""
    return 0.5 + 0.5 * noise / np.sqrt(1 + noise * noise)


def _squared_distance(xy: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Of points (N, 2) to as many segments, (N,) [m2]."""
    x, y = xy[:, 0] - start[:, 0], xy[:, 1] - start[:, 1]
    dx, dy = end[:, 0] - start[:, 0], end[:, 1] - start[:, 1]
    t = np.clip((x * dx + y * dy) / np.maximum(dx * dx + dy * dy, 1e-12), 0, 1)
    return (x - t * dx) ** 2 + (y - t * dy) ** 2

"""The ground map: what each half metre is made of, and where trees want to grow.

All randomness is a function of the place, so that maps of overlapping squares agree to the bit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.canvas import Canvas
from simulator.city.local_streets import Draft
from simulator.city.model import Field, Ground, Season
from simulator.city.noise import Noise, hashed, hashed_uniform
from simulator.city.plots import SEALED, Patch

CELL = 0.5
MEDIAN_FROM = 18.0  # a primary street this wide has a green strip in its middle [m]
MEDIAN = 3.0  # width of that strip [m]
COARSE = 4.0  # cell on which the distance from the shore is taken [m]
GREEN = (Ground.GRASS, Ground.MEADOW, Ground.LAWN)
PATH = 0.035  # share of a wavelength, about, that a trodden path is wide


@dataclass(frozen=True, slots=True, kw_only=True)
class Pavement:
    """What streets and rails cover, in the order of painting. A piece's geometry must not depend on the
    square that is painted: give streets and junctions one by one, not their union over a square.

    Attributes:
        shoulders: Verges and sidewalks, painted before the patches.
        carriageways: Painted over the patches.
        medians: Green strips in carriageways.
        lines: Markings, (N, 2) each [m].
        rails: Strips of ballast, under the carriageways that cross them.
    """

    carriageways: tuple[tuple[BaseGeometry, Ground], ...] = ()
    shoulders: tuple[tuple[BaseGeometry, Ground], ...] = ()
    lines: tuple[np.ndarray, ...] = ()
    medians: tuple[BaseGeometry, ...] = ()
    rails: tuple[BaseGeometry, ...] = ()


class Waters(Protocol):
    """What painting must know of the water; `simulator.city.terrain.Land` explains it."""

    @property
    def water(self) -> BaseGeometry: ...
    @property
    def edge(self) -> Ground: ...
    @property
    def edge_width(self) -> float: ...
    @property
    def width(self) -> float: ...
    @property
    def bars(self) -> BaseGeometry: ...
    def from_shore(self, xy: np.ndarray) -> np.ndarray: ...


def paint_ground(
    patches: Sequence[Patch],
    pavement: Pavement,
    land: Waters,
    west: float,
    south: float,
    size: float,
    seed: int,
    season: Season = "leafy",
) -> tuple[Field, Field]:
    """`Ground` codes, uint8, and crown area over area, float32, both on cells of `CELL` metres.

    Args:
        patches: In the order of painting.
        pavement: Streets and rails.
        land: With the water.
        west, south: Corner of the square [m]; multiples of `CELL` for maps that shall agree.
        size: Its side [m], likewise.
        seed: Of the region, at least 0.
        season: "dry" withers most grass, "autumn" and "bare" some meadows.
    """
    place = (size, CELL)
    trees = Canvas(*place, np.float32, 0.1 + 0.7 * hashed_uniform(seed, 20)[0], west, south)
    index = Canvas(*place, np.int32, 0, west, south)
    grounds = [(Ground.MEADOW, Ground.GRASS, np.zeros(2))]
    for shape, ground in pavement.shoulders:
        index.area(shape, len(grounds))
        trees.area(shape, 0.0)
        grounds.append((ground, ground, np.array(shape.bounds[:2])))
    index.fill_each([p.shape for p in patches], list(range(len(grounds), len(grounds) + len(patches))))
    grounds += [(p.ground, p.blend, p.shape[0]) for p in patches]
    wooded = [(p.shape, p.trees) for p in patches if p.trees is not None]
    trees.fill_each([shape for shape, _ in wooded], [cover for _, cover in wooded])
    codes = Canvas(*place, np.uint8, 0, west, south)
    clumps = _clumps(codes, seed)
    codes.values[:] = _natural(index.values, grounds, clumps, codes, seed, season)
    _edges(codes, trees, land, clumps, seed)
    for strip in pavement.rails:
        codes.area(strip, int(Ground.BALLAST))
        trees.area(strip, 0.0)
    for shape, surface in pavement.carriageways:
        codes.area(shape, int(surface))
        trees.area(shape, 0.0)
        if surface == Ground.DIRT_ROAD:
            _ruts(codes, shape, clumps)
    for strip in pavement.medians:
        codes.area(strip, int(Ground.GRASS))
    codes.lines(pavement.lines, int(Ground.MARKING))
    codes.area(land.water, int(Ground.RIVERBED))
    trees.area(land.water, 0.0)
    return codes.field(), trees.field()


def has_median(street: Draft) -> bool:
    """Whether a green strip parts the carriageway."""
    plain = not (street.bridge or street.roundabout)
    return street.kind == "primary" and street.width >= MEDIAN_FROM and plain


def _clumps(canvas: Canvas, seed: int) -> np.ndarray:
    """Noise by which grounds fade into each other, float32 (H, W), of standard deviation about 1."""
    wavelength = 50.0 * 2 ** hashed_uniform(seed, 21)[0]
    noise = Noise(seed=int(hashed(seed, 22)[0]), wavelength=wavelength, octaves=7, gain=0.7)
    clumps = noise.grid(canvas.west, canvas.north, CELL, canvas.values.shape)
    height, width = canvas.values.shape
    row = np.arange(height) - round(canvas.north / CELL)
    col = np.arange(width) + round(canvas.west / CELL)
    clumps += _specks(int(hashed(seed, 23)[0] & np.uint64(0xFFFFFFFF)), row, col)
    return clumps


def _specks(seed: int, row: np.ndarray, col: np.ndarray) -> np.ndarray:
    """Independent noise of cells (H,), (W,) with a triangular distribution, float32 (H, W), 0.3 wide."""
    word = (row.astype(np.uint32) * np.uint32(0x9E3779B1) ^ np.uint32(seed))[:, None]
    word = word ^ (col.astype(np.uint32) * np.uint32(0x85EBCA77))[None, :]
    word ^= word >> np.uint32(16)  # lowbias32 (Wellons 2018, "Prospecting for Hash Functions")
    word *= np.uint32(0x7FEB352D)
    word ^= word >> np.uint32(15)
    word *= np.uint32(0x846CA68B)
    word ^= word >> np.uint32(16)
    total = (word & np.uint32(0xFFFF)) + (word >> np.uint32(16))
    return (total.astype(np.float32) - np.float32(65535)) * np.float32(0.75 / 65536)


def _natural(
    index: np.ndarray,
    grounds: list[tuple[Ground, Ground, np.ndarray]],
    clumps: np.ndarray,
    canvas: Canvas,
    seed: int,
    season: Season,
) -> np.ndarray:
    """Codes (H, W) of patches, mixed, worn and withered.

    Args:
        index: (H, W) of each cell's patch in `grounds`.
        grounds: Of each patch the ground, what it is mixed with, and a point (2,) that tells it from others.
        clumps: (H, W) noise.
        canvas: Where that is.
        seed: Of the region.
        season: As in `paint_ground`.
    """
    first, second = (np.array([g[k] for g in grounds], np.uint8) for k in (0, 1))
    corner = np.rint(100 * np.array([g[2] for g in grounds])).astype(np.int64)
    mood, thirst = (hashed_uniform(seed, 24 + k, *corner.T).astype(np.float32) for k in (0, 1))
    codes = np.where(clumps < (1.2 * mood - 0.6)[index], second[index], first[index])
    worn = second == Ground.SOIL
    if worn.any():
        paths = Noise(seed=int(hashed(seed, 26)[0]), wavelength=55.0, octaves=2, gain=0.3)
        trodden = np.abs(paths.grid(canvas.west, canvas.north, CELL, codes.shape)) < PATH
        codes[trodden & worn[index] & np.isin(codes, GREEN)] = Ground.SOIL
    if season != "leafy":
        fades = GREEN[:2] if season == "dry" else (Ground.MEADOW,)
        level = (1.6 * thirst if season == "dry" else 1.6 * thirst - 1.4)[index]
        codes[np.isin(codes, fades) & (clumps < level)] = Ground.DRY_GRASS
    return codes


def _ruts(canvas: Canvas, road: BaseGeometry, clumps: np.ndarray) -> None:
    """Grass between the wheels of an earth road."""
    width = 2 * road.area / max(road.length, 1e-9)  # of a long strip, nearly
    middle = Canvas(
        canvas.values.shape[0] * CELL,
        CELL,
        np.uint8,
        0,
        canvas.west,
        canvas.north - canvas.values.shape[0] * CELL,
    )
    middle.area(road.buffer(-0.4 * width), 1)
    canvas.values[(middle.values == 1) & (clumps > 0)] = Ground.GRASS


def _edges(canvas: Canvas, trees: Canvas, land: Waters, clumps: np.ndarray, seed: int) -> None:
    """Beaches, banks and quays: a strip beside the water, ragged where it is natural, and bars in rivers."""
    height, width = canvas.values.shape
    square = shapely.box(canvas.west, canvas.north - height * CELL, canvas.west + width * CELL, canvas.north)
    reach = 2.5 * land.edge_width + 0.5 * land.width
    if land.water.is_empty or not shapely.dwithin(square, land.water, reach):
        return
    distance = _from_shore(canvas, land)
    if land.edge in SEALED:
        canvas.values[distance < land.edge_width] = land.edge
        trees.values[distance < land.edge_width] = 0.0
        return
    near = distance < reach
    strip = near & (distance < land.edge_width * (0.7 + 0.35 * clumps))
    canvas.values[strip] = land.edge
    if land.edge not in GREEN:
        trees.values[strip] = 0.0
    bars = Canvas(width * CELL, CELL, np.uint8, 0, canvas.west, canvas.north - height * CELL)
    bars.area(land.bars, 1)
    bare = (bars.values == 1) & (clumps > -1.2)
    canvas.values[bare] = Ground.SAND if hashed_uniform(seed, 28)[0] < 0.5 else Ground.GRAVEL
    trees.values[bare] = 0.0


def _from_shore(canvas: Canvas, land: Waters) -> np.ndarray:
    """Distance of cells from the shore, (H, W) [m], negative in water: bilinear between nodes."""
    fine = round(COARSE / CELL)
    height, width = canvas.values.shape
    left, top = round(canvas.west / CELL), -round(canvas.north / CELL)  # in cells, y downwards
    i0, j0 = left // fine, top // fine
    i1, j1 = -(-(left + width) // fine), -(-(top + height) // fine)
    x, y = np.arange(i0, i1 + 1) * COARSE, -np.arange(j0, j1 + 1) * COARSE
    xy = np.stack([np.tile(x, len(y)), np.repeat(y, len(x))], 1)
    nodes = land.from_shore(xy).astype(np.float32).reshape(len(y), len(x))
    t = ((np.arange(fine) + 0.5) / fine).astype(np.float32)
    tall = nodes[:-1, None] * (1 - t)[:, None] + nodes[1:, None] * t[:, None]
    tall = tall.reshape(-1, len(x))
    wide = tall[:, :-1, None] * (1 - t) + tall[:, 1:, None] * t
    wide = wide.reshape(len(tall), -1)
    return wide[top - j0 * fine :, left - i0 * fine :][:height, :width]

"""The ground map: what each half metre is made of, and where trees want to grow."""

import math

import cv2
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from shapely.ops import substring

from simulator.city.frames import polygons
from simulator.city.model import Field, Ground, Street
from simulator.city.noise import smooth_noise
from simulator.city.plots import Patch
from simulator.city.streets import MEDIAN, MEDIAN_FROM, Network
from simulator.city.terrain import Land

CELL = 0.5
SHIFT = 4  # fractional bits of cv2's polygon corners
LINE = 0.5  # a marking is drawn one cell wide, though 0.10 to 0.15 m on the road


class Canvas:
    """A raster over the square that polygons in metres are painted on: a cell is in by its centre, nearly."""

    def __init__(self, size: float, cell: float, dtype: type, fill: float) -> None:
        cells = math.ceil(size / cell)
        self.size, self.cell = size, cell
        self.values = np.full((cells, cells), fill, dtype)

    def fill(self, rings: list[np.ndarray], value: float) -> None:
        """Paints simple polygons, even-odd where they overlap."""
        cv2.fillPoly(self.values, [self._pixels(r) for r in rings], value, lineType=cv2.LINE_8, shift=SHIFT)

    def area(self, shape: BaseGeometry, value: float) -> None:
        """Paints polygons with their holes left out."""
        for part in polygons(shape):
            rings = [part.exterior, *part.interiors]
            self.fill([shapely.get_coordinates(r)[:-1] for r in rings], value)

    def line(self, points: np.ndarray, value: float) -> None:
        """Draws a polyline one cell wide."""
        cv2.polylines(self.values, [self._pixels(points)], False, value, 1, cv2.LINE_8, SHIFT)

    def field(self) -> Field:
        """The raster with its place."""
        return Field(west=0.0, north=self.size, cell=self.cell, values=self.values)

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        pixels = np.stack([points[:, 0], self.size - points[:, 1]], 1) / self.cell - 0.5
        return np.rint(pixels * 2**SHIFT).astype(np.int32)


def paint_ground(
    patches: list[Patch], network: Network, land: Land, size: float, rng: np.random.Generator
) -> tuple[Field, Field]:
    """`Ground` codes, uint8, and crown area over area, float32, both on cells of `CELL` metres."""
    codes, blends = Canvas(size, CELL, np.uint8, Ground.MEADOW), Canvas(size, CELL, np.uint8, Ground.GRASS)
    trees = Canvas(size, CELL, np.float32, rng.uniform(0.1, 0.8))
    trees.area(network.right_of_way, 0.0)
    edge = int((Ground.CONCRETE, Ground.CONCRETE, Ground.PAVING)[rng.integers(3)])
    for shape, green in _shoulders(network):
        codes.area(shape, int(Ground.GRASS) if green else edge)
        blends.area(shape, int(Ground.GRASS) if green else edge)
    for piece in patches:
        codes.fill([piece.shape], int(piece.ground))
        blends.fill([piece.shape], int(piece.blend))
        if piece.trees is not None:
            trees.fill([piece.shape], piece.trees)
    clumps = smooth_noise(codes.values.shape, CELL, rng.uniform(10, 40), rng, octaves=5)
    clumps += 0.3 * rng.standard_normal(clumps.shape, np.float32)  # grounds fade into each other
    second = clumps + rng.uniform(-0.6, 0.6) < 0
    codes.values[second] = blends.values[second]
    codes.area(network.carriageway, int(Ground.ASPHALT))
    for street in network.streets:
        _markings(codes, street)
    _river(codes, trees, land, rng)
    return codes.field(), trees.field()


def _shoulders(network: Network) -> list[tuple[BaseGeometry, bool]]:
    """The ground beside carriageways, in the order of painting, and whether it is green."""
    if not network.streets:
        return []
    lines = np.array([shapely.LineString(s.centreline) for s in network.streets])
    half = np.array([s.width / 2 for s in network.streets])
    parts = [(network.right_of_way, True)]
    paved, green = network.sidewalks >= 0.6, network.verges >= 0.6
    outer = half + network.verges + network.sidewalks
    for chosen, reach, is_green in ((paved, outer, False), (green, half + network.verges, True)):
        if chosen.any():
            strip = shapely.unary_union(shapely.buffer(lines[chosen], reach[chosen], quad_segs=3))
            parts.append((strip.intersection(network.right_of_way), is_green))
    return parts


def _markings(canvas: Canvas, street: Street) -> None:
    """A green median or a dashed middle line on wide streets, lane lines on the widest."""
    line = shapely.LineString(street.centreline)
    if street.kind == "residential" or street.kind == "living_street" or line.length < 20 or street.bridge:
        return
    inner = substring(line, 8.0, line.length - 8.0)
    if has_median(street):
        canvas.area(inner.buffer(MEDIAN / 2, cap_style="flat"), int(Ground.GRASS))
    elif street.width >= 9:
        canvas.line(shapely.get_coordinates(inner), int(Ground.MARKING))
    if street.width >= 13:
        for side in (-1, 1):
            lane = inner.offset_curve(side * (street.width / 4 + (MEDIAN / 4 if has_median(street) else 0)))
            if lane.geom_type != "LineString":
                continue
            for start in np.arange(0.0, lane.length - 3.0, 12.0):  # 3 m dashes, 9 m gaps (MUTCD 3A.06)
                dash = substring(lane, start, start + 3.0)
                canvas.line(shapely.get_coordinates(dash), int(Ground.MARKING))


def has_median(street: Street) -> bool:
    """Whether a green strip parts the carriageway."""
    return street.kind == "primary" and street.width >= MEDIAN_FROM and not street.bridge


def _river(canvas: Canvas, trees: Canvas, land: Land, rng: np.random.Generator) -> None:
    """The bed, and banks of earth, gravel or grass."""
    if land.river.is_empty:
        return
    bank = (Ground.SOIL, Ground.GRAVEL, Ground.MEADOW, Ground.GRASS)[rng.integers(4)]
    shore = Canvas(canvas.size, canvas.cell, np.uint8, 0)
    shore.area(land.river.buffer(rng.uniform(1.0, 4.0)), 1)
    road = (canvas.values == Ground.ASPHALT) | (canvas.values == Ground.MARKING)
    canvas.values[(shore.values == 1) & ~road] = bank
    canvas.area(land.river, int(Ground.RIVERBED))
    trees.area(land.river, 0.0)

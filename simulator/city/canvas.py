"""A raster that polygons in metres are painted on, so that overlapping rasters agree to the bit."""

import math
from collections.abc import Sequence

import cv2
import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.frames import polygons
from simulator.city.model import Field

SHIFT = 4  # fractional bits of cv2's polygon corners
BLOCK = 512  # what is larger than twice this and crosses the edge is painted in blocks of it [cells]
PAD = 4  # cells around a block


class Canvas:
    """A raster over a square; a cell is in a polygon by its centre, nearly.

    cv2 draws an outline that it must cut at the picture's edge along other cells than the whole outline. So
    what crosses the edge is drawn whole on a sheet of its own and copied; and what is too large for that, in
    blocks of a fixed lattice.
    """

    def __init__(
        self, size: float, cell: float, dtype: type, fill: float, west: float = 0.0, south: float = 0.0
    ) -> None:
        """An even canvas; `west` and `south` are its corner [m], multiples of `cell`."""
        cells = math.ceil(size / cell)
        self.west, self.north, self.cell = west, south + size, cell
        self.values = np.full((cells, cells), fill, dtype)
        self._corner = np.rint(np.array([west, -self.north]) / cell * 2**SHIFT).astype(np.int64)

    def fill(self, rings: list[np.ndarray], value: float) -> None:
        """Paints simple polygons, even-odd where they overlap."""
        pixels = [self._pixels(r) for r in rings]
        low, high = _bounds(pixels)
        if (low >= self.values.shape[::-1]).any() or (high <= 0).any():
            return
        if self._holds(low, high):
            cv2.fillPoly(self.values, pixels, value, cv2.LINE_8, SHIFT)
        elif (high - low <= 2 * BLOCK).all():
            sheet = np.zeros(tuple((high - low)[::-1]), np.uint8)
            cv2.fillPoly(sheet, [(p - low * 2**SHIFT).astype(np.int32) for p in pixels], 1, cv2.LINE_8, SHIFT)
            self._copy(sheet, low, value)
        else:
            shape = shapely.make_valid(shapely.Polygon(rings[0], rings[1:]))
            for box, corner in self._blocks(low, high):
                sheet = np.zeros((BLOCK + 2 * PAD, BLOCK + 2 * PAD), np.uint8)
                for part in polygons(shape.intersection(box)):
                    piece = [self._pixels(r) - (corner - PAD) * 2**SHIFT for r in _rings(part)]
                    cv2.fillPoly(sheet, [p.astype(np.int32) for p in piece], 1, cv2.LINE_8, SHIFT)
                self._copy(sheet[PAD:-PAD, PAD:-PAD], corner, value)

    def fill_each(self, rings: list[np.ndarray], values: list[float]) -> None:
        """Paints many simple polygons, each with its value, in their order."""
        if not rings:
            return
        pixels, starts, inside, beyond = self._placed(rings)
        ends, whole, out = [*starts[1:].tolist(), len(pixels)], inside.tolist(), beyond.tolist()
        for k, (a, b) in enumerate(zip(starts.tolist(), ends, strict=True)):
            if whole[k]:
                cv2.fillPoly(self.values, [pixels[a:b]], values[k], cv2.LINE_8, SHIFT)
            elif not out[k]:
                self.fill([rings[k]], values[k])

    def area(self, shape: BaseGeometry, value: float) -> None:
        """Paints polygons with their holes left out."""
        for part in polygons(shape):
            self.fill(_rings(part), value)

    def line(self, points: np.ndarray, value: float) -> None:
        """Draws a polyline one cell wide."""
        pixels = self._pixels(points)
        if self._holds(*_bounds([pixels])):
            cv2.polylines(self.values, [pixels], False, value, 1, cv2.LINE_8, SHIFT)
            return
        for k in range(len(pixels) - 1):
            piece = pixels[k : k + 2]
            low, high = _bounds([piece])
            if (low < self.values.shape[::-1]).all() and (high > 0).all():
                sheet = np.zeros(tuple((high - low)[::-1]), np.uint8)
                piece = (piece - low * 2**SHIFT).astype(np.int32)
                cv2.polylines(sheet, [piece], False, 1, 1, cv2.LINE_8, SHIFT)
                self._copy(sheet, low, value)

    def lines(self, lines: Sequence[np.ndarray], value: float) -> None:
        """Draws many polylines of one value."""
        if not lines:
            return
        pixels, starts, inside, beyond = self._placed(lines)
        pieces = np.split(pixels, starts[1:])
        whole = [piece for piece, ok in zip(pieces, inside.tolist(), strict=True) if ok]
        cv2.polylines(self.values, whole, False, value, 1, cv2.LINE_8, SHIFT)
        for k in np.flatnonzero(~inside & ~beyond):
            self.line(lines[k], value)

    def field(self) -> Field:
        """The raster with its place."""
        return Field(west=self.west, north=self.north, cell=self.cell, values=self.values)

    def _pixels(self, points: np.ndarray) -> np.ndarray:
        """Positions (N, 2) as cv2 wants them; rounded in the plane, not on the canvas."""
        place = np.stack([points[:, 0], -points[:, 1]], 1) / self.cell - 0.5
        return (np.rint(place * 2**SHIFT).astype(np.int64) - self._corner).astype(np.int32)

    def _placed(self, rings: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Corners of many outlines in a row as `_pixels`, where each outline starts, and whether it is wholly
        on the canvas, and wholly off it."""
        pixels = self._pixels(np.concatenate(rings))
        counts = np.array([len(r) for r in rings])
        starts = np.cumsum(counts) - counts
        low = (np.minimum.reduceat(pixels, starts) >> SHIFT) - 1
        high = (np.maximum.reduceat(pixels, starts) >> SHIFT) + 3
        inside = ((low >= 0) & (high <= self.values.shape[::-1])).all(axis=1)
        return pixels, starts, inside, ((low >= self.values.shape[::-1]) | (high <= 0)).any(axis=1)

    def _holds(self, low: np.ndarray, high: np.ndarray) -> bool:
        return bool((low >= 0).all() and (high <= self.values.shape[::-1]).all())

    def _copy(self, sheet: np.ndarray, corner: np.ndarray, value: float) -> None:
        """Paints where `sheet` is 1; its first cell is cell `corner` (x, y) of the canvas."""
        low = np.maximum(corner, 0)
        high = np.minimum(corner + sheet.shape[::-1], self.values.shape[::-1])
        if (low < high).all():
            cut = sheet[low[1] - corner[1] : high[1] - corner[1], low[0] - corner[0] : high[0] - corner[0]]
            np.copyto(
                self.values[low[1] : high[1], low[0] : high[0]], value, where=cut == 1, casting="unsafe"
            )

    def _blocks(self, low: np.ndarray, high: np.ndarray) -> list[tuple[BaseGeometry, np.ndarray]]:
        """Blocks of the plane's lattice that meet cells `low` to `high` of the canvas: each as a box [m],
        somewhat larger, and its first cell on the canvas (x, y)."""
        corner = self._corner // 2**SHIFT
        first = (corner + np.maximum(low, 0)) // BLOCK
        last = (corner + np.minimum(high, self.values.shape[::-1]) - 1) // BLOCK
        blocks = []
        for i in range(int(first[0]), int(last[0]) + 1):
            for j in range(int(first[1]), int(last[1]) + 1):
                left, top = (i * BLOCK - PAD / 2) * self.cell, -(j * BLOCK - PAD / 2) * self.cell
                side = (BLOCK + PAD) * self.cell
                box = shapely.box(left, top - side, left + side, top)
                blocks.append((box, np.array([i, j]) * BLOCK - corner))
        return blocks


def _rings(part: shapely.Polygon) -> list[np.ndarray]:
    return [shapely.get_coordinates(r)[:-1] for r in (part.exterior, *part.interiors)]


def _bounds(pixels: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """First cell and the one after the last, (x, y), that outlines can touch."""
    corners = pixels[0] if len(pixels) == 1 else np.concatenate(pixels)
    low, high = corners.min(axis=0).astype(np.int64), corners.max(axis=0).astype(np.int64)
    return (low >> SHIFT) - 1, (high >> SHIFT) + 3

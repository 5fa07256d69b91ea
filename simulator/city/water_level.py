"""The surface of mapped water, and its bed in the ground."""

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from simulator.city.frames import box_frame, polygons
from simulator.city.model import Field

DEEPEST = 3.0  # [m]; this and the slopes are assumptions
BED_SLOPE, BANK_SLOPE = 0.4, 0.3  # [m/m]
BANK = 6.0  # how far the ground about the water is at least as high as it [m]
LONG = 4.0  # a body this many times longer than wide runs downhill; others lie level
LOW = 10  # percentile of the ground along the shore at which the surface lies


def carve(terrain: Field, water: BaseGeometry) -> tuple[Field, Field]:
    """The ground with the beds carved in, and the elevation of the water's surface, NaN where dry.

    A lake's surface is level, a river's a plane along its course: so it does not run uphill.
    """
    ground = terrain.values.astype(np.float64)
    surface = np.full(ground.shape, np.nan)
    x, y = terrain.centres()
    side = terrain.cell * ground.shape[0]
    square = shapely.box(terrain.west, terrain.north - side, terrain.west + side, terrain.north)
    around = square.buffer(2 * BANK, join_style="mitre")
    cut = shapely.union_all([square.exterior.buffer(1.0), around.exterior.buffer(1.0)])
    for body in polygons(water.intersection(around), 4.0):
        west, south, east, north = body.bounds
        cols = np.flatnonzero((x > west - BANK) & (x < east + BANK))
        rows = np.flatnonzero((y > south - BANK) & (y < north + BANK))
        if not len(cols) or not len(rows):
            continue
        part = np.ix_(rows, cols)
        xy = np.stack(np.meshgrid(x[cols], y[rows]), -1)
        points = shapely.points(xy)
        line = body.boundary.difference(cut)  # where a map ends is no shore
        shore = np.full(points.shape, np.inf) if line.is_empty else shapely.distance(line, points)
        inside = shapely.contains(body, points)
        level = _level(body, line, terrain, xy)
        bed = level - np.minimum(BED_SLOPE * shore, DEEPEST)
        bank = np.where(shore < BANK, level + BANK_SLOPE * shore, -np.inf)
        ground[part] = np.where(inside, np.minimum(ground[part], bed), np.maximum(ground[part], bank))
        surface[part] = np.where(inside, level, surface[part])
    wet = surface > ground + 0.02
    kept = Field(west=terrain.west, north=terrain.north, cell=terrain.cell, values=ground.astype(np.float32))
    level = np.where(wet, surface, np.nan).astype(np.float32)
    return kept, Field(west=terrain.west, north=terrain.north, cell=terrain.cell, values=level)


def _level(body: shapely.Polygon, shore: BaseGeometry, terrain: Field, xy: np.ndarray) -> np.ndarray:
    """Elevation of a body's surface at points (..., 2) [m], from the ground along its shore."""
    line = shapely.get_coordinates(shapely.segmentize(body.boundary if shore.is_empty else shore, 5.0))
    z = terrain.sample(line[:, 0], line[:, 1])
    frame, length, width = box_frame(body)
    if length < LONG * width and body.area > 0.3 * length * width:
        return np.full(xy.shape[:-1], np.percentile(z, LOW))
    design = np.column_stack([np.ones(len(line)), frame.inside(line)[:, 0]])
    plane = np.linalg.lstsq(design, z, rcond=None)[0]
    rest = np.percentile(z - design @ plane, LOW)
    along = frame.inside(xy.reshape(-1, 2))[:, 0].reshape(xy.shape[:-1])
    return plane[0] + rest + plane[1] * along

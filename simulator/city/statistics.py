"""Figures that a city, a set of footprints and a labelled image can be compared by."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from simulator.city.model import ROADWAY, Boxes, City, Street, Trees
from simulator.city.outline import covered

OFF_THE_NETWORK = ("service", "track", "footway", "path", "pedestrian", "steps", "cycleway")
"""Street kinds that are not counted, as in osmnx's network type "drive"."""
SAME_NODE = 5.0  # street ends nearer than this are one intersection [m], an assumption
FINE = 4  # cells a pixel's side when footprints are drawn into a mask
CROWN_CELL = 0.25  # of the raster on which crowns are merged [m]
SPECK = 10.0  # what is smaller is no building in labels and footprints [m2], an assumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """What a place looks like in numbers; NaN where the source does not tell.

    Attributes:
        built_up: Share of the ground under buildings, in [0, 1].
        buildings: A km2.
        footprint: Quartiles of the footprint area [m2].
        elongation: Median ratio of the sides of the smallest rectangle around a footprint, at least 1.
        spacing: Median distance from a building to its nearest neighbour, edge to edge [m], 0 at party walls.
        street_width: Median carriageway, weighted by length [m].
        streets: Length [km] a km2.
        intersections: Of three or more street ends, a km2.
        degree: Mean number of street ends that meet at an intersection or end blind.
        tree_cover: Share of the ground under crowns, in [0, 1].
        vehicles: Share of the ground under vehicles, in [0, 1].
    """

    built_up: float = math.nan
    buildings: float = math.nan
    footprint: tuple[float, float, float] = (math.nan, math.nan, math.nan)
    elongation: float = math.nan
    spacing: float = math.nan
    street_width: float = math.nan
    streets: float = math.nan
    intersections: float = math.nan
    degree: float = math.nan
    tree_cover: float = math.nan
    vehicles: float = math.nan


def city_statistics(city: City) -> Statistics:
    """Figures of a whole city; outbuildings count in `built_up` only."""
    square = shapely.box(0, 0, city.size, city.size)
    area = city.size**2
    shapes = np.array(
        [max(shapely.get_parts(covered(b)), key=shapely.area) for b in city.buildings], dtype=object
    )
    main = np.array([b.use != "outbuilding" for b in city.buildings], dtype=bool)
    built = shapely.area(shapely.intersection(shapes, square)).sum() if len(shapes) else 0.0
    driven = [s for s in city.streets if s.kind not in OFF_THE_NETWORK]
    lengths = np.array([shapely.LineString(s.centreline).length for s in driven])
    degrees = _degrees(driven, city.size)
    return Statistics(
        built_up=float(built / area),
        **_shape_figures(shapes[main], area),
        street_width=_weighted_median(np.array([s.width for s in driven]), lengths),
        streets=float(lengths.sum() / 1e3 / (area / 1e6)),
        intersections=float((degrees >= 3).sum() / (area / 1e6)),
        degree=float(degrees[degrees != 2].mean()) if (degrees != 2).any() else math.nan,
        tree_cover=_crown_share(city.trees, city.size),
        vehicles=_box_share(city.vehicles, city.size),
    )


def footprint_statistics(shapes: Sequence[shapely.Polygon], area: float) -> Statistics:
    """Figures of footprints [m] that were drawn over `area` [m2]; those under `SPECK` are left out."""
    kept = np.array([shape for shape in shapes if shape.area >= SPECK], dtype=object)
    built = float(shapely.area(kept).sum() / area) if len(kept) else 0.0
    return Statistics(built_up=built, **_shape_figures(kept, area))


def mask_statistics(mask: np.ndarray, gsd: float) -> Statistics:
    """Figures of the buildings in a label image.

    In a mask touching buildings are one, so a terrace counts as one long building: compare it with
    `building_mask` of a simulated city, never with `city_statistics`. Blobs that the image's edge cuts count
    in `built_up` and `buildings`, not in the figures of shape.

    Args:
        mask: (H, W), not 0 where a building is.
        gsd: Side of a pixel [m].
    """
    full = (np.asarray(mask) != 0).astype(np.uint8)
    count, labels, table, _ = cv2.connectedComponentsWithStats(full, connectivity=4)
    pixels = table[:, cv2.CC_STAT_AREA]
    large = pixels * gsd**2 >= SPECK
    large[0] = False
    labels = np.where(large[labels], labels, 0)
    left, top = table[:, cv2.CC_STAT_LEFT], table[:, cv2.CC_STAT_TOP]
    right, low = left + table[:, cv2.CC_STAT_WIDTH], top + table[:, cv2.CC_STAT_HEIGHT]
    whole = large & (left > 0) & (top > 0) & (right < full.shape[1]) & (low < full.shape[0])
    apart = _blob_spacing(labels, count)[whole] * gsd
    return Statistics(
        built_up=float(full.mean()),
        buildings=float(large.sum() / (full.size * gsd**2 / 1e6)),
        footprint=_quartiles(pixels[whole] * gsd**2),
        elongation=_median(
            [_elongation(labels[top[k] : low[k], left[k] : right[k]] == k) for k in np.flatnonzero(whole)]
        ),
        spacing=_median(apart[np.isfinite(apart)]),
    )


def road_statistics(mask: np.ndarray, gsd: float) -> Statistics:
    """Width and length of the roads in a label image (H, W), not 0 where a road is; `gsd` in [m].

    The width is twice the distance from the road's middle to its edge, the middle being where that distance
    has its local maxima; the length is the area over the width.
    """
    full = (np.asarray(mask) != 0).astype(np.uint8)
    distance = cv2.distanceTransform(full, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    ridge = (distance >= cv2.dilate(distance, np.ones((3, 3)))) & (distance > 1)
    if not ridge.any():
        return Statistics(street_width=math.nan, streets=0.0)
    width = float(np.median(2 * distance[ridge] - 1) * gsd)
    return Statistics(street_width=width, streets=float(full.mean() / width * 1e3))


def building_mask(city: City, gsd: float) -> np.ndarray:
    """(H, W) uint8, 1 where most of the pixel is under a building: what a label image would show."""
    pixels = math.floor(city.size / gsd)
    fine = np.zeros((pixels * FINE, pixels * FINE), np.uint8)
    for b in city.buildings:
        for footprint in (b.footprint, *(wing.footprint for wing in b.wings)):
            corners = np.column_stack([footprint[:, 0], pixels * gsd - footprint[:, 1]]) * (FINE / gsd) - 0.5
            cv2.fillPoly(fine, [np.rint(corners * 256).astype(np.int32)], 1, shift=8)
    share = fine.reshape(pixels, FINE, pixels, FINE).mean(axis=(1, 3))
    return (share > 0.5).astype(np.uint8)


def road_mask(city: City) -> np.ndarray:
    """(H, W) uint8 on the ground's cells, 1 on carriageways."""
    return np.isin(city.ground.values, [int(g) for g in ROADWAY]).astype(np.uint8)


def _shape_figures(shapes: np.ndarray, area: float) -> dict[str, Any]:
    """Density, footprint, elongation and spacing of polygons."""
    figures: dict[str, Any] = {"buildings": len(shapes) / (area / 1e6)}
    if not len(shapes):
        return figures
    tree = shapely.STRtree(shapes)
    spacing = math.nan
    if len(shapes) > 1:
        _, distance = tree.query_nearest(shapes, exclusive=True, all_matches=False, return_distance=True)
        spacing = _median(distance)
    corners = [shapely.get_coordinates(r) for r in shapely.minimum_rotated_rectangle(shapes)]
    sides = np.array([np.linalg.norm(np.diff(c[:3], axis=0), axis=1) for c in corners])
    return {
        **figures,
        "footprint": _quartiles(shapely.area(shapes)),
        "elongation": _median(sides.max(axis=1) / sides.min(axis=1)),
        "spacing": spacing,
    }


def _degrees(streets: Sequence[Street], size: float) -> np.ndarray:
    """(N,) street ends at each node in the square; where a street leaves it is none."""
    if not streets:
        return np.zeros(0, np.int64)
    ends = np.concatenate([s.centreline[[0, -1]] for s in streets])
    pairs = KDTree(ends).query_pairs(SAME_NODE, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(ends), len(ends)))
    _, node = connected_components(links, directed=False)
    degree = np.bincount(node)
    at = np.stack([np.bincount(node, ends[:, axis]) / degree for axis in (0, 1)], axis=1)
    return degree[((at > 1) & (at < size - 1)).all(axis=1)]


def _crown_share(trees: Trees, size: float) -> float:
    cells = math.ceil(size / CROWN_CELL)
    canvas = np.zeros((cells, cells), np.uint8)
    centres = np.rint((trees.xy / CROWN_CELL - 0.5) * 256).astype(np.int64)
    radii = np.maximum(np.rint((trees.radius / CROWN_CELL - 0.5) * 256), 0).astype(
        np.int64
    )  # rims are filled
    for (x, y), radius in zip(centres.tolist(), radii.tolist(), strict=True):
        cv2.circle(canvas, (x, y), radius, 1, thickness=-1, shift=8)
    return float(canvas.mean())


def _box_share(boxes: Boxes, size: float) -> float:
    inside = ((boxes.centre[:, :2] > 0) & (boxes.centre[:, :2] < size)).all(axis=1)
    return float(np.prod(boxes.size[inside, :2], axis=1).sum() / size**2)


def _blob_spacing(labels: np.ndarray, count: int) -> np.ndarray:
    """(count,) distance [pixels] of each label to the nearest other one, infinite for one alone.

    Every background pixel belongs to its nearest blob; two blobs' distance is the least sum of distances
    where their pixels meet, and a blob's nearest neighbour is always one that it meets.
    """
    nearest = np.full(count, np.inf)
    background = (labels == 0).astype(np.uint8)
    if not labels.any() or not background.any():
        return nearest
    distance, owner = cv2.distanceTransformWithLabels(
        background, cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    blob = np.zeros(int(owner.max()) + 1, np.int64)
    blob[owner[labels > 0]] = labels[labels > 0]
    cell = blob[owner]
    for here, there in (
        (np.s_[:, :-1], np.s_[:, 1:]),
        (np.s_[:-1], np.s_[1:]),
        (np.s_[:-1, :-1], np.s_[1:, 1:]),
        (np.s_[:-1, 1:], np.s_[1:, :-1]),
    ):
        a, b = cell[here], cell[there]
        differ = a != b
        gap = (distance[here] + distance[there])[differ]
        np.minimum.at(nearest, a[differ], gap)
        np.minimum.at(nearest, b[differ], gap)
    return nearest


def _elongation(blob: np.ndarray) -> float:
    points = np.argwhere(blob).astype(np.float32)
    corners = (points[:, None] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)).reshape(-1, 2)
    _, sides, _ = cv2.minAreaRect(cv2.convexHull(corners))
    return max(sides) / min(sides)


def _weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    if not len(values):
        return math.nan
    order = np.argsort(values)
    running = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])


def _median(values: Sequence[float] | np.ndarray) -> float:
    return float(np.median(values)) if len(values) else math.nan


def _quartiles(values: np.ndarray) -> tuple[float, float, float]:
    if not len(values):
        return (math.nan, math.nan, math.nan)
    low, middle, high = np.percentile(values, (25, 50, 75))
    return (float(low), float(middle), float(high))

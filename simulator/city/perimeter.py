"""Houses between party walls: even fronts along the street, wings and sheds in the court behind."""

import numpy as np
import shapely

from simulator.city.boxes import corners, nearly_box, rectangle
from simulator.city.character import Character, pick
from simulator.city.frames import Frame, polygons, shapes_of
from simulator.city.model import BoxKind, Building, Ground, TreeKind, Volume
from simulator.city.parcels import Parcel
from simulator.city.plots import (
    Plot,
    body,
    choose_covering,
    draw_building,
    draw_rise,
    enclose,
    litter,
    parking,
    patch,
    yard,
)
from simulator.city.style import Covering

STOREY = 3.1  # so that eaves are even along a street [m]
COURTS = (Ground.PAVING, Ground.CONCRETE, Ground.GRASS, Ground.SOIL, Ground.GRAVEL)


def fill_perimeter_lot(parcel: Parcel, rng: np.random.Generator) -> Plot:
    """A house of 10 to 14 m depth from side to side before a court; lots without a front are court."""
    c = parcel.character
    plot = Plot(patches=[yard(parcel.outline, c, rng)])
    frame, land = parcel.frame, parcel.inner
    if not isinstance(land, shapely.Polygon) or land.is_empty:
        return plot
    low = land.bounds[1]
    if parcel.remnant or parcel.front is None or rng.random() < c.vacant:
        _court(land, frame, c, plot, rng)
        return plot
    covering = choose_covering(c, rng)
    house = fill_front(land, low + c.setback, rng.uniform(10, 14), frame, covering, c, rng)
    if house is None:
        _court(land, frame, c, plot, rng)
        return plot
    plot.buildings.append(house[0])
    left, _, right, high = land.bounds
    court = shapely.clip_by_rect(land, left - 1, house[1] + 1.5, right + 1, max(high, house[1] + 1.5) + 1)
    _court(court, frame, c, plot, rng)
    return plot


def fill_front(
    land: shapely.Polygon,
    low: float,
    depth: float,
    frame: Frame,
    covering: Covering,
    c: Character,
    rng: np.random.Generator,
) -> tuple[Building, float] | None:
    """A house along the front from side to side, its ridge along the street, and where it ends [m].

    A wing may run back along one side. None if there is no room.
    """
    left, _, right, _ = land.bounds
    strip = polygons(shapely.clip_by_rect(land, left - 1, low, right + 1, low + depth), 20.0)
    if not strip:
        return None
    shape = shapely.Polygon(max(strip, key=lambda part: part.area).simplify(0.05).exterior)
    eave = STOREY * max(1, round(c.eave * rng.normal(1, 0.05) / STOREY)) + 0.3
    left, bottom, right, top = shape.bounds
    boxed = nearly_box(shape, 0.85)
    wings: list[Volume] = []
    back = _back_wing(land, (left, right, top), rng) if rng.random() < 0.45 else None
    if boxed is None or covering.shape == "flat":
        covering = covering if covering.shape == "flat" else choose_covering(c, rng, flat=True)
        if back is not None:
            wings.append(
                body(back, frame, eave - STOREY * rng.integers(0, 2) if eave > 5 else eave, 0, "flat")
            )
        house = draw_building(shape, frame, eave, covering, c, rng, wings=tuple(wings))
        return house, top
    left, right, bottom, top = boxed
    rise = draw_rise(covering.shape, frame.outside(corners(boxed)), c.pitch, rng)
    if back is not None:
        wings.append(body((*back[:2], top, back[3]), frame, max(eave - STOREY, 2.6), 1.0, "shed"))
    if covering.shape != "gable" or right - left > top - bottom:
        house = draw_building(corners(boxed), frame, eave, covering, c, rng, rise=rise, wings=tuple(wings))
        return house, top
    middle, rise = (bottom + top) / 2, (top - bottom) / 2 * c.pitch * rng.uniform(0.75, 1.3)
    rear = frame.outside(np.array([[right, top], [left, top], [left, middle], [right, middle]]))
    wings.append(Volume(footprint=rear, eave=eave, rise=rise, roof="shed"))
    slope = Covering(shape="shed", material=covering.material, weight=1.0, tints=covering.tints)
    near = corners((left, right, bottom, middle))
    return draw_building(near, frame, eave, slope, c, rng, rise=rise, wings=tuple(wings)), top


def _back_wing(
    land: shapely.Polygon, front: tuple[float, float, float], rng: np.random.Generator
) -> tuple[float, float, float, float] | None:
    """A box behind the house along one of its sides."""
    left, right, top = front
    width = min(rng.uniform(4.5, 7.0), 0.5 * (right - left))
    deep = rng.uniform(6, 16)
    x = (left + 0.02, left + width) if rng.random() < 0.5 else (right - width, right - 0.02)
    for share in (1.0, 0.75, 0.5):
        if land.contains(rectangle(*x, top, top + share * deep)):
            return (*x, top, top + share * deep)
    return None


def _court(land: shapely.Geometry, frame: Frame, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """Paving or green, sheds along its edges, trees, a few cars and bins."""
    taken = shapes_of([frame.inside(v.footprint) for b in plot.buildings for v in b.wings])
    for part in polygons(land.buffer(-0.3, quad_segs=2), 25.0):
        ground = COURTS[pick((0.25, 0.2, 0.35, 0.1, 0.1), rng)]
        plot.patches.append(patch(part, ground, None, 0.4 * c.tree_cover, frame=frame))
        left, low, right, high = part.bounds
        obstacles = shapely.union_all(taken).buffer(0.6, quad_segs=2)
        for _ in range(int(rng.poisson(min(part.area / 160, 5)))):
            w, d = rng.uniform(3, 9), rng.uniform(2.6, 5)
            w, d = (w, d) if rng.random() < 0.6 else (d, w)
            x, y = rng.uniform(left, right), rng.choice([high - d - 0.2, rng.uniform(low, high)])
            shed = rectangle(x, x + w, y, y + d)
            if part.contains(shed) and not shed.intersects(obstacles):
                roof = choose_covering(c, rng, flat=True)
                plot.buildings.append(
                    draw_building(shed, frame, rng.uniform(2.3, 3.4), roof, c, rng, use="outbuilding")
                )
                obstacles = obstacles.union(shed.buffer(0.8, join_style="mitre"))
        free = part.difference(obstacles)
        if part.area > 260 and ground in (Ground.PAVING, Ground.CONCRETE) and free.geom_type == "Polygon":
            plot.stalls.extend(parking(free, frame, 0.25, rng))
        for x, y in rng.uniform(
            (left, low), (right, high), (int(rng.poisson(c.tree_cover * part.area / 60)), 2)
        ):
            if free.contains(shapely.Point(x, y)):
                east, north = frame.outside(np.array([[x, y]]))[0]
                plot.planted.append(
                    (float(east), float(north), float(rng.uniform(1.6, 3.6)), TreeKind.BROADLEAF)
                )
        litter(free, frame, (BoxKind.CONTAINER, BoxKind.PLAY), int(rng.poisson(c.clutter * 2)), plot, rng)
    if not land.is_empty and land.geom_type == "Polygon":
        enclose(land, frame, c, plot, rng)

"""Houses demolished, built and re-roofed between two dates."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import shapely
from scipy import ndimage
from scipy.spatial import KDTree

from simulator.city.clutter import LOOKS
from simulator.city.model import NO_BOXES, ROADWAY, Boxes, BoxKind, Building, City, Field, Ground
from simulator.city.outline import bodies, covered
from simulator.city.placing import take
from simulator.disasters.cells import building_cells, join_boxes, nearest_on_cells_of, raster, with_values
from simulator.disasters.roads import stations

# Shares of the buildings in a year. Assumptions, several times what a grown town turns over, so that a set
# of captures has enough houses that are gone or new and yet undamaged.
DEMOLISHED, BUILT, REROOFED, PANELLED = 0.05, 0.06, 0.08, 0.03
NEW_SOLAR = 0.4  # share of a roof under new panels: an assumption
LARGEST = 600.0  # of what is demolished or built so soon [m2]: an assumption
PLOT_RIM = 2.0  # of bare soil around a house that is built or demolished [m]: an assumption
STEP = 2.0  # cells on which free land is looked for [m]
NEAR_STREET = 40.0  # a new house stands no farther from a street [m]: an assumption
UNFINISHED = 0.35  # share of the new lots where only the slab lies yet: an assumption
NOT_BUILT = ("park", "cemetery", "sport", "forest", "pond", "market", "parking")
FREE = (Ground.GRASS, Ground.MEADOW, Ground.SOIL, Ground.DRY_GRASS, Ground.LAWN, Ground.GRAVEL)
NEW_YEAR = 2024  # of the arbitrary, fixed time at which all captures are taken


def rebuilt(city: City, days: float, rng: np.random.Generator) -> City:
    """Some houses are gone, some are new, some have another roof or solar panels.

    A demolished house leaves bare soil; a new one stands on soil, or is a slab beside a skip so far. New ones
    are copies of the town's own houses, turned to the nearest street, with instances that follow the highest.
    """
    fate_rng, roof_rng, site_rng = rng.spawn(3)
    fate = fate_rng.random((len(city.buildings), 3))
    area = np.array([shapely.Polygon(b.footprint).area for b in city.buildings])
    gone = (fate[:, 0] < _in_days(DEMOLISHED, days)) & (area < LARGEST)
    buildings = _reroofed(city.buildings, fate[:, 1] < _in_days(REROOFED, days), roof_rng)
    panelled = fate[:, 2] < _in_days(PANELLED, days)
    buildings = [
        replace(b, solar=max(b.solar, NEW_SOLAR)) if p else b
        for b, p in zip(buildings, panelled, strict=True)
    ]
    count = int(site_rng.poisson(_in_days(BUILT, days) * len(city.buildings)))
    models = [b for b, a in zip(city.buildings, area, strict=True) if 50 < a < LARGEST]
    new = _sites(city, models, count, site_rng)
    unfinished = site_rng.random(len(new)) < UNFINISHED
    cleared = [b for b, g in zip(city.buildings, gone, strict=True) if g]
    slabs = [b for b, u in zip(new, unfinished, strict=True) if u]
    first = 1 + max((b.instance for b in city.buildings), default=0)
    built = [b for b, u in zip(new, unfinished, strict=True) if not u]
    houses = [replace(b, instance=first + k) for k, b in enumerate(built)]
    kept = [b for b, g in zip(buildings, gone, strict=True) if not g]
    city = _without_obstacles(city, new)
    return replace(
        city,
        buildings=(*kept, *houses),
        ground=_bared(city, [*cleared, *new], slabs),
        clutter=join_boxes(city.clutter, _skips([*cleared, *slabs], site_rng)),
    )


def _in_days(yearly: float, days: float) -> float:
    """The share in `days` of what happens to a share `yearly` in a year."""
    return 1 - (1 - yearly) ** (days / 365)


def _reroofed(buildings: Sequence[Building], chosen: np.ndarray, rng: np.random.Generator) -> list[Building]:
    """The chosen ones have the covering of another building with the same form of roof."""
    result = list(buildings)
    for i in np.flatnonzero(chosen):
        like = [b for b in buildings if b.roof == buildings[i].roof and b.use == buildings[i].use]
        other = like[int(rng.integers(len(like)))]
        tint = np.array(other.roof_tint) * rng.uniform(0.85, 1.15)
        result[i] = replace(
            buildings[i], roof_material=other.roof_material, roof_tint=tuple(float(t) for t in tint)
        )
    return result


def _sites(city: City, models: Sequence[Building], count: int, rng: np.random.Generator) -> list[Building]:
    """Up to `count` new houses on free land near streets."""
    if not models or not count or not city.streets:
        return []
    clearance = _clearance(city)
    x, y = clearance.centres()
    distance, heading = _nearest_street(city, with_values(clearance, clearance.values > PLOT_RIM))
    houses: list[Building] = []
    for _ in range(count):
        model = models[int(rng.integers(len(models)))]
        middle, reach = _circle(model)
        pick, uid = rng.random(), int(rng.integers(1, 2**31))
        row, col = np.nonzero((clearance.values > reach + PLOT_RIM) & (distance < NEAR_STREET + reach))
        if len(row) == 0:
            continue
        i, j = row[int(pick * len(row))], col[int(pick * len(row))]
        at = np.array([x[j], y[i]])
        houses.append(replace(_turned(model, middle, at, heading[i, j], city), uid=uid, year=NEW_YEAR))
        free = np.hypot(x[None, :] - at[0], y[:, None] - at[1]) - reach - PLOT_RIM
        clearance = with_values(clearance, np.minimum(clearance.values, free))
    return houses


def _clearance(city: City) -> Field:
    """Distance [m] from each cell of `STEP` metres to the nearest ground that nobody may build on."""
    every = max(round(STEP / city.ground.cell), 1)
    free = np.isin(city.ground.values, FREE) & (building_cells(city.buildings, city.ground) == 0)
    parks = [shapely.Polygon(lot.ring) for lot in city.land_use if lot.use in NOT_BUILT]
    free &= ~raster(parks, city.ground)
    height, width = (n // every * every for n in free.shape)
    coarse = free[:height, :width].reshape(height // every, every, width // every, every).all(axis=(1, 3))
    cells = Field(
        west=city.ground.west, north=city.ground.north, cell=every * city.ground.cell, values=coarse
    )
    coarse &= np.isnan(nearest_on_cells_of(city.water, cells))
    padded = np.pad(coarse, 1)  # nothing is built across the edge
    distance = ndimage.distance_transform_edt(padded, sampling=cells.cell)[1:-1, 1:-1]
    return with_values(cells, distance)


def _nearest_street(city: City, wanted: Field) -> tuple[np.ndarray, np.ndarray]:
    """(H, W) distance to the nearest middle of a street [m], infinite on cells that are not wanted, and the
    heading of that street there [rad]."""
    parts = [stations(street.centreline) for street in city.streets]
    normals = np.concatenate([normal for _, normal in parts])
    x, y = wanted.centres()
    row, col = np.nonzero(wanted.values)
    distance, heading = np.full(wanted.values.shape, np.inf), np.zeros(wanted.values.shape)
    away, nearest = KDTree(np.concatenate([points for points, _ in parts])).query(
        np.stack([x[col], y[row]], axis=1)
    )
    distance[row, col] = away
    heading[row, col] = np.arctan2(-normals[:, 0], normals[:, 1])[nearest]
    return distance, heading


def _circle(building: Building) -> tuple[np.ndarray, float]:
    """Middle (2,) and radius of a circle around all bodies [m]."""
    points = np.concatenate(list(bodies(building)))
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    return middle, float(np.hypot(*(points - middle).T).max())


def _turned(model: Building, middle: np.ndarray, at: np.ndarray, heading: float, city: City) -> Building:
    """A copy of `model` with its middle at `at` [m] and its first wall along `heading` [rad]."""
    side = model.footprint[1] - model.footprint[0]
    angle = heading - math.atan2(side[1], side[0])
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])

    def placed(points: np.ndarray) -> np.ndarray:
        return (points - middle) @ turn + at

    plan = placed(model.footprint)
    wings = tuple(replace(w, footprint=placed(w.footprint)) for w in model.wings)
    base = float(city.terrain.sample(*plan.T).mean())
    return replace(model, footprint=plan, wings=wings, base=base, solar=0.0)


def _bared(city: City, sites: Sequence[Building], slabs: Sequence[Building]) -> Field:
    """The ground with soil under and around the sites, and concrete where a slab lies."""
    codes = city.ground.values.copy()
    roads = np.isin(codes, ROADWAY)
    rims = [covered(b).buffer(PLOT_RIM, join_style="mitre") for b in sites]
    codes[raster(rims, city.ground) & ~roads] = Ground.SOIL
    codes[raster([covered(b) for b in slabs], city.ground) & ~roads] = Ground.CONCRETE
    return with_values(city.ground, codes)


def _skips(sites: Sequence[Building], rng: np.random.Generator) -> Boxes:
    """A skip beside each site that is still worked on."""
    if not sites:
        return NO_BOXES
    colours = np.array(LOOKS[BoxKind.CONTAINER][1])
    count = len(sites)
    corner = np.array([b.footprint[0] for b in sites])
    side = np.array([b.footprint[1] - b.footprint[0] for b in sites])
    along = side / np.hypot(*side.T)[:, None]
    centre = corner + along * rng.uniform(1.5, 5.0, (count, 1)) + np.stack([-along[:, 1], along[:, 0]], 1) * 2
    return Boxes(
        centre=np.column_stack([centre, np.full(count, 0.9)]),
        size=np.tile([5.5, 2.3, 1.8], (count, 1)),  # an open skip for building waste of about 15 m3
        heading=np.arctan2(along[:, 1], along[:, 0]),
        tilt=np.zeros(count),
        colour=colours[rng.integers(0, len(colours), count)],
        kind=np.full(count, BoxKind.CONTAINER, np.uint8),
    )


def _without_obstacles(city: City, sites: Sequence[Building]) -> City:
    """The city without what stood where the sites are now."""
    if not sites:
        return city
    plan = shapely.union_all([covered(b).buffer(PLOT_RIM) for b in sites])
    shapely.prepare(plan)

    def outside(xy: np.ndarray) -> np.ndarray:
        return ~shapely.contains_xy(plan, xy)

    return replace(
        city,
        trees=take(city.trees, outside(city.trees.xy)),
        vehicles=take(city.vehicles, outside(city.vehicles.centre[:, :2])),
        clutter=take(city.clutter, outside(city.clutter.centre[:, :2])),
        barriers=tuple(b for b in city.barriers if not plan.intersects(shapely.LineString(b.line))),
    )

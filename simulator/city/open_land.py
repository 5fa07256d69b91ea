"""Blocks without lots: parks, woods, fields, sports grounds, car parks, waste land; a few with a building."""

from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import shapely

from simulator.city.boxes import Box, rectangle
from simulator.city.character import Character, pick
from simulator.city.civic import fill_cemetery, fill_civic, fill_construction, fill_market, fill_worship
from simulator.city.frames import Frame, box_frame, polygons
from simulator.city.model import Ground, TreeKind
from simulator.city.noise import Bend
from simulator.city.parcels import Block
from simulator.city.plots import Plot, draw_building, parking, patch
from simulator.city.style import Covering

G = Ground
SPORTS = (
    (105.0, 68.0),
    (36.6, 18.3),
    (28.0, 15.0),
    (60.0, 40.0),
)  # football, tennis, basketball, small pitch [m]
BUSH = 2.0
"""Largest radius of a bush in scrub [m]."""
BARN_ROOFS = ((1.0, 1.0, 1.0), (0.6, 0.6, 0.62), (0.75, 0.3, 0.22), (0.4, 0.6, 0.45))


def fill_open_block(block: Block, character: Character, bend: Bend, rng: np.random.Generator) -> Plot:
    """The ground, trees and buildings of a block by its use; `character` lends roofs to its buildings."""
    shape, plot = block.shape, Plot()
    match block.use:
        case "verge":
            ground = (G.GRASS, G.MEADOW, G.PAVING, G.SOIL)[pick((0.5, 0.2, 0.15, 0.15), rng)]
            plot.patches.append(patch(shape, ground, None, rng.uniform(0, 0.5)))
        case "park" | "forest" | "meadow":
            _green(shape, block.use, bend, plot, rng)
            if block.use == "meadow" and block.character is None and rng.random() < 0.5:
                _farm(shape, character, plot, rng)
        case "scrub":
            _scrub(shape, bend, plot, rng)
        case "crop":
            _crops(shape, plot, rng)
            if rng.random() < 0.15:
                _farm(shape, character, plot, rng)
        case "orchard":
            _orchard(shape, plot, rng)
        case "pond":
            _pond(shape, plot, rng)
        case "parking":
            ground = (G.TARMAC, G.TARMAC, G.CONCRETE, G.GRAVEL)[rng.integers(4)]
            plot.patches.append(patch(shape, ground, None, 0.04))
            _cars(shape, rng.uniform(0.2, 0.95), plot, rng)
        case "vacant" | "built":
            first, second = (G.SOIL, G.MEADOW, G.GRAVEL, G.GRASS)[rng.integers(4)], G.SOIL
            second = (second, G.MEADOW)[rng.integers(2)]
            plot.patches.append(patch(shape, first, second, rng.uniform(0, 0.25)))
        case site:
            SITES[site](shape, character, plot, rng)
    return plot


def _green(
    shape: shapely.Polygon,
    use: Literal["park", "forest", "meadow"],
    bend: Bend,
    plot: Plot,
    rng: np.random.Generator,
) -> None:
    """A park with walks, a wood or a meadow, at times with a track through it."""
    ground = {"park": G.GRASS, "forest": G.FOREST_FLOOR, "meadow": G.MEADOW}[use]
    blend = (ground if use == "forest" else G.GRASS, G.SOIL, G.MEADOW)[rng.integers(3)]
    low, high = {"park": (0.1, 0.85), "forest": (0.75, 1.0), "meadow": (0.0, 0.12)}[use]
    trees = 0.3 if use == "meadow" and rng.random() < 0.3 else rng.uniform(low, high)
    plot.patches.append(patch(shape, ground, blend, trees))
    if use == "park":
        _paths(shape, plot, rng)
    elif rng.random() < (0.3 if use == "forest" else 0.4):
        _tracks(shape, bend, plot, rng)


def _scrub(shape: shapely.Polygon, bend: Bend, plot: Plot, rng: np.random.Generator) -> None:
    """Bushes close together in dry grass, and no trees but those of the ground's cover.

    Its grounds, cover, spacing and crowns are assumptions.
    """
    ground, blend = ((G.MEADOW, G.DRY_GRASS), (G.DRY_GRASS, G.MEADOW), (G.MEADOW, G.FOREST_FLOOR))[
        rng.integers(3)
    ]
    plot.patches.append(patch(shape, ground, blend, rng.uniform(0.0, 0.2)))
    west, south, east, north = shape.bounds
    step, radius = rng.uniform(3.2, 6.0), rng.uniform(0.7, 1.5)
    count = int((east - west) * (north - south) / step**2)
    xy = rng.uniform((west, south), (east, north), (count, 2))
    xy = xy[shapely.contains_xy(shape, *xy.T)]
    crowns = np.minimum(radius * rng.lognormal(0, 0.35, len(xy)), BUSH)
    _plant(xy, crowns, TreeKind.SHRUB, plot)
    if rng.random() < 0.4:
        _tracks(shape, bend, plot, rng)


def _paths(shape: shapely.Polygon, plot: Plot, rng: np.random.Generator) -> None:
    """Walks across a park that meet near its middle."""
    frame, length, depth = box_frame(shape)
    middle = rng.uniform(-0.2, 0.2, 2) * (length, depth)
    ground = (G.CONCRETE, G.PAVING, G.GRAVEL, G.SOIL)[rng.integers(4)]
    width = rng.uniform(1.5, 3.5)
    for angle in rng.uniform(0, 6.28) + np.arange(rng.integers(2, 6)) * 6.28 / 5:
        end = middle + 0.8 * length * np.array([np.cos(angle), np.sin(angle)])
        control = (middle + end) / 2 + rng.normal(0, 0.12, 2) * length
        t = np.linspace(0, 1, 14)[:, None]
        line = (1 - t) ** 2 * middle + 2 * t * (1 - t) * control + t**2 * end
        _strip(shape, shapely.LineString(frame.outside(line)), width, ground, plot)


def _tracks(shape: shapely.Polygon, bend: Bend, plot: Plot, rng: np.random.Generator) -> None:
    """A winding dirt track from one end to the other."""
    frame, length, depth = box_frame(shape)
    x = np.linspace(-length / 2, length / 2, 24)
    wander = np.cumsum(np.cumsum(rng.normal(0, 1, 24)))
    wander = (wander - np.linspace(wander[0], wander[-1], 24)) / max(float(np.abs(wander).max()), 1e-9)
    line = frame.outside(np.stack([x, wander * depth * 0.4 + rng.uniform(-0.25, 0.25) * depth], 1))
    _strip(
        shape, shapely.LineString(bend(line)), rng.uniform(2, 3.5), (G.SOIL, G.GRAVEL)[rng.integers(2)], plot
    )


def _strip(
    shape: shapely.Polygon, line: shapely.LineString, width: float, ground: Ground, plot: Plot
) -> None:
    for part in shapely.get_parts(line.buffer(width / 2, quad_segs=2).intersection(shape)):
        if part.geom_type == "Polygon" and part.area > 2:
            plot.patches.append(patch(part, ground, None, 0.0))


def _cars(shape: shapely.Polygon, fill: float, plot: Plot, rng: np.random.Generator) -> None:
    frame = box_frame(shape)[0]
    plot.stalls.extend(parking(shapely.transform(shape, frame.inside), frame, fill, rng, plot))


def _crops(shape: shapely.Polygon, plot: Plot, rng: np.random.Generator) -> None:
    """Fields side by side, each in its own state, with grass and tracks between them."""
    plot.patches.append(patch(shape, G.MEADOW, G.GRASS, 0.2))
    field = shape.buffer(-rng.uniform(1.0, 4.0))
    if field.geom_type != "Polygon" or field.is_empty:
        return
    frame, length, depth = box_frame(field)
    land = shapely.transform(field, frame.inside)
    grounds = (G.CROP, G.CROP, G.CROP, G.TILLED, G.STUBBLE, G.MEADOW, G.SOIL)
    first = grounds[rng.integers(len(grounds))]
    count = int(rng.integers(1, 2 + min(int(length / 60), 5)))
    shares = rng.dirichlet(np.full(count, 4.0))
    cuts = -length / 2 + np.concatenate([[0], np.cumsum(shares)]) * length
    for k in range(count):
        ground = first if rng.random() < 0.3 else grounds[rng.integers(len(grounds))]
        gap = rng.choice([0.3, 0.6, 1.5])
        strip = land.intersection(
            rectangle(cuts[k] + gap, max(cuts[k + 1] - gap, cuts[k] + gap + 0.1), -depth, depth)
        )
        for part in polygons(strip, 10.0):
            plot.patches.append(patch(part, ground, frame=frame))
    if count > 1 and rng.random() < 0.5:
        u = float(cuts[1 + rng.integers(count - 1)])
        line = shapely.LineString(frame.outside(np.array([[u, -depth], [u, depth]])))
        _strip(shape, line, rng.uniform(2.4, 3.2), G.DIRT_ROAD if rng.random() < 0.5 else G.SOIL, plot)


def _orchard(shape: shapely.Polygon, plot: Plot, rng: np.random.Generator) -> None:
    """Fruit trees in rows."""
    ground = (G.GRASS, G.MEADOW, G.SOIL, G.DRY_GRASS)[rng.integers(4)]
    plot.patches.append(patch(shape, ground))
    frame, length, depth = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-4.0)
    row, step, radius = rng.uniform(4.5, 8.0), rng.uniform(3.5, 6.0), rng.uniform(1.1, 2.3)
    x, y = np.meshgrid(np.arange(-length / 2, length / 2, step), np.arange(-depth / 2, depth / 2, row))
    xy = np.stack([x.ravel(), y.ravel()], 1) + rng.normal(0, 0.15, (x.size, 2))
    xy = xy[shapely.contains_xy(land, *xy.T) & (rng.random(len(xy)) < 0.95)]
    crowns = np.minimum(radius * rng.lognormal(0, 0.12, len(xy)), 0.55 * step)
    _plant(frame.outside(xy), crowns, TreeKind.FRUIT, plot)


def _plant(xy: np.ndarray, crowns: np.ndarray, kind: TreeKind, plot: Plot) -> None:
    """Trees at (N, 2) with crowns of radius (N,) [m]."""
    for (x, y), radius in zip(xy.tolist(), crowns.tolist(), strict=True):
        plot.planted.append((x, y, radius, kind))


def _pond(shape: shapely.Polygon, plot: Plot, rng: np.random.Generator) -> None:
    """A pond with a soft shore, in grass with trees about it."""
    plot.patches.append(patch(shape, G.GRASS, G.MEADOW, rng.uniform(0.1, 0.4)))
    frame, length, depth = box_frame(shape)
    angle = np.linspace(0, 2 * np.pi, 49)[:-1]
    wobble = 1 + sum(rng.normal(0, 0.12 / k) * np.sin(k * angle + rng.uniform(0, 6.28)) for k in range(2, 5))
    size = rng.uniform(0.22, 0.36) * np.array([length, depth])
    ring = shapely.Polygon(
        frame.outside(size * (wobble[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)))
    )
    for part in polygons(ring.buffer(1.2).intersection(shape.buffer(-2.0)), 20.0):
        plot.patches.append(patch(part, (G.SAND, G.SOIL, G.MEADOW)[rng.integers(3)]))
    for part in polygons(ring.intersection(shape.buffer(-3.0)), 20.0):
        plot.patches.append(patch(part, G.POOL))


def _sport(shape: shapely.Polygon, character: Character, plot: Plot, rng: np.random.Generator) -> None:
    """A pitch with a running track, or a few courts, with a clubhouse and a few cars."""
    frame, length, depth = box_frame(shape)
    surround = (G.GRASS, G.LAWN, G.MEADOW, G.PAVING)[rng.integers(4)]
    plot.patches.append(patch(shape, surround, surround, rng.uniform(0.02, 0.3)))
    land = shapely.transform(shape, frame.inside).buffer(-2.0)
    taken: list[shapely.Polygon] = []
    track = shapely.LineString([(-43, 0), (43, 0)]).buffer(47)
    if land.contains(track) and rng.random() < 0.75:
        _pave(track, frame, (G.CLAY, G.CLAY, G.SPORT)[rng.integers(3)], plot)
        _pave(shapely.LineString([(-43, 0), (43, 0)]).buffer(37), frame, G.LAWN, plot)
        _pitch((-50, 50, -32, 32), frame, G.SPORT if rng.random() < 0.4 else G.LAWN, plot)
        taken.append(track)
    else:
        long, wide = SPORTS[rng.integers(len(SPORTS))]
        ground = (G.SPORT, G.LAWN, G.LAWN, G.DRY_GRASS)[rng.integers(4)]
        ground = ground if long > 50 else (G.CLAY, G.CLAY, G.SPORT, G.TARMAC)[rng.integers(4)]
        for x in np.arange(-length / 2 + 6, length / 2 - long, long + 4):
            for y in np.arange(-depth / 2 + 6, depth / 2 - wide, wide + 4):
                if land.contains(rectangle(x, x + long, y, y + wide)):
                    _pitch((x, x + long, y, y + wide), frame, ground, plot)
                    taken.append(rectangle(x, x + long, y, y + wide))
    free = land.difference(shapely.union_all(taken).buffer(3.0)) if taken else land
    for _ in range(10):
        w, d = rng.uniform(12, 40), rng.uniform(8, 18)
        x, y = rng.uniform(-0.5, 0.5, 2) * (length, depth)
        box = (x, x + w, y, y + d)
        if free.contains(rectangle(*box)):
            _block_building(box, frame, rng.uniform(3.5, 9), character, plot, rng)
            return


def _pave(shape: shapely.Polygon, frame: Frame, ground: Ground, plot: Plot) -> None:
    plot.patches.append(patch(shape, ground, frame=frame))


def _pitch(box: Box, frame: Frame, ground: Ground, plot: Plot) -> None:
    """A pitch or court with its lines."""
    left, right, low, high = box
    _pave(rectangle(*box), frame, ground, plot)
    middle, line = (left + right) / 2, 0.5
    m = 0.04 * (right - left)
    frame_lines = [
        (left + m, right - m, low + m, low + m + line), (left + m, right - m, high - m - line, high - m),
        (left + m, left + m + line, low + m, high - m), (right - m - line, right - m, low + m, high - m),
        (middle - line / 2, middle + line / 2, low + m, high - m),
    ]  # fmt: skip
    for strip in frame_lines:
        _pave(rectangle(*strip), frame, G.CONCRETE, plot)


def _farm(shape: shapely.Polygon, character: Character, plot: Plot, rng: np.random.Generator) -> None:
    """A farmyard: a house and barns on gravel or earth."""
    frame, length, depth = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-6.0)
    centre = rng.uniform(-0.35, 0.35, 2) * (length, depth)
    court = shapely.Point(centre).buffer(rng.uniform(18, 35)).intersection(land)
    if court.geom_type != "Polygon" or court.is_empty:
        return
    plot.patches.append(patch(court, (G.GRAVEL, G.SOIL)[rng.integers(2)], G.GRASS, 0.1, frame=frame))
    barn = Covering(shape="gable", material="roof_metal", weight=1.0, tints=BARN_ROOFS)
    free = court
    for k in range(rng.integers(2, 6)):
        w, d = (
            (rng.uniform(9, 16), rng.uniform(7, 11)) if k == 0 else (rng.uniform(8, 36), rng.uniform(6, 16))
        )
        w, d = (d, w) if rng.random() < 0.4 else (w, d)
        for _ in range(6):
            x, y = centre + rng.uniform(-28, 28, 2)
            box = rectangle(x, x + w, y, y + d)
            if free.contains(box):
                eave = rng.uniform(3, 6)
                if k == 0:
                    _block_building((x, x + w, y, y + d), frame, eave, character, plot, rng)
                else:
                    plot.buildings.append(
                        draw_building(box, frame, eave, barn, character, rng, "steel", use="farm")
                    )
                free = free.difference(box.buffer(1.5))
                break


def _block_building(
    box: Box,
    frame: Frame,
    eave: float,
    character: Character,
    plot: Plot,
    rng: np.random.Generator,
) -> None:
    covering = character.coverings[rng.integers(len(character.coverings))]
    plot.buildings.append(draw_building(rectangle(*box), frame, eave, covering, character, rng, use="civic"))


SITES: Mapping[str, Callable[[shapely.Polygon, Character, Plot, np.random.Generator], None]] = {
    "civic": fill_civic,
    "worship": fill_worship,
    "cemetery": fill_cemetery,
    "construction": fill_construction,
    "market": fill_market,
    "sport": _sport,
}
"""What fills an open block that is a site of its own."""

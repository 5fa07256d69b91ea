"""Blocks without lots: parks, woods, fields, sports grounds, car parks, waste land; a few with a building."""

import numpy as np
import shapely

from simulator.city.character import Character
from simulator.city.frames import Frame, box_frame
from simulator.city.model import Ground
from simulator.city.noise import Bend
from simulator.city.parcels import Block
from simulator.city.plots import Box, Plot, draw_building, fit_rectangle, parking, patch, rectangle
from simulator.city.style import Covering

G = Ground
SPORTS = (
    (105.0, 68.0),
    (36.6, 18.3),
    (28.0, 15.0),
    (60.0, 40.0),
)  # football, tennis, basketball, small pitch [m]
BARN_ROOFS = ((1.0, 1.0, 1.0), (0.6, 0.6, 0.62), (0.75, 0.3, 0.22), (0.4, 0.6, 0.45))


def fill_open_block(block: Block, character: Character, bend: Bend, rng: np.random.Generator) -> Plot:
    """The ground, trees and buildings of a block by its use; `character` lends roofs to its buildings."""
    shape = block.shape
    plot = Plot()
    match block.use:
        case "verge":
            ground = (G.GRASS, G.MEADOW, G.PAVING, G.SOIL)[rng.choice(4, p=[0.5, 0.2, 0.15, 0.15])]
            plot.patches.append(patch(shape, ground, None, rng.uniform(0, 0.5)))
        case "park":
            blend = (G.GRASS, G.SOIL, G.MEADOW)[rng.integers(3)]
            plot.patches.append(patch(shape, G.GRASS, blend, rng.uniform(0.1, 0.85)))
            _paths(shape, bend, plot, rng)
        case "forest":
            blend = (G.FOREST_FLOOR, G.MEADOW, G.SOIL)[rng.integers(3)]
            plot.patches.append(patch(shape, G.FOREST_FLOOR, blend, rng.uniform(0.55, 1.0)))
            if rng.random() < 0.3:
                _tracks(shape, bend, plot, rng)
        case "meadow":
            blend = (G.GRASS, G.SOIL, G.MEADOW)[rng.integers(3)]
            plot.patches.append(
                patch(shape, G.MEADOW, blend, rng.uniform(0, 0.12) if rng.random() < 0.7 else 0.3)
            )
            if rng.random() < 0.4:
                _tracks(shape, bend, plot, rng)
            if block.character is None and rng.random() < 0.5:
                _farm(shape, character, plot, rng)
        case "crop":
            ground = (G.CROP, G.CROP, G.SOIL, G.MEADOW)[rng.integers(4)]
            plot.patches.append(patch(shape, G.MEADOW, G.GRASS, 0.25))
            field = shape.buffer(-rng.uniform(1.0, 4.0))
            if field.geom_type == "Polygon" and not field.is_empty:
                plot.patches.append(patch(field, ground, None, 0.0))
            if rng.random() < 0.15:
                _farm(shape, character, plot, rng)
        case "sport":
            _sport(shape, character, plot, rng)
        case "parking":
            plot.patches.append(patch(shape, (G.ASPHALT, G.CONCRETE, G.GRAVEL)[rng.integers(3)], None, 0.06))
            _cars(shape, rng.uniform(0.2, 0.95), plot, rng)
        case _:
            first, second = (
                (G.SOIL, G.MEADOW, G.GRAVEL, G.GRASS)[rng.integers(4)],
                (G.SOIL, G.MEADOW)[rng.integers(2)],
            )
            plot.patches.append(patch(shape, first, second, rng.uniform(0, 0.25)))
    return plot


def _paths(shape: shapely.Polygon, bend: Bend, plot: Plot, rng: np.random.Generator) -> None:
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
    plot.stalls.extend(parking(shapely.transform(shape, frame.inside), frame, fill, rng))


def _sport(shape: shapely.Polygon, character: Character, plot: Plot, rng: np.random.Generator) -> None:
    """A pitch or a few courts, with a clubhouse."""
    frame, length, depth = box_frame(shape)
    surround = (G.GRASS, G.MEADOW, G.SOIL, G.PAVING)[rng.integers(4)]
    plot.patches.append(patch(shape, surround, G.GRASS, rng.uniform(0.05, 0.4)))
    land = shapely.transform(shape, frame.inside).buffer(-2.0)
    long, wide = SPORTS[rng.integers(len(SPORTS))]
    ground = (G.SPORT, G.GRASS, G.SPORT, G.SOIL)[rng.integers(4)] if long > 50 else G.SPORT
    taken = []
    for x in np.arange(-length / 2 + 6, length / 2 - long, long + 4):
        for y in np.arange(-depth / 2 + 6, depth / 2 - wide, wide + 4):
            court = rectangle(x, x + long, y, y + wide)
            if land.contains(court):
                plot.patches.append(patch(shapely.transform(court, frame.outside), ground, None, 0.0))
                taken.append(court)
    free = land.difference(shapely.union_all(taken).buffer(3.0)) if taken else land
    w, d = rng.uniform(12, 40), rng.uniform(8, 18)
    for _ in range(8):
        x, y = rng.uniform(-0.5, 0.5, 2) * (length, depth)
        fit = fit_rectangle(free, (x, x + w, y, y + d), 7.0) if free.geom_type == "Polygon" else None
        if fit is not None:
            _block_building(fit, frame, rng.uniform(3.5, 9), character, plot, rng)
            return


def _farm(shape: shapely.Polygon, character: Character, plot: Plot, rng: np.random.Generator) -> None:
    """A farmyard: a house and barns on gravel or earth."""
    frame, length, depth = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-6.0)
    centre = rng.uniform(-0.35, 0.35, 2) * (length, depth)
    court = shapely.Point(centre).buffer(rng.uniform(18, 35)).intersection(land)
    if court.geom_type != "Polygon" or court.is_empty:
        return
    plot.patches.append(
        patch(shapely.transform(court, frame.outside), (G.GRAVEL, G.SOIL)[rng.integers(2)], G.GRASS, 0.1)
    )
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
                    plot.buildings.append(draw_building(box, frame, eave, barn, character, rng, "steel"))
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
    plot.buildings.append(draw_building(rectangle(*box), frame, eave, covering, character, rng))

"""Special sites: schools and offices, places of worship, cemeteries, building sites, markets."""

import math

import numpy as np
import shapely

from simulator.city.boxes import Box, fit_rectangle, rectangle
from simulator.city.character import Character, pick
from simulator.city.frames import Frame, box_frame, polygons
from simulator.city.model import Barrier, BoxKind, Ground, Roof, Volume
from simulator.city.plots import Plot, body, choose_covering, draw_building, litter, parking, patch
from simulator.city.style import Covering

G = Ground
Part = tuple[Box, float, float, Roof]
"""A body of a building: its box, eave and rise [m], and its roof."""
CHURCH, MOSQUE = 0, 1  # the third kind, a temple hall, is a church without transept
PLAIN = ((1.0, 1.0, 1.0), (1.25, 1.22, 1.15), (0.75, 0.75, 0.77))
FELTED = ((1.0, 1.0, 1.0), (1.3, 1.29, 1.25), (0.7, 0.7, 0.7), (0.38, 0.38, 0.38), (0.26, 0.26, 0.26))
"""White, grey and dark sheets."""
OFFICIAL = (
    Covering(shape="flat", material="roof_membrane", weight=3, tints=FELTED),
    Covering(shape="flat", material="roof_gravel", weight=1, tints=PLAIN),
    Covering(shape="hip", material="roof_shingle", weight=1, tints=PLAIN),
    Covering(shape="gable", material="roof_metal", weight=1, tints=PLAIN),
)


def fill_civic(shape: shapely.Polygon, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """A school, hospital or office: a large building of several wings, a yard, a pitch, a car park."""
    plot.patches.append(patch(shape, (G.LAWN, G.GRASS)[rng.integers(2)], None, rng.uniform(0.05, 0.25)))
    frame, length, depth = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-4.0)
    middle = np.asarray(land.representative_point().coords[0]) if not land.is_empty else np.zeros(2)
    w, d = min(rng.uniform(0.45, 0.7) * length, 110.0), rng.uniform(11, 18)
    y = float(middle[1] + rng.uniform(-0.25, 0.05) * depth)
    x = float(middle[0] - w / 2)
    main = fit_rectangle(land, (x, x + w, y, y + d), 10.0) if land.geom_type == "Polygon" else None
    if main is None:
        return
    covering = OFFICIAL[rng.choice(4, p=[0.5, 0.2, 0.15, 0.15])]
    if rng.random() < 0.6:
        covering = choose_covering(c, rng)
    eave = float(rng.choice([3.6, 6.8, 9.8, 12.8], p=[0.35, 0.35, 0.2, 0.1]))
    wings, boxes = _school_wings(main, frame, land, eave, covering.shape, rng)
    rise = 0.0 if covering.shape == "flat" else 0.2 * (main[3] - main[2])
    plot.buildings.append(
        draw_building(
            rectangle(*main),
            frame,
            eave,
            covering,
            c,
            rng,
            "concrete",
            rise=rise,
            wings=wings,
            use="civic",
        )
    )
    _school_grounds(land, frame, boxes, plot, rng)


def _school_wings(
    main: Box, frame: Frame, land: shapely.Polygon, eave: float, roof: Roof, rng: np.random.Generator
) -> tuple[tuple[Volume, ...], list[Box]]:
    """Wings behind both ends and the middle of a main building, and the boxes of all, the main one first."""
    left, right, low, high = main
    wings, boxes = [], [main]
    reach, thick = rng.uniform(14, 34), rng.uniform(10, 16)
    inner = high if roof == "flat" else (low + high) / 2
    for k, start in enumerate((left, right - thick, (left + right - thick) / 2)):
        box: Box = (start, start + thick, inner, high + reach * rng.uniform(0.5, 1.0))
        wanted = rng.random() < (0.8, 0.7, 0.35)[k] and right - left > 2.2 * thick
        if wanted and land.contains(rectangle(*box)):
            share = min(thick, 2 * (box[3] - box[2])) / (high - low)
            rise = 0.0 if roof == "flat" else 0.2 * (high - low) * min(share, 1.0)
            height = eave if rng.random() < 0.6 else max(eave - 3.1, 3.4)
            wings.append(body(box, frame, height, rise, roof))
            boxes.append(box)
    return tuple(wings), boxes


def _school_grounds(
    land: shapely.Polygon, frame: Frame, boxes: list[Box], plot: Plot, rng: np.random.Generator
) -> None:
    """A yard between the wings, a car park before the main building, a pitch behind, loose things."""
    left, right, low, high = boxes[0]
    back = max(box[3] for box in boxes)
    taken = shapely.union_all([rectangle(*box) for box in boxes]).buffer(2.0)
    _paved(rectangle(left, right, high, back + 4).intersection(land), frame, G.PAVING, plot)
    front = land.intersection(rectangle(-500, 500, low - 34, low - 4)).difference(taken)
    for part in polygons(front, 300.0)[:1]:
        _paved(part, frame, G.TARMAC, plot)
        plot.stalls.extend(parking(part, frame, rng.uniform(0.2, 0.8), rng, plot))
    for ground, scale in ((G.SPORT, 1.0), (G.CLAY, 0.5), (G.TARMAC, 0.45)):
        pitch = rectangle(left, left + 60 * scale, back + 8, back + 8 + 38 * scale)
        if land.contains(pitch):
            _paved(pitch, frame, ground, plot)
            break
    rest = land.difference(taken)
    litter(rest, frame, (BoxKind.PLAY, BoxKind.CONTAINER), int(rng.integers(1, 6)), plot, rng)


def fill_worship(shape: shapely.Polygon, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """A church with tower and apse, a mosque with dome and minarets, or a temple hall, in its court."""
    ground = (G.GRASS, G.PAVING, G.LAWN, G.CONCRETE)[rng.integers(4)]
    plot.patches.append(patch(shape, ground, None, rng.uniform(0.05, 0.3)))
    frame, length, _ = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-3.0)
    if not isinstance(land, shapely.Polygon) or land.is_empty:
        return
    x, y = land.representative_point().coords[0]
    w = float(np.clip(rng.uniform(0.3, 0.5) * length, 16, 46))
    pitched = any(covering.shape != "flat" for covering in c.coverings)
    kind = pick((0.93, 0.02, 0.05) if pitched else (0.65, 0.25, 0.1), rng)
    d = w * (rng.uniform(0.8, 1.0) if kind == MOSQUE else rng.uniform(0.38, 0.5))
    nave = fit_rectangle(land, (x - w / 2, x + w / 2, y - d / 2, y + d / 2), 8.0)
    if nave is None:
        return
    wide = nave[3] - nave[2]
    eave = wide * rng.uniform(0.55, 0.8)
    covering = _holy_roof(kind, c, rng)
    parts = _mosque(nave, eave, rng) if kind == MOSQUE else _church(nave, eave, kind == CHURCH, rng)
    parts = [part for part in parts if land.contains(rectangle(*part[0]))]
    plot.buildings.append(
        draw_building(
            rectangle(*nave),
            frame,
            eave,
            covering,
            c,
            rng,
            "masonry",
            rise=0.0 if kind == MOSQUE else wide * rng.uniform(0.35, 0.55),
            wings=tuple(body(box, frame, up, rise, roof) for box, up, rise, roof in parts),
            use="religious",
        )
    )
    _churchyard(land, frame, [nave, *(box for box, *_ in parts)], plot, rng)


def _holy_roof(kind: int, c: Character, rng: np.random.Generator) -> Covering:
    """White concrete on a mosque, what the neighbourhood has on its gables on others."""
    if kind == MOSQUE:
        return Covering(shape="flat", material="roof_concrete", weight=1, tints=((1.3, 1.28, 1.2),))
    roofs = [o for o in c.coverings if o.shape in ("gable", "hip")]
    material = roofs[0].material if roofs else ("roof_shingle", "roof_tile", "roof_metal")[rng.integers(3)]
    return Covering(shape="gable", material=material, weight=1, tints=roofs[0].tints if roofs else PLAIN)


def _mosque(nave: Box, eave: float, rng: np.random.Generator) -> list[Part]:
    """A dome and one to four minarets at the corners."""
    left, right, low, high = nave
    slim = 2.6
    places = [(x, y) for x in (left - slim, right) for y in (low, high - slim)][: rng.integers(1, 5)]
    minarets: list[Part] = [((x, x + slim, y, y + slim), 2.6 * eave, 1.6, "dome") for x, y in places]
    return [(_drawn_in(nave, 0.2), eave + 2, 0.2 * (high - low), "dome"), *minarets]


def _church(nave: Box, eave: float, transept: bool, rng: np.random.Generator) -> list[Part]:
    """A tower at one end, an apse at the other, at times a transept."""
    left, right, low, high = nave
    middle, wide = (low + high) / 2, high - low
    tower, apse = rng.uniform(0.32, 0.42) * wide, 0.6 * wide
    side = middle - tower / 2 if rng.random() < 0.5 else low
    parts: list[Part] = [
        ((left - 0.8 * tower, left + 0.2 * tower, side, side + tower), 2.1 * eave, 0.9 * tower, "hip"),
        (
            (right - 0.3, right + 0.35 * wide, middle - apse / 2, middle + apse / 2),
            0.8 * eave,
            0.3 * apse,
            "hip",
        ),
    ]
    if transept and rng.random() < 0.5:
        x = right - 0.42 * (right - left)
        box = (x, x + 0.6 * wide, low - 0.4 * wide, high + 0.4 * wide)
        parts.append((box, eave, 0.3 * wide, "gable"))
    return parts


def _churchyard(
    land: shapely.Polygon, frame: Frame, boxes: list[Box], plot: Plot, rng: np.random.Generator
) -> None:
    """Paving around the building and a path to it, a car park beside it."""
    left, right, low, high = boxes[0]
    middle = (low + high) / 2
    taken = shapely.union_all([rectangle(*box) for box in boxes])
    _paved(taken.buffer(3.0, join_style="mitre").intersection(land), frame, G.PAVING, plot)
    _paved(rectangle(left - 60, left, middle - 1.6, middle + 1.6).intersection(land), frame, G.PAVING, plot)
    beside = land.difference(taken.buffer(5.0)).intersection(rectangle(left, right + 99, -999, low))
    for part in polygons(beside, 500.0)[:1]:
        _paved(part, frame, G.TARMAC, plot)
        plot.stalls.extend(parking(part, frame, rng.uniform(0.05, 0.5), rng, plot))


def fill_cemetery(shape: shapely.Polygon, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """Rows of graves between paths, trees along them, a chapel, a wall around it."""
    plot.patches.append(
        patch(shape, (G.GRASS, G.LAWN, G.GRAVEL)[rng.choice(3, p=[0.5, 0.3, 0.2])], None, 0.12)
    )
    frame, length, depth = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-2.5)
    for u in np.arange(-length / 2, length / 2, rng.uniform(22, 34)):
        _paved(rectangle(u, u + 2.4, -depth, depth).intersection(land), frame, G.GRAVEL, plot)
    for v in np.arange(-depth / 2, depth / 2, rng.uniform(26, 40)):
        _paved(rectangle(-length, length, v, v + 2.4).intersection(land), frame, G.GRAVEL, plot)
    chapel = None
    if land.geom_type == "Polygon" and not land.is_empty:
        x, y = land.representative_point().coords[0]
        chapel = fit_rectangle(land, (x - 7, x + 7, y - 4, y + 4), 5.0)
    if chapel is not None and rng.random() < 0.6:
        roof = Covering(shape="gable", material="roof_tile", weight=1, tints=PLAIN)
        plot.buildings.append(
            draw_building(rectangle(*chapel), frame, 4.5, roof, c, rng, "masonry", use="religious")
        )
    paths = shapely.union_all(
        [shapely.transform(shapely.Polygon(p.shape), frame.inside) for p in plot.patches[1:]]
    )
    rows = land.difference(paths.buffer(0.8))
    if chapel is not None:
        rows = rows.difference(rectangle(*chapel).buffer(4))
    x, y = np.meshgrid(np.arange(-length / 2, length / 2, 1.7), np.arange(-depth / 2, depth / 2, 3.1))
    xy = np.stack([x.ravel(), y.ravel()], 1) + rng.normal(0, 0.08, (x.size, 2))
    xy = xy[shapely.contains_xy(rows, *xy.T) & (rng.random(len(xy)) < 0.8)][:1500]
    plot.objects.extend(
        (BoxKind.GRAVE, float(e), float(n), frame.heading + math.pi / 2) for e, n in frame.outside(xy)
    )
    _surround(shape, rng, plot)


def fill_construction(shape: shapely.Polygon, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """Bare ground with a half-built frame, slabs, heaps and containers behind a fence."""
    plot.patches.append(patch(shape, G.SOIL, G.GRAVEL, 0.0))
    frame, length, depth = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-4.0)
    if land.is_empty:
        return
    raw = Covering(
        shape="flat", material="roof_concrete", weight=1, tints=((1.0, 1.0, 1.0), (0.85, 0.84, 0.82))
    )
    taken = shapely.Polygon()
    for _ in range(int(np.clip(land.area / 900, 3, 24))):
        w, d = rng.uniform(10, 36), rng.uniform(9, 18)
        x, y = rng.uniform(-0.45, 0.35, 2) * (length, depth)
        site = rectangle(x, x + w, y, y + d)
        if not land.contains(site) or site.intersects(taken):
            continue
        taken = taken.union(site.buffer(4.0))
        _paved(site.buffer(1.5, join_style="mitre"), frame, G.CONCRETE, plot)
        if rng.random() < 0.65:  # the floors that stand already
            floors = 3.1 * rng.integers(1, 6)
            plot.buildings.append(draw_building(site, frame, floors, raw, c, rng, "concrete"))
    heap = (G.SAND, G.GRAVEL, G.MUD)
    for _ in range(int(rng.integers(3, 9))):
        spot = (
            shapely.Point(rng.uniform(-0.5, 0.5, 2) * (length, depth))
            .buffer(rng.uniform(2, 6))
            .intersection(land)
        )
        _paved(spot.difference(taken), frame, heap[rng.integers(3)], plot)
    litter(
        land.difference(taken),
        frame,
        (BoxKind.CONTAINER, BoxKind.CONTAINER, BoxKind.LORRY),
        int(rng.integers(4, 14)),
        plot,
        rng,
    )
    _surround(shape, rng, plot, "fence")


def fill_market(shape: shapely.Polygon, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """Rows of stalls on paving, perhaps a hall in the middle."""
    plot.patches.append(patch(shape, (G.PAVING, G.CONCRETE, G.TARMAC)[rng.integers(3)], None, 0.03))
    frame, length, depth = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-3.0)
    if land.geom_type != "Polygon" or land.is_empty:
        return
    x, y = land.representative_point().coords[0]
    w, d = 0.45 * length, 0.35 * depth
    hall = fit_rectangle(land, (x - w / 2, x + w / 2, y - d / 2, y + d / 2), 9.0)
    rows = land
    if hall is not None and rng.random() < 0.6:
        roof = Covering(
            shape=("barrel", "gable", "sawtooth")[rng.integers(3)],
            material="roof_metal",
            weight=1,
            tints=PLAIN,
        )
        plot.buildings.append(
            draw_building(rectangle(*hall), frame, rng.uniform(5, 8), roof, c, rng, "steel", use="commercial")
        )
        rows = rows.difference(rectangle(*hall).buffer(5.0))
    x, y = np.meshgrid(np.arange(-length / 2, length / 2, 3.4), np.arange(-depth / 2, depth / 2, 5.2))
    xy = np.stack([x.ravel(), y.ravel()], 1)
    xy = xy[shapely.contains_xy(rows, *xy.T) & (rng.random(len(xy)) < 0.85)][:600]
    plot.objects.extend((BoxKind.STALL, float(e), float(n), frame.heading) for e, n in frame.outside(xy))


def _drawn_in(box: Box, share: float) -> Box:
    """A box drawn in from each side by a share of its size."""
    left, right, low, high = box
    dx, dy = share * (right - left), share * (high - low)
    return left + dx, right - dx, low + dy, high - dy


def _paved(shape: shapely.Geometry, frame: Frame, ground: Ground, plot: Plot) -> None:
    for part in polygons(shape, 2.0):
        plot.patches.append(patch(part, ground, frame=frame))


def _surround(shape: shapely.Polygon, rng: np.random.Generator, plot: Plot, kind: str | None = None) -> None:
    """A barrier around a site but for a gate."""
    ring = shape.buffer(-0.6)
    if ring.geom_type != "Polygon" or ring.is_empty:
        return
    line = ring.exterior
    start = rng.uniform(0, line.length)
    points = shapely.get_coordinates(
        shapely.line_interpolate_point(
            line, (start + np.linspace(0, max(line.length - 6, 1), 60)) % line.length
        )
    )
    chosen = ("wall", "hedge", "fence")[rng.integers(3)] if kind is None else "fence"
    width = {"wall": 0.3, "hedge": 1.0, "fence": 0.12}[chosen]
    plot.barriers.append(Barrier(line=points, kind=chosen, height=1.9, width=width))

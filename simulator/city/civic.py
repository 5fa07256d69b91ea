"""Special sites: schools and offices, places of worship, cemeteries, building sites, markets."""

import math

import numpy as np
import shapely

from simulator.city.boxes import Box, fit_rectangle, rectangle
from simulator.city.character import Character
from simulator.city.frames import Frame, box_frame, polygons
from simulator.city.model import Barrier, BoxKind, Ground, Roof
from simulator.city.plots import Plot, body, choose_covering, draw_building, litter, parking, patch
from simulator.city.style import Covering

G = Ground
PLAIN = ((1.0, 1.0, 1.0), (1.25, 1.22, 1.15), (0.75, 0.75, 0.77))
OFFICIAL = (
    Covering(shape="flat", material="roof_membrane", weight=3, tints=PLAIN),
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
    if rng.random() < 0.4:
        covering = choose_covering(c, rng)
    eave = float(rng.choice([3.6, 6.8, 9.8, 12.8], p=[0.35, 0.35, 0.2, 0.1]))
    left, right, low, high = main
    wings, boxes = [], [main]
    reach, thick = rng.uniform(14, 34), rng.uniform(10, 16)
    flat = covering.shape == "flat"
    inner = high if flat else (low + high) / 2
    for k, start in enumerate((left, right - thick, (left + right - thick) / 2)):
        box: Box = (start, start + thick, inner, high + reach * rng.uniform(0.5, 1.0))
        if (
            rng.random() < (0.8, 0.7, 0.35)[k]
            and land.contains(rectangle(*box))
            and right - left > 2.2 * thick
        ):
            share = min(thick, 2 * (box[3] - box[2])) / (high - low)
            rise = 0.0 if flat else 0.2 * (high - low) * min(share, 1.0)
            wings.append(
                body(box, frame, eave if rng.random() < 0.6 else max(eave - 3.1, 3.4), rise, covering.shape)
            )
            boxes.append(box)
    rise = 0.0 if flat else 0.2 * (high - low)
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
            wings=tuple(wings),
            use="civic",
        )
    )
    taken = shapely.union_all([rectangle(*box) for box in boxes]).buffer(2.0)
    _paved(rectangle(left, right, high, high + reach + 4).intersection(land), frame, G.PAVING, plot)
    front = land.intersection(rectangle(-500, 500, low - 34, low - 4)).difference(taken)
    for part in polygons(front, 300.0)[:1]:
        _paved(part, frame, G.TARMAC, plot)
        plot.stalls.extend(parking(part, frame, rng.uniform(0.2, 0.8), rng, plot))
    pitch = (left, left + 60.0, high + reach + 8, high + reach + 46)
    for ground, scale in ((G.SPORT, 1.0), (G.CLAY, 0.5), (G.TARMAC, 0.45)):
        box = (pitch[0], pitch[0] + 60 * scale, pitch[2], pitch[2] + 38 * scale)
        if land.contains(rectangle(*box)):
            _paved(rectangle(*box), frame, ground, plot)
            break
    rest = land.difference(taken)
    litter(rest, frame, (BoxKind.PLAY, BoxKind.CONTAINER), int(rng.integers(1, 6)), plot, rng)


def fill_worship(shape: shapely.Polygon, c: Character, plot: Plot, rng: np.random.Generator) -> None:
    """A church with tower and apse, a mosque with dome and minarets, or a temple hall, in its court."""
    ground = (G.GRASS, G.PAVING, G.LAWN, G.CONCRETE)[rng.integers(4)]
    plot.patches.append(patch(shape, ground, None, rng.uniform(0.05, 0.3)))
    frame, length, _ = box_frame(shape)
    land = shapely.transform(shape, frame.inside).buffer(-3.0)
    if land.is_empty:
        return
    x, y = land.representative_point().coords[0]
    w = float(np.clip(rng.uniform(0.3, 0.5) * length, 16, 46))
    d = w * rng.uniform(0.38, 0.5)
    pitched = any(covering.shape != "flat" for covering in c.coverings)
    kind = rng.choice(3, p=[0.93, 0.02, 0.05] if pitched else [0.65, 0.25, 0.1])
    d = w * rng.uniform(0.8, 1.0) if kind == 1 else d
    nave = (
        fit_rectangle(land, (x - w / 2, x + w / 2, y - d / 2, y + d / 2), 8.0)
        if land.geom_type == "Polygon"
        else None
    )
    if nave is None:
        return
    left, right, low, high = nave
    mid, wide = (low + high) / 2, high - low
    eave = wide * rng.uniform(0.55, 0.8)
    tower = rng.uniform(0.32, 0.42) * wide
    parts: list[tuple[Box, float, float, Roof]] = []
    if kind == 1:
        dome = _drawn_in(nave, 0.2)
        parts.append((dome, eave + 2, 0.2 * wide, "dome"))
        slim = 2.6
        corners = [(px, py) for px in (left - slim, right) for py in (low, high - slim)]
        for px, py in corners[: rng.integers(1, 5)]:
            parts.append(((px, px + slim, py, py + slim), 2.6 * eave, 1.6, "dome"))
        covering = Covering(shape="flat", material="roof_concrete", weight=1, tints=((1.3, 1.28, 1.2),))
    else:
        roofs = [o for o in c.coverings if o.shape in ("gable", "hip")]
        material = (
            roofs[0].material if roofs else ("roof_shingle", "roof_tile", "roof_metal")[rng.integers(3)]
        )
        tints = roofs[0].tints if roofs else PLAIN
        covering = Covering(shape="gable", material=material, weight=1, tints=tints)
        side = mid - tower / 2 if rng.random() < 0.5 else low
        parts.append(
            ((left - 0.8 * tower, left + 0.2 * tower, side, side + tower), 2.1 * eave, 0.9 * tower, "hip")
        )
        apse = 0.6 * wide
        parts.append(
            (
                (right - 0.3, right + 0.35 * wide, mid - apse / 2, mid + apse / 2),
                0.8 * eave,
                0.3 * apse,
                "hip",
            )
        )
        if kind == 0 and rng.random() < 0.5:
            cross = right - 0.42 * (right - left)
            parts.append(
                ((cross, cross + 0.6 * wide, low - 0.4 * wide, high + 0.4 * wide), eave, 0.3 * wide, "gable")
            )
    fit = [(b, e, r, roof) for b, e, r, roof in parts if land.contains(rectangle(*b))]
    wings = tuple(body(b, frame, e, r, roof) for b, e, r, roof in fit)
    rise = 0.0 if kind == 1 else wide * rng.uniform(0.35, 0.55)
    plot.buildings.append(
        draw_building(
            rectangle(*nave),
            frame,
            eave,
            covering,
            c,
            rng,
            "masonry",
            rise=rise,
            wings=wings,
            use="religious",
        )
    )
    taken = shapely.union_all([rectangle(*nave), *(rectangle(*b) for b, *_ in fit)])
    _paved(taken.buffer(3.0, join_style="mitre").intersection(land), frame, G.PAVING, plot)
    _paved(rectangle(left - 60, left, mid - 1.6, mid + 1.6).intersection(land), frame, G.PAVING, plot)
    for part in polygons(
        land.difference(taken.buffer(5.0)).intersection(rectangle(left, right + 99, -999, low)), 500.0
    )[:1]:
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

"""Patterns of surfaces in Dr.Jit: courses, sheets, seams, repairs, furrows, leaves, each prefiltered to the
pixel. Functions of the place in the region, so that neighbouring tiles match.

Every pattern keeps the mean of its albedo, nearly; all sizes and strengths are assumptions, set by eye
against imagery of 0.1 to 1 m. Only those packets of rays that meet a pattern pay for it.
"""

from collections.abc import Callable
from typing import NamedTuple

from simulator.engines.drjit_setup import dr, mi
from simulator.engines.noise import fractal_noise, scramble, unit, value_noise
from simulator.scene.model import Pattern

RUST = (0.165, 0.085, 0.050)
EARTH = (0.215, 0.170, 0.115)
TRAMLINES = 21.0
"""Spacing of the tracks of sprayers in crops, and their gauge [m]."""
GAUGE = 2.0


class Spot(NamedTuple):
    """What a pattern is drawn from.

    Attributes:
        albedo: Before the pattern.
        u: Along the surface's own direction, in the region: eave, wall, street, furrow [m].
        v: Across it [m].
        place: Plan or elevation, in the region [m].
        p: Point in the region [m].
        scale: Spacing of the pattern [m].
        depth: Strength, about 1.
        gsd: Side of a pixel [m].
    """

    albedo: mi.Color3f
    u: mi.Float
    v: mi.Float
    place: mi.Point2f
    p: mi.Point3f
    scale: mi.Float
    depth: mi.Float
    gsd: mi.Float


def patterned(code: mi.UInt32, spot: Spot, active: mi.Bool) -> mi.Color3f:
    """The albedo with the pattern `code` on it."""
    albedo = spot.albedo
    for pattern, draw in _DRAWN.items():
        albedo = dr.if_stmt(
            (albedo, *spot[1:]),
            active & (code == int(pattern)),
            _wrapped(draw),
            lambda albedo, *_: albedo,
            label=pattern.name.lower(),
        )
    return albedo


def _wrapped(draw: Callable[[Spot], mi.Color3f]) -> Callable[..., mi.Color3f]:
    return lambda *values: draw(Spot(*values))


def _seen(period: mi.Float | float, gsd: mi.Float) -> mi.Float:
    """How much of a wave of a period [m] a pixel resolves, in [0, 1]."""
    return dr.clip((0.6 - gsd / period) / 0.35, 0.0, 1.0)


def _line(x: mi.Float, width: float, gsd: mi.Float) -> mi.Float:
    """Share of a pixel within a line of a width, at a distance `x` from its middle [m]."""
    half = 0.5 * (width + gsd)
    return dr.clip((half - dr.abs(x)) / dr.minimum(mi.Float(width), gsd), 0.0, 1.0) * dr.minimum(
        1.0, width / gsd
    )


def _cell(x: mi.Float, y: mi.Float, salt: int) -> mi.Float:
    """A number in [0, 1) for each whole-numbered cell."""
    i = mi.UInt32(mi.Int32(dr.floor(x))) + mi.UInt32(salt * 0x632BE5AB & 0xFFFFFFFF)
    return unit(scramble(i, mi.UInt32(mi.Int32(dr.floor(y)))))


def _share(x: mi.Float) -> mi.Float:
    return x - dr.floor(x)


def _centred(x: mi.Float) -> mi.Float:
    return x - dr.floor(x) - 0.5


def _step(x: mi.Float, low: float, high: float) -> mi.Float:
    t = dr.clip((x - low) / (high - low), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def _repairs(u: mi.Float, v: mi.Float, length: float, width: float, share: float, salt: int) -> mi.Float:
    """1 within rectangles of which at most one lies in each cell, of all sizes up to the cell's."""
    a, b = u / length, v / width
    size = 0.15 + 0.33 * _cell(a, b, salt + 1)
    reach = 0.15 + 0.33 * _cell(a, b, salt + 2)
    inside = (dr.abs(_centred(a)) < size) & (dr.abs(_centred(b)) < reach) & (_cell(a, b, salt) < share)
    return dr.select(inside, mi.Float(1), mi.Float(0))


def _courses(s: Spot) -> mi.Color3f:
    """Rows of tiles across the slope, each tile of its own shade, and streaks down it."""
    row = s.v / s.scale
    column = s.u / (0.9 * s.scale) + 0.5 * (dr.floor(row) - 2 * dr.floor(dr.floor(row) / 2))
    seen = _seen(s.scale, s.gsd)
    tile = (_cell(column, row, 301) - 0.5) * 0.55 * seen
    patch = (_cell(column / 5, row / 3, 305) - 0.5) * 0.16 * _seen(3 * s.scale, s.gsd)
    edge = -0.34 * (_share(row) - 0.5) * seen
    streak = 0.07 * value_noise(mi.Point2f(s.u / 0.7, s.v / 4.5), 307) * _seen(1.4, s.gsd)
    return s.albedo * dr.maximum(1 + s.depth * (tile + patch + edge + streak), 0.3)


def _sheets(s: Spot) -> mi.Color3f:
    """Ribbed sheets down the slope, each of its own age, with rust in streaks."""
    rib = dr.sin(s.u * (6.2832 / s.scale)) * 0.10 * _seen(s.scale, s.gsd)
    sheet = (_cell(s.u / 0.95, s.v / 3.2, 311) - 0.5) * 0.24 * _seen(1.9, s.gsd)
    age = value_noise(s.place / 7.0, 313) * 0.7 + (_cell(s.u / 0.95, s.v / 3.2, 317) - 0.5) * 1.4
    streak = value_noise(mi.Point2f(s.u / 0.5, s.v / 3.0), 319) * _seen(1.0, s.gsd)
    rust = _step(age + 0.6 * streak, 1.6 - 1.3 * 0.5, 2.3) * dr.clip(s.depth - 0.3, 0.0, 1.0)
    return dr.lerp(s.albedo * (1 + rib + sheet * dr.minimum(s.depth, 1.0)), mi.Color3f(*RUST), rust)


def _membrane(s: Spot) -> mi.Color3f:
    """Seams between lanes, patched spots, and the rims and dirt of puddles."""
    seam = _line(_centred(s.v / s.scale) * s.scale, 0.12, s.gsd)
    cross = _line(_centred(s.u / 12.0 + 0.37 * dr.floor(s.v / s.scale)) * 12.0, 0.12, s.gsd)
    lane = (_cell(s.v / s.scale, s.u / 12.0 + 0.37 * dr.floor(s.v / s.scale), 327) - 0.5) * 0.07
    pond = fractal_noise(s.place / 5.0, 321)
    dirt = _step(pond, 0.55, 1.3) * 0.20 + _step(0.16 - dr.abs(pond - 0.55), 0.0, 0.16) * 0.14
    mend = _repairs(s.u, s.v, 7.0, 4.0, 0.16, 331)
    shade = dr.select(_cell(s.u / 7.0, s.v / 4.0, 337) < 0.7, -0.30, 0.18)
    change = lane - 0.16 * dr.maximum(seam, cross) - dirt + mend * shade
    return s.albedo * dr.maximum(1.05 + s.depth * change, 0.25)


def _pavement(s: Spot) -> mi.Color3f:
    """Asphalt: long streaks of wheels and oil, rectangular repairs, sealed cracks."""
    streak = 0.06 * value_noise(mi.Point2f(s.u / 30.0, s.v / 0.9), 341) * _seen(1.8, s.gsd)
    mend = _repairs(s.u, s.v, 14.0, 3.2, 0.22, 343)
    shade = dr.select(_cell(s.u / 14.0, s.v / 3.2, 349) < 0.6, -0.20, 0.14)
    lot = (_cell(s.u / 61.0, s.v / 43.0, 347) - 0.5) * 0.16
    crack = dr.abs(value_noise(s.place / 4.0, 351) + 0.3 * value_noise(s.place / 0.9, 353))
    sealed = dr.select(value_noise(s.place / 35.0, 357) > 0.2, 1.0, 0.0) * _step(0.07 - crack, 0.0, 0.05)
    spot = _step(fractal_noise(s.place / 1.5, 359), 1.5, 2.2) * 0.22
    change = streak + mend * shade + lot - 0.30 * sealed * _seen(0.5, s.gsd) - spot
    return s.albedo * dr.maximum(1.01 + s.depth * change, 0.3)


def _slabs(s: Spot) -> mi.Color3f:
    """Slabs with joints, each of its own shade, and spots of oil and dirt."""
    u, v = s.u / s.scale, s.v / s.scale
    joint = dr.maximum(_line(_centred(u) * s.scale, 0.05, s.gsd), _line(_centred(v) * s.scale, 0.05, s.gsd))
    slab = (_cell(u + 0.5, v + 0.5, 361) - 0.5) * 0.16 * _seen(s.scale, s.gsd)
    group = (_cell(u / 4, v / 4, 363) - 0.5) * 0.10
    stain = _step(fractal_noise(s.place / 2.2, 367), 1.2, 2.2) * 0.24
    return s.albedo * dr.maximum(1.01 + s.depth * (slab + group - 0.25 * joint - stain), 0.3)


def _furrows(s: Spot) -> mi.Color3f:
    """Rows with gaps, stronger and weaker growth, and the tracks of machines."""
    wander = 0.10 * value_noise(s.place / 30.0, 371)
    row = dr.cos((s.v + wander) * (6.2832 / s.scale)) * 0.17 * _seen(s.scale, s.gsd)
    pass_ = (_cell(s.v / (6 * s.scale), s.v * 0.0, 373) - 0.5) * 0.12 * _seen(12 * s.scale, s.gsd)
    growth = 0.12 * fractal_noise(s.place / 28.0, 375)
    streak = 0.05 * value_noise(mi.Point2f(s.u / 40.0, s.v / 2.4), 379)
    off = dr.abs(_centred(s.v / TRAMLINES)) * TRAMLINES - GAUGE / 2
    track = _line(off, 0.45, s.gsd) * 0.65 * s.depth
    albedo = s.albedo * dr.maximum(1 + s.depth * (row + pass_ + growth + streak), 0.3)
    return dr.lerp(albedo, 0.5 * albedo + 0.5 * mi.Color3f(*EARTH), track)


def _mown(s: Spot) -> mi.Color3f:
    """Stripes mown to and fro, and tufts."""
    row = dr.floor(s.v / s.scale)
    stripe = dr.select(row - 2 * dr.floor(row / 2) > 0.5, 0.055, -0.055) * _seen(2 * s.scale, s.gsd)
    tuft = 0.05 * value_noise(s.place / 0.6, 381) * _seen(1.2, s.gsd) + 0.07 * fractal_noise(
        s.place / 9.0, 383
    )
    return s.albedo * (1 + s.depth * (stripe + tuft))


def _ripples(s: Spot) -> mi.Color3f:
    """Ridges of sand that wander, and damp hollows."""
    bend = 1.3 * value_noise(s.place / 6.0, 391)
    wave = dr.sin((s.v + bend) * (6.2832 / s.scale)) * 0.06 * _seen(s.scale, s.gsd)
    damp = _step(fractal_noise(s.place / 14.0, 393), 0.7, 1.8) * 0.16
    tracks = 0.05 * value_noise(s.place / 1.1, 397) * _seen(2.2, s.gsd)
    return s.albedo * (1.03 + s.depth * (wave + tracks - damp))


def _worn(s: Spot) -> mi.Color3f:
    """Grass with tufts, lush and dry patches, and bare spots where it is worn."""
    tuft = 0.13 * value_noise(s.place / 0.45, 401) * _seen(0.9, s.gsd)
    clump = 0.10 * value_noise(s.place / 1.9, 403) * _seen(3.0, s.gsd)
    lush = fractal_noise(s.place / s.scale, 405)
    bare = _step(lush - 0.5 * value_noise(s.place / 0.8, 409), 1.5, 2.7) * 0.7 * s.depth
    hue = mi.Color3f(1 + 0.06 * lush, 1 + 0.02 * lush, 1 + 0.03 * lush)
    return dr.lerp(s.albedo * hue * (1 + s.depth * (tuft + clump)), mi.Color3f(*EARTH), bare)


def _leaves(s: Spot) -> mi.Color3f:
    """Bright sprays of leaves before the dark within the crown."""
    at = mi.Point2f(s.p.x + 0.15 * s.p.z, s.p.y - 0.12 * s.p.z)
    spray = value_noise(at / 0.85, 411) * _seen(1.0, s.gsd)
    fine = value_noise(mi.Point2f(0.8 * at.x - 0.6 * at.y, 0.6 * at.x + 0.8 * at.y) / 0.3, 413)
    twig = value_noise(mi.Point2f(0.6 * at.x + 0.8 * at.y, 0.8 * at.x - 0.6 * at.y) / 0.13, 417)
    n = spray + 0.9 * fine * _seen(0.45, s.gsd) + 0.8 * twig * _seen(0.26, s.gsd)
    light = dr.clip(1.0 + 0.42 * s.depth * n, 0.2, 2.4)
    return s.albedo * mi.Color3f(light * (1 + 0.04 * n), light, light * (1 - 0.05 * n))


def _cells_of_glass(s: Spot) -> mi.Color3f:
    """Panels in bright frames."""
    u, v = s.u / (1.65 * s.scale), s.v / s.scale
    frame = dr.maximum(
        _line(_centred(u) * 1.65 * s.scale, 0.05, s.gsd), _line(_centred(v) * s.scale, 0.05, s.gsd)
    )
    shade = (_cell(u + 0.5, v + 0.5, 421) - 0.5) * 0.2
    return dr.lerp(s.albedo * (1 + s.depth * shade), mi.Color3f(0.42, 0.43, 0.44), frame * 0.8)


_DRAWN: dict[Pattern, Callable[[Spot], mi.Color3f]] = {
    Pattern.COURSES: _courses,
    Pattern.SHEETS: _sheets,
    Pattern.MEMBRANE: _membrane,
    Pattern.PAVEMENT: _pavement,
    Pattern.SLABS: _slabs,
    Pattern.FURROWS: _furrows,
    Pattern.MOWN: _mown,
    Pattern.RIPPLES: _ripples,
    Pattern.WORN: _worn,
    Pattern.LEAVES: _leaves,
    Pattern.PANELS: _cells_of_glass,
}

"""Procedural surfaces: from a hit to its albedo, gloss and ragged normal, in Dr.Jit."""

from typing import NamedTuple

from simulator.engines.device import COLUMNS, OPENINGS, DeviceField, DeviceScene
from simulator.engines.drjit_setup import dr, mi
from simulator.engines.noise import fractal_noise, value_noise
from simulator.engines.patterns import Spot, patterned
from simulator.scene.model import GROUND_MATERIAL

FINEST_GRAIN = 0.15
"""Correlation length of the finest texture [m]; coarser where the pixel is, see `grain_scale`."""
STOREY = 2.9
"""Height of a storey and spacing of windows [m]; assumptions, as are the looks of damage below."""
WINDOW_SPACING = 2.7
SOOT = (0.028, 0.026, 0.025)
DECKING = (0.200, 0.158, 0.118)
CAVITY = (0.035, 0.031, 0.028)
PANE = (0.045, 0.052, 0.060)


class Hit(NamedTuple):
    """Where rays met the scene.

    Attributes:
        p: Point [m].
        n: Unit geometric normal, towards the viewer.
        face: Index of the face.
        valid: Whether anything was hit.
    """

    p: mi.Point3f
    n: mi.Normal3f
    face: mi.UInt32
    valid: mi.Bool


class Surface(NamedTuple):
    """How a point reflects.

    Attributes:
        albedo: Diffuse, in [0, 1].
        specular: Mirror reflection at normal incidence.
        normal: Unit, stirred where the surface is ragged.
        leafy: Strength of the stirring; 0 on smooth surfaces.
    """

    albedo: mi.Color3f
    specular: mi.Float
    normal: mi.Normal3f
    leafy: mi.Float


def grain_scale(gsd: float) -> float:
    """Correlation length of the finest texture that a pixel of `gsd` [m] resolves: a fixed ladder, so that
    the same place has the same texture in every image [m]."""
    scale = FINEST_GRAIN
    while scale < 0.7 * gsd:
        scale *= 2
    return scale


def elevation(field: DeviceField, x: mi.Float, y: mi.Float) -> mi.Float:
    """Bilinear values, as `Field.sample`."""
    r0, c0, r1, c1, v, u = _corners(field, x, y)

    def at(row: mi.UInt32, col: mi.UInt32) -> mi.Float:
        return dr.gather(mi.Float, field.values, row * field.width + col)

    return dr.lerp(dr.lerp(at(r0, c0), at(r0, c1), u), dr.lerp(at(r1, c0), at(r1, c1), u), v)


def surface_at(scene: DeviceScene, hit: Hit, gsd: mi.Float, scale: mi.Float) -> Surface:
    """The surface under a hit.

    Args:
        scene: Face columns and tables.
        hit: Where.
        gsd: Side of a pixel [m].
        scale: `grain_scale(gsd)`.
    """
    on = hit.valid
    material = dr.gather(mi.UInt32, scene.material, hit.face, on)
    bare = on & (material == GROUND_MATERIAL)
    place = mi.Point2f(hit.p.x + scene.origin.x, hit.p.y + scene.origin.y)
    code, soil = _ground(scene, hit.p, place, bare)
    material = dr.select(bare, code, dr.select(on, material, 0))

    def column(index: int) -> mi.Float:
        return dr.gather(mi.Float, scene.table, material * COLUMNS + index, on)

    tint = dr.gather(mi.Color3f, scene.tint, hit.face, on)
    albedo = dr.select(bare, soil, mi.Color3f(column(0), column(1), column(2)) * tint)
    along = _tangent(hit.n)
    upright = mi.Point2f(along.x * hit.p.x + along.y * hit.p.y, hit.p.z)
    face = mi.Point2f(along.x * place.x + along.y * place.y, hit.p.z)
    steep = hit.n.z < 0.5
    spread = mi.Point2f(dr.select(steep, face.x, place.x), dr.select(steep, face.y, place.y))
    albedo *= _weathering(spread, albedo, column(3), column(4)) * _texture(spread, column(5), scale)
    u, v = _laid(scene, hit, place, face, bare)
    albedo = patterned(
        mi.UInt32(column(9)),
        Spot(
            albedo, u, v, spread, mi.Point3f(place.x, place.y, hit.p.z), column(7), column(10), mi.Float(gsd)
        ),
        on,
    )
    albedo, openings = _windows(scene, hit, albedo, upright, column(OPENINGS), on)
    albedo = _damage(scene, hit, albedo, spread, along)
    leafy = dr.gather(mi.Float, scene.bump, dr.gather(mi.UInt32, scene.land_cover, hit.face, on), on)
    specular = dr.select(openings, 0.04, column(6))
    return Surface(dr.clip(albedo, 0.0, 1.0), specular, _stirred(hit, place, leafy, scale), leafy)


def mean_albedo(scene: DeviceScene, hit: Hit) -> mi.Color3f:
    """Albedo as a large footprint sees it: without texture, walls with windows, roofs with soot."""
    on = hit.valid
    material = dr.gather(mi.UInt32, scene.material, hit.face, on)
    bare = on & (material == GROUND_MATERIAL)
    field = scene.ground
    r0, c0, r1, c1, v, u = _corners(field, hit.p.x, hit.p.y)
    cell = dr.select(v < 0.5, r0, r1) * field.width + dr.select(u < 0.5, c0, c1)
    code = dr.gather(mi.UInt32, scene.ground_material, dr.gather(mi.UInt32, field.values, cell, bare), bare)
    at = dr.select(bare, code, dr.select(on, material, 0)) * COLUMNS
    colour = mi.Color3f(*(dr.gather(mi.Float, scene.table, at + k, on) for k in range(3)))
    colour *= dr.gather(mi.Color3f, scene.tint, hit.face, on)
    panes = dr.gather(mi.Float, scene.table, at + OPENINGS, on)
    colour = dr.lerp(colour, mi.Color3f(*PANE), dr.select(hit.n.z < 0.5, panes, 0.0))
    soot = dr.gather(mi.Vector2f, scene.wear, hit.face, on).x
    return dr.lerp(colour, mi.Color3f(*SOOT), dr.clip(soot, 0.0, 1.0))


def _corners(field: DeviceField, x: mi.Float, y: mi.Float) -> tuple:
    """Rows, columns and weights (down, right) of the four cell centres around points."""
    col = dr.clip((x - field.west) / field.cell - 0.5, 0.0, mi.Float(field.width - 1))
    row = dr.clip((field.north - y) / field.cell - 0.5, 0.0, mi.Float(field.height - 1))
    r0, c0 = mi.UInt32(dr.floor(row)), mi.UInt32(dr.floor(col))
    r1, c1 = dr.minimum(r0 + 1, field.height - 1), dr.minimum(c0 + 1, field.width - 1)
    return r0, c0, r1, c1, row - mi.Float(r0), col - mi.Float(c0)


def _ground(
    scene: DeviceScene, p: mi.Point3f, place: mi.Point2f, active: mi.Bool
) -> tuple[mi.UInt32, mi.Color3f]:
    """Material index of the nearest cell, and albedo blended between the four around: evenly, or raggedly
    where all four are soft."""
    field = scene.ground
    r0, c0, r1, c1, v, u = _corners(field, p.x, p.y)

    def look(row: mi.UInt32, col: mi.UInt32) -> tuple[mi.UInt32, mi.Color3f, mi.Float]:
        code = dr.gather(mi.UInt32, field.values, row * field.width + col, active)
        index = dr.gather(mi.UInt32, scene.ground_material, code, active)
        at = index * COLUMNS
        colour = [dr.gather(mi.Float, scene.table, at + k, active) for k in range(3)]
        return index, mi.Color3f(*colour), dr.gather(mi.Float, scene.table, at + 11, active)

    nw, ne, sw, se = look(r0, c0), look(r0, c1), look(r1, c0), look(r1, c1)
    ragged = dr.minimum(dr.minimum(nw[2], ne[2]), dr.minimum(sw[2], se[2]))
    u, v = dr.if_stmt(
        (u, v, place, ragged),
        active & (ragged > 0),
        lambda u, v, place, ragged: (_frayed(u, place, ragged, 91), _frayed(v, place, ragged, 97)),
        lambda u, v, *_: (u, v),
        label="frayed",
    )
    nearest = dr.select(v < 0.5, dr.select(u < 0.5, nw[0], ne[0]), dr.select(u < 0.5, sw[0], se[0]))
    return nearest, dr.lerp(dr.lerp(nw[1], ne[1], u), dr.lerp(sw[1], se[1], u), v)


def _frayed(share: mi.Float, place: mi.Point2f, ragged: mi.Float, seed: int) -> mi.Float:
    """A weight between two cells, pushed to one side or the other by noise of leaves and stones."""
    push = value_noise(place / 0.21, seed) + 0.7 * value_noise(place / 0.5, seed + 1)
    sharp = dr.clip(0.5 + 2.5 * (share - 0.5 + 0.22 * push), 0.0, 1.0)
    return dr.lerp(share, sharp, ragged)


def _tangent(n: mi.Normal3f) -> mi.Vector2f:
    """Horizontal unit vector along the eave of a roof or along a wall; of no meaning on level ground."""
    length = dr.sqrt(dr.maximum(n.x * n.x + n.y * n.y, 1e-8))
    return mi.Vector2f(-n.y / length, n.x / length)


def _weathering(
    place: mi.Point2f, albedo: mi.Color3f, variation: mi.Float, per_metre: mi.Float
) -> mi.Color3f:
    """Slow change of brightness; of plants, soils and tiles, whose blue is low, also of hue."""
    bright = fractal_noise(place * per_metre, 11)
    coloured = dr.clip(2 - 2 * albedo.z / dr.maximum(albedo.y, 1e-3), 0.0, 1.0)
    hue = 0.45 * variation * coloured * fractal_noise(place * (0.45 * per_metre), 23)
    shade = dr.maximum(1 + variation * bright, 0.25)
    return mi.Color3f(shade * (1 + hue), shade, shade * (1 - 0.5 * hue))


def _texture(place: mi.Point2f, grain: mi.Float, scale: mi.Float) -> mi.Float:
    """Fine texture: two octaves from the finest that a pixel resolves, fainter for coarse pixels."""
    fine = value_noise(place / scale, 37) * 0.75
    turned = mi.Point2f(0.8 * place.x - 0.6 * place.y, 0.6 * place.x + 0.8 * place.y)
    coarse = value_noise(turned / (2.3 * scale), 41) * 0.66
    faded = grain * dr.power(FINEST_GRAIN / scale, 0.2)
    return dr.maximum(1 + faded * (fine + coarse), 0.2)


def _laid(
    scene: DeviceScene, hit: Hit, place: mi.Point2f, face: mi.Point2f, bare: mi.Bool
) -> tuple[mi.Float, mi.Float]:
    """Along and across what is laid [m]: along the eave and down the slope, along walls, streets, furrows."""
    lay = scene.lay
    row, col = (dr.floor((lay.north - hit.p.y) / lay.cell), dr.floor((hit.p.x - lay.west) / lay.cell))
    row = mi.UInt32(dr.clip(row, 0.0, mi.Float(lay.height - 1)))
    col = mi.UInt32(dr.clip(col, 0.0, mi.Float(lay.width - 1)))
    heading = dr.gather(mi.Float, lay.values, row * lay.width + col, bare)
    level = hit.valid & ~bare & (hit.n.z > 0.98)
    frame = dr.gather(mi.Vector4f, scene.frame, hit.face, level)
    sine, cosine = dr.sincos(heading)
    cosine, sine = dr.select(bare, cosine, frame.x), dr.select(bare, sine, frame.y)
    none = (cosine == 0) & (sine == 0)
    cosine = dr.select(none, 1.0, cosine)
    flat = bare | level
    down = hit.p.z / dr.sqrt(dr.maximum(1 - hit.n.z * hit.n.z, 1e-4))
    u = dr.select(flat, cosine * place.x + sine * place.y, face.x)
    return u, dr.select(flat, cosine * place.y - sine * place.x, down)


def _windows(
    scene: DeviceScene, hit: Hit, albedo: mi.Color3f, upright: mi.Point2f, share: mi.Float, on: mi.Bool
) -> tuple[mi.Color3f, mi.Bool]:
    """Panes in storeys and bays of walls that are high and long enough; and where they are."""
    frame = dr.gather(mi.Vector4f, scene.frame, hit.face, on & (share > 0))
    storeys, bays = dr.floor(frame.y / STOREY + 0.25), dr.floor(frame.w / WINDOW_SPACING)
    v = (upright.y - frame.x) / dr.maximum(frame.y, 0.1) * storeys
    u = (upright.x - frame.z) / dr.maximum(frame.w, 0.1) * bays
    half = 0.5 * dr.sqrt(share)
    inside = (dr.abs(u - dr.floor(u) - 0.5) < half) & (dr.abs(v - dr.floor(v) - 0.52) < half * 1.1)
    pane = on & inside & (storeys > 0) & (bays > 0)
    return dr.select(pane, mi.Color3f(*PANE), albedo), pane


def _damage(
    scene: DeviceScene, hit: Hit, albedo: mi.Color3f, place: mi.Point2f, along: mi.Vector2f
) -> mi.Color3f:
    """Missing covering shows decking, and in its midst the dark between rafters; soot lies in blotches."""
    wear = dr.gather(mi.Vector2f, scene.wear, hit.face, hit.valid)
    across = along.x * hit.p.x + along.y * hit.p.y
    return dr.if_stmt(
        (albedo, place, across, wear),
        (wear.x > 0) | (wear.y > -8),
        _worn_by_damage,
        lambda albedo, *_: albedo,
        label="damage",
    )


def _worn_by_damage(albedo: mi.Color3f, place: mi.Point2f, across: mi.Float, wear: mi.Vector2f) -> mi.Color3f:
    depth = wear.y - fractal_noise(place * 0.3, 53)
    rafter = dr.abs(across / 0.75 - dr.floor(across / 0.75) - 0.5) > 0.4
    hole = dr.select(rafter, mi.Color3f(*DECKING) * 0.7, mi.Color3f(*CAVITY))
    albedo = dr.select(depth > 0, dr.select(depth > 0.55, hole, mi.Color3f(*DECKING)), albedo)
    blotch = fractal_noise(place * 0.3, 67) * 0.35 + 0.5
    black = dr.clip((wear.x * 1.7 - blotch) * 1.6 + 0.25, 0.0, 1.0) * dr.select(wear.x > 0, 0.95, 0.0)
    return dr.lerp(albedo, mi.Color3f(*SOOT), black)


def _stirred(hit: Hit, place: mi.Point2f, strength: mi.Float, scale: mi.Float) -> mi.Normal3f:
    """The normal of leaves and rubble, turned by noise of a metre and of a third of it, or of a pixel."""
    size = dr.maximum(scale, 0.3)
    at = mi.Point2f(place.x + 0.15 * hit.p.z, place.y - 0.12 * hit.p.z) / size
    push = mi.Vector3f(value_noise(at, 71), value_noise(at, 73), 0)
    at = mi.Point2f(0.34 * at.x + 0.2 * at.y, 0.34 * at.y - 0.2 * at.x)
    push += mi.Vector3f(value_noise(at, 79), value_noise(at, 83), 0)
    rising = mi.Vector3f(
        0, 0, dr.select(strength > 0.7, 0.7, 0.0)
    )  # leaves face the light, whatever holds them
    return mi.Normal3f(dr.normalize(mi.Vector3f(hit.n) + rising + 0.62 * strength * push))

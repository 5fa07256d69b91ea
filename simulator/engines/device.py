"""A scene as the ray tracer and the shader hold it: an acceleration structure and flat arrays."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from rasters.classes import LandCover
from simulator.city.model import GROUND_LAND_COVER, Field, Ground
from simulator.engines.drjit_setup import dr, mi
from simulator.scene.model import GROUND_MATERIAL, Scene

BUMPS = {LandCover.TREE: 0.85, LandCover.DEBRIS: 0.55}
"""How strongly the normals of ragged surfaces are stirred; an assumption, set by eye."""
COLUMNS = 12
"""Of the material table on the device: see `_table`."""
OPENINGS = 8
"""The column of `Material.openings`."""

LAY = 0.43
"""Heading of what lies on ground without a heading of its own [rad]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceField:
    """A `Field` on the device.

    Attributes:
        west, north, cell: As there [m].
        height, width: Cells.
        values: Row by row.
    """

    west: mi.Float
    north: mi.Float
    cell: mi.Float
    height: mi.UInt32
    width: mi.UInt32
    values: mi.Float | mi.UInt32


@dataclass(frozen=True, slots=True, kw_only=True)
class ExactField:
    """A `Field` on the device with its place in double precision, for labels; attributes as of
    `DeviceField`."""

    west: mi.Float64
    north: mi.Float64
    cell: mi.Float64
    height: mi.UInt32
    width: mi.UInt32
    values: mi.Float64 | mi.UInt32


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceScene:
    """What the kernels read. All face columns are gathered by the index of the face that was hit.

    Attributes:
        tracer: Mitsuba's scene, one mesh.
        top: Above all vertices [m].
        material: Index into `table`, or `GROUND_MATERIAL`.
        tint: Three for each face.
        wear: Two for each face: soot share, and the noise level below which the covering is missing.
        frame: Four for each face: of a wall with openings its foot and height, where it begins along itself
            and its length [m]; of a level face of a building the cosine and sine of its walls' heading.
        bump: Strength of the stirring of normals by class.
        land_cover: `LandCover`.
        instance: Of buildings, 0 for none.
        table: `COLUMNS` for each material.
        ground_material: Index into `table` of each ground code.
        code_cover: `LandCover` of each ground code.
        ground, exact_ground: Ground codes.
        terrain, exact_terrain: Ground elevation [m].
        lay: Heading of what is laid on the ground [rad].
        origin: Position of the local origin in the region [m].
    """

    tracer: mi.Scene
    top: mi.Float
    material: mi.UInt32
    tint: mi.Float
    wear: mi.Float
    frame: mi.Float
    bump: mi.Float
    land_cover: mi.UInt32
    instance: mi.UInt32
    table: mi.Float
    ground_material: mi.UInt32
    code_cover: mi.UInt32
    ground: DeviceField
    exact_ground: ExactField
    terrain: DeviceField
    exact_terrain: ExactField
    lay: DeviceField
    origin: mi.Point2f


def upload(scene: Scene) -> DeviceScene:
    """The scene on the device, its acceleration structure built."""
    vertices, faces = scene.vertices, scene.faces
    bump = np.zeros(len(LandCover), np.float32)
    for land_cover, strength in BUMPS.items():
        bump[land_cover] = strength
    lay = scene.lay or Field(west=0.0, north=1.0, cell=1.0, values=np.full((1, 1), LAY))
    codes = mi.UInt32(scene.ground.values.astype(np.uint32).ravel())
    covers = np.array([GROUND_LAND_COVER[code] for code in Ground], np.uint32)
    level = np.clip(ndtri(scene.face_loss), -9.0, 9.0)
    return DeviceScene(
        tracer=_tracer(vertices, faces),
        top=dr.opaque(mi.Float, float(vertices[:, 2].max()) + 1.0),
        material=mi.UInt32(scene.face_material.astype(np.uint32)),
        tint=_flat(scene.face_tint),
        wear=_flat(np.column_stack([scene.face_soot, level])),
        frame=_flat(_wall_frames(scene) + _roof_frames(scene)),
        bump=mi.Float(bump),
        land_cover=mi.UInt32(scene.face_class.astype(np.uint32)),
        instance=mi.UInt32(scene.face_instance.astype(np.uint32)),
        table=_flat(_table(scene)),
        ground_material=mi.UInt32(scene.ground_materials.astype(np.uint32)),
        code_cover=mi.UInt32(covers),
        ground=_field(scene.ground, codes),
        exact_ground=_exact(scene.ground, codes),
        terrain=_field(scene.terrain, _flat(scene.terrain.values)),
        exact_terrain=_exact(scene.terrain, mi.Float64(scene.terrain.values.astype(np.float64).ravel())),
        lay=_field(lay, _flat(lay.values)),
        origin=mi.Point2f(*(dr.opaque(mi.Float, float(value)) for value in scene.origin)),
    )


def _flat(values: np.ndarray) -> mi.Float:
    return mi.Float(np.ascontiguousarray(values, np.float32).ravel())


def _field(field: Field, values: mi.Float | mi.UInt32) -> DeviceField:
    height, width = field.values.shape
    return DeviceField(
        west=dr.opaque(mi.Float, field.west),
        north=dr.opaque(mi.Float, field.north),
        cell=dr.opaque(mi.Float, field.cell),
        height=dr.opaque(mi.UInt32, height),
        width=dr.opaque(mi.UInt32, width),
        values=values,
    )


def _exact(field: Field, values: mi.Float64 | mi.UInt32) -> ExactField:
    height, width = field.values.shape
    return ExactField(
        west=dr.opaque(mi.Float64, field.west),
        north=dr.opaque(mi.Float64, field.north),
        cell=dr.opaque(mi.Float64, field.cell),
        height=dr.opaque(mi.UInt32, height),
        width=dr.opaque(mi.UInt32, width),
        values=values,
    )


def _tracer(vertices: np.ndarray, faces: np.ndarray) -> mi.Scene:
    """One mesh, as the only instance of a group: Mitsuba has Embree build a group's tree without the spatial
    splits that it asks for in a scene's, which here takes a quarter of the time and traces as fast."""
    properties = mi.Properties()
    properties["face_normals"] = True
    mesh = mi.Mesh("scene", len(vertices), len(faces), props=properties)
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = _flat(vertices)
    parameters["faces"] = mi.UInt32(np.ascontiguousarray(faces, np.uint32).ravel())
    parameters.update()
    group = mi.load_dict({"type": "shapegroup", "mesh": mesh})
    return mi.load_dict({"type": "scene", "group": group, "only": {"type": "instance", "of": group}})


def _table(scene: Scene) -> np.ndarray:
    """(M, COLUMNS): albedo, variation, 1 / scale, grain, specular, rows, openings, pattern, depth, soft."""
    rows = [
        (
            *(*m.albedo, m.variation, 1 / m.variation_scale, m.grain),
            *(m.specular, m.rows, m.openings, m.pattern, m.depth, m.soft),
        )
        for m in scene.materials
    ]
    return np.array(rows, np.float32)


def _wall_frames(scene: Scene) -> np.ndarray:
    """(F, 4) foot, height, beginning and length [m] of upright faces whose material has openings."""
    openings = np.array([m.openings for m in scene.materials])
    frames = np.zeros((len(scene.faces), 4), np.float32)
    built = np.flatnonzero(scene.face_material != GROUND_MATERIAL)
    built = built[openings[scene.face_material[built]] > 0]
    corners = scene.vertices[scene.faces[built]].astype(np.float64)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    across = np.linalg.norm(normal[:, :2], axis=1)
    upright = across > 0.99 * np.linalg.norm(normal, axis=1)
    built, corners = built[upright], corners[upright]
    tangent = np.stack([-normal[upright, 1], normal[upright, 0]], axis=1) / across[upright, None]
    u, z = (corners[..., :2] * tangent[:, None]).sum(-1), corners[..., 2]
    frames[built] = np.stack([z.min(1), np.ptp(z, axis=1), u.min(1), np.ptp(u, axis=1)], axis=1)
    return frames


def _roof_frames(scene: Scene) -> np.ndarray:
    """(F, 4) cosine and sine of the heading of a building's walls, modulo a right angle, on its level faces;
    else noughts. The heading is the mean over the walls, of four times the angle, by their area."""
    frames = np.zeros((len(scene.faces), 4), np.float32)
    built = np.flatnonzero(scene.face_instance > 0)
    a, b, c = (scene.vertices[scene.faces[built, k]].astype(np.float64) for k in range(3))
    normal = np.cross(b - a, c - a)
    across = np.hypot(normal[:, 0], normal[:, 1])
    steep = across > 0.99 * np.linalg.norm(normal, axis=1)
    turn = np.where(steep, across, 0.0) * np.exp(4j * np.arctan2(normal[:, 1], normal[:, 0]))
    instance = scene.face_instance[built]
    total = np.bincount(instance, turn.real) + 1j * np.bincount(instance, turn.imag)
    heading = np.angle(total)[instance] / 4
    level = np.abs(normal[:, 2]) > 0.98 * np.linalg.norm(normal, axis=1)
    frames[built[level], 0], frames[built[level], 1] = np.cos(heading[level]), np.sin(heading[level])
    return frames

"""A scene cut into props, which a server spawns, and props put together to a scene again.

A prop is named after what it is made of. So a building that a disaster left alone is the same prop before
and after, and keeps its actor; one that it struck is another prop: the damaged or collapsed variant.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import Field
from simulator.engines.carla.labels import TAG_CODES, TAG_OF_CLASS, TERRAIN
from simulator.scene.materials import MATERIALS, ground_materials
from simulator.scene.model import GROUND_MATERIAL, Scene

PREFIX = "mage"
COLUMNS = ("material", "tint", "soot", "loss")
"""Face columns of a prop, as of a `Scene`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the terrain prop carries besides its triangles; see `Scene`."""

    terrain: Field
    ground: Field
    lay: Field | None
    origin: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Prop:
    """One mesh with one semantic tag.

    Attributes:
        name: `mage_<tag>_<digest>`; equal content has equal names.
        tag: The folder that it is imported to, one of `TAG_CODES`.
        land_cover: Of all its faces; of terrain, the ground map tells.
        building: Whether it belongs to a building.
        vertices: (V, 3) float32 about its anchor [m], x east, y north, z up.
        faces: (F, 3) uint32.
        material, tint, soot, loss: (F,), (F, 3), (F,), (F,), as in `Scene`.
        ground: Of the terrain prop; None for others.
    """

    name: str
    tag: str
    land_cover: LandCover
    building: bool
    vertices: np.ndarray
    faces: np.ndarray
    material: np.ndarray
    tint: np.ndarray
    soot: np.ndarray
    loss: np.ndarray
    ground: Ground | None = None

    def code(self) -> int:
        """Of its tag in the semantic image."""
        return TAG_CODES[self.tag]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A prop at its place.

    Attributes:
        prop: What.
        anchor: Local position [m] of the prop's own origin, whole metres.
        instance: Of the building it belongs to, 0 for none.
    """

    prop: Prop
    anchor: tuple[float, float, float]
    instance: int

    def key(self) -> tuple[str, tuple[float, float, float]]:
        """What tells it from the others; the order of spawning and of faces."""
        return self.prop.name, self.anchor


def split(scene: Scene) -> list[Standing]:
    """Props of a scene in the order of their keys: one for each class of each building, one for each
    class of the rest, one for the terrain."""
    bare = scene.face_material == GROUND_MATERIAL
    cover = np.where(bare, 255, scene.face_class).astype(np.int64)
    instance = np.where(bare, 0, scene.face_instance).astype(np.int64)
    groups, group = np.unique(instance * 256 + cover, return_inverse=True)
    order = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[order], np.arange(len(groups) + 1))
    standing = []
    for number, code in enumerate(groups.tolist()):
        faces = order[bounds[number] : bounds[number + 1]]
        standing.append(_standing(scene, faces, code // 256, code % 256))
    return sorted(standing, key=Standing.key)


def _standing(scene: Scene, faces: np.ndarray, instance: int, cover: int) -> Standing:
    used, corner = np.unique(scene.faces[faces], return_inverse=True)
    vertices = scene.vertices[used]
    anchor = np.floor(vertices.min(axis=0)) if instance else np.zeros(3)
    terrain = cover == 255
    land_cover = LandCover.UNLABELLED if terrain else LandCover(cover)
    tag = TERRAIN if terrain else TAG_OF_CLASS[land_cover]
    values = {
        "vertices": vertices - anchor.astype(np.float32),
        "faces": corner.reshape(-1, 3).astype(np.uint32),
        **{name: getattr(scene, f"face_{name}")[faces] for name in COLUMNS},
    }
    ground = None
    if terrain:
        ground = Ground(terrain=scene.terrain, ground=scene.ground, lay=scene.lay, origin=scene.origin)
    name = f"{PREFIX}_{tag.lower()}_{_digest([land_cover, instance > 0, *values.values(), *_told(ground)])}"
    prop = Prop(name=name, tag=tag, land_cover=land_cover, building=instance > 0, ground=ground, **values)
    return Standing(
        prop=prop, anchor=(float(anchor[0]), float(anchor[1]), float(anchor[2])), instance=instance
    )


def _told(ground: Ground | None) -> Iterable[object]:
    if ground is None:
        return
    yield ground.origin
    for field in (ground.terrain, ground.ground, ground.lay):
        if field is not None:
            yield (field.west, field.north, field.cell)
            yield field.values


def _digest(values: Iterable[object]) -> str:
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            digest.update(f"{value.dtype}{value.shape}".encode())
            digest.update(np.ascontiguousarray(value).tobytes())
        else:
            digest.update(repr(value).encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """A prop as a server has it.

    Attributes:
        prop: What.
        rotation: (3, 3) float64, of the prop's own axes into local ones; None for none.
        position: Of its origin [m, local].
        actor: Its id.
    """

    prop: Prop
    position: tuple[float, float, float]
    actor: int
    rotation: np.ndarray | None = None

    def points(self) -> np.ndarray:
        """(V, 3) float32 vertices [m, local]."""
        turned = self.prop.vertices if self.rotation is None else self.prop.vertices @ self.rotation.T
        return (turned + np.array(self.position, np.float32)).astype(np.float32)


def join(placed: Sequence[Placed]) -> tuple[Scene, np.ndarray, np.ndarray] | None:
    """The scene that props make, with the actor's id and the tag's code of each face (F,).

    The order of the arguments does not matter: faces come in the order of names and places. None where
    there is no terrain to stand on.
    """
    placed = sorted(placed, key=lambda p: (p.prop.name, p.position, p.actor))
    ground = next((p.prop.ground for p in placed if p.prop.ground is not None), None)
    if ground is None:
        return None
    counts = [len(p.prop.faces) for p in placed]
    starts = np.cumsum([0, *(len(p.prop.vertices) for p in placed[:-1])])

    def column(values: Iterable[object], dtype: type) -> np.ndarray:
        return np.repeat(np.array(list(values), dtype), counts)

    def joined(name: str) -> np.ndarray:
        return np.concatenate([getattr(p.prop, name) for p in placed])

    faces = [p.prop.faces + np.uint32(start) for p, start in zip(placed, starts.tolist(), strict=True)]
    scene = Scene(
        vertices=np.concatenate([p.points() for p in placed]),
        faces=np.concatenate(faces).astype(np.uint32),
        face_class=column((p.prop.land_cover for p in placed), np.uint8),
        face_instance=column((p.actor if p.prop.building else 0 for p in placed), np.uint32),
        **{f"face_{name}": joined(name) for name in COLUMNS},
        terrain=ground.terrain,
        ground=ground.ground,
        ground_materials=ground_materials(),
        materials=MATERIALS,
        lay=ground.lay,
        origin=ground.origin,
    )
    actor = column((p.actor for p in placed), np.uint32)
    return scene, actor, column((p.prop.code() for p in placed), np.uint8)

"""A prop as ASCII FBX 7.4, the format that CARLA's import reads.

Right-handed, z up, in centimetres: Unreal's importer turns y round, which puts our north where CARLA's
lies. One material a colour of the material table, its diffuse colour the mean of its faces; terrain has one,
with a texture laid over it from above.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from simulator.engines.carla.props import Prop
from simulator.scene.materials import MATERIALS

CENTIMETRES = 100.0
GEOMETRY, MODEL, FIRST_MATERIAL, TEXTURE = 1001, 1002, 2000, 3001


def write_fbx(path: Path, prop: Prop, texture: str | None) -> None:
    """Writes the mesh; `texture` names the picture of the terrain that lies beside it."""
    names, slot, colours = _materials(prop)
    lines = [
        "; FBX 7.4.0 project file",
        "FBXHeaderExtension: {\n FBXHeaderVersion: 1003\n FBXVersion: 7400\n}",
        _settings(),
        _definitions(len(names), texture is not None),
        "Objects: {",
        _geometry(prop, slot, texture is not None),
        f' Model: {MODEL}, "Model::{prop.name}", "Mesh" {{\n  Version: 232\n  Properties70: {{\n  }}\n'
        "  Shading: T\n }",
        *(_material(number, name, colours[number]) for number, name in enumerate(names)),
        *([] if texture is None else [_texture(texture)]),
        "}",
        _connections(len(names), texture is not None),
    ]
    path.write_text("\n".join(lines) + "\n", encoding="ascii")


def _materials(prop: Prop) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Names, each face's (F,) index into them, and mean display colours (M, 3)."""
    if prop.ground is not None:
        return ["ground"], np.zeros(len(prop.faces), np.int64), np.ones((1, 3))
    used, slot = np.unique(prop.material, return_inverse=True)
    albedo = np.array([MATERIALS[index].albedo for index in used])
    count = np.bincount(slot)
    soot = 1 - 0.9 * prop.soot[:, None]
    tint = np.stack([np.bincount(slot, column) / count for column in (prop.tint * soot).T], axis=1)
    return [MATERIALS[index].name for index in used], slot, np.clip(albedo * tint, 0, 1) ** (1 / 2.2)


def _settings() -> str:
    axes = (("UpAxis", 2), ("UpAxisSign", 1), ("FrontAxis", 1), ("FrontAxisSign", -1), ("CoordAxis", 0),
            ("CoordAxisSign", 1))  # fmt: skip
    rows = [f'  P: "{name}", "int", "Integer", "",{value}' for name, value in axes]
    rows.append('  P: "UnitScaleFactor", "double", "Number", "",1')
    body = "\n".join(rows)
    return f"GlobalSettings: {{\n Version: 1000\n Properties70: {{\n{body}\n }}\n}}"


def _definitions(materials: int, textured: bool) -> str:
    counts = [("GlobalSettings", 1), ("Geometry", 1), ("Model", 1), ("Material", materials)]
    counts += [("Texture", 1)] if textured else []
    rows = "\n".join(f' ObjectType: "{kind}" {{\n  Count: {count}\n }}' for kind, count in counts)
    return f"Definitions: {{\n Version: 100\n Count: {sum(count for _, count in counts)}\n{rows}\n}}"


def _array(name: str, values: Iterable[object], count: int) -> str:
    return f"  {name}: *{count} {{\n   a: {','.join(map(str, values))}\n  }}"


def _geometry(prop: Prop, slot: np.ndarray, textured: bool) -> str:
    points = (prop.vertices.astype(float) * CENTIMETRES).round(2)
    polygons = prop.faces.astype(np.int64)
    polygons[:, 2] = ~polygons[:, 2]  # the last corner of a polygon is written as its complement
    layers = ["LayerElementMaterial", *(["LayerElementUV"] if textured else [])]
    parts = [
        f' Geometry: {GEOMETRY}, "Geometry::{prop.name}", "Mesh" {{',
        _array("Vertices", points.ravel().tolist(), points.size),
        _array("PolygonVertexIndex", polygons.ravel().tolist(), polygons.size),
        "  GeometryVersion: 124",
        '  LayerElementMaterial: 0 {\n  Version: 101\n  Name: ""\n  MappingInformationType: "ByPolygon"\n'
        '  ReferenceInformationType: "IndexToDirect"',
        _array("Materials", slot.tolist(), len(slot)),
        "  }",
        *(_texture_layer(prop) if textured else []),
        "  Layer: 0 {\n   Version: 100",
        *(f'   LayerElement: {{\n    Type: "{layer}"\n    TypedIndex: 0\n   }}' for layer in layers),
        "  }\n }",
    ]
    return "\n".join(parts)


def _texture_layer(prop: Prop) -> list[str]:
    """Texture coordinates in [0, 1] over the ground map, from its south-west corner.

    The skirt of terrain about the map takes the colours of its rim; beyond 1 the map would be repeated.
    """
    assert prop.ground is not None
    field = prop.ground.ground
    height, width = field.values.shape
    u = (prop.vertices[:, 0] - field.west) / (width * field.cell)
    v = (prop.vertices[:, 1] - (field.north - height * field.cell)) / (height * field.cell)
    uv = np.stack([u, v], axis=1).astype(float).clip(0, 1).round(6)
    return [
        '  LayerElementUV: 0 {\n  Version: 101\n  Name: "map"\n  MappingInformationType: "ByPolygonVertex"\n'
        '  ReferenceInformationType: "IndexToDirect"',
        _array("UV", uv.ravel().tolist(), uv.size),
        _array("UVIndex", prop.faces.ravel().tolist(), prop.faces.size),
        "  }",
    ]


def _material(number: int, name: str, colour: Sequence[float]) -> str:
    r, g, b = (round(float(value), 4) for value in colour)
    return (
        f' Material: {FIRST_MATERIAL + number}, "Material::M_{name}", "" {{\n  Version: 102\n'
        '  ShadingModel: "lambert"\n  Properties70: {\n'
        f'   P: "DiffuseColor", "Color", "", "A",{r},{g},{b}\n  }}\n }}'
    )


def _texture(file: str) -> str:
    return (
        f' Texture: {TEXTURE}, "Texture::ground", "" {{\n  Type: "TextureVideoClip"\n  Version: 202\n'
        f'  TextureName: "Texture::ground"\n  FileName: "{file}"\n  RelativeFilename: "{file}"\n }}'
    )


def _connections(materials: int, textured: bool) -> str:
    rows = [f' C: "OO",{MODEL},0', f' C: "OO",{GEOMETRY},{MODEL}']
    rows += [f' C: "OO",{FIRST_MATERIAL + number},{MODEL}' for number in range(materials)]
    if textured:
        rows.append(f' C: "OP",{TEXTURE},{FIRST_MATERIAL}, "DiffuseColor"')
    return "Connections: {\n" + "\n".join(rows) + "\n}"

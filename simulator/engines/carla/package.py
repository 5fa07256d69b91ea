"""A package of props on disk: meshes with the JSON that CARLA's import reads, and what a stand-in reads.

<folder>/MagePackage.json           the import description: names, sources, sizes, tags
<folder>/Props/<name>/<name>.fbx    the mesh, for CARLA
<folder>/Props/<name>/<name>.npz    the same prop with our own face columns, for the stand-in
<folder>/Props/<name>/<name>.png    of the terrain: its colours from above, for CARLA
<folder>/Roads/<city>.xodr          the streets
"""

import json
import os
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rasters.classes import LandCover
from rasters.errors import InputError
from simulator.city.model import Field
from simulator.engines.carla.fbx import write_fbx
from simulator.engines.carla.labels import encode_rgb
from simulator.engines.carla.props import COLUMNS, Ground, Prop
from simulator.scene.materials import MATERIALS, ground_materials

PACKAGE = "MagePackage"
PROPS, ROADS = "Props", "Roads"
SIZES = ((1.0, "small"), (4.0, "medium"), (16.0, "big"))
"""CARLA's words for the largest extent of a prop [m]; above, "huge". It only orders the library."""


def write_prop(package: Path, prop: Prop) -> bool:
    """Writes a prop unless it is there; returns whether it was written. It is whole or not there."""
    folder = package / PROPS / prop.name
    if folder.is_dir():
        return False
    partial = folder.with_name(f".{prop.name}-{os.getpid()}")
    partial.mkdir(parents=True, exist_ok=True)
    np.savez(partial / f"{prop.name}.npz", allow_pickle=False, **_columns(prop))
    texture = None
    if prop.ground is not None:
        texture = f"{prop.name}.png"
        Image.fromarray(_ground_colours(prop.ground)).save(partial / texture)
    write_fbx(partial / f"{prop.name}.fbx", prop, texture)
    partial.rename(folder)
    return True


def write_description(package: Path) -> None:
    """Writes the import description of all props that are in the package.

    `tag` names the folder `/Game/MagePackage/Static/<tag>` that the import puts a prop in, which is what
    CARLA's tagger goes by; the names are the tagger's, not those of the older list in the documentation.
    """
    props = [
        {
            "name": prop.name,
            "size": _size(prop),
            "source": f"./{PROPS}/{prop.name}/{prop.name}.fbx",
            "tag": prop.tag,
        }
        for prop in map(read_prop, prop_folders(package))
    ]
    partial = package / f".{PACKAGE}.json"
    partial.write_text(json.dumps({"maps": [], "props": props}, indent=1) + "\n", encoding="utf-8")
    partial.rename(package / f"{PACKAGE}.json")


def prop_folders(package: Path) -> list[Path]:
    """Of the props of a package, in the order of their names."""
    return sorted(p for p in (package / PROPS).glob("*") if p.is_dir() and not p.name.startswith("."))


def read_prop(folder: Path) -> Prop:
    """The prop that `write_prop` wrote.

    Raises:
        InputError: The folder holds no such file.
    """
    path = folder / f"{folder.name}.npz"
    if not path.is_file():
        raise InputError(f"{path} is missing: {folder.parent.parent} is no package of `mage carla-export`")
    with np.load(path) as values:
        return Prop(
            name=folder.name,
            tag=str(values["tag"]),
            land_cover=LandCover(int(values["land_cover"])),
            building=bool(values["building"]),
            **{name: values[name] for name in ("vertices", "faces", *COLUMNS)},
            ground=_ground(values) if "origin" in values else None,
        )


def _columns(prop: Prop) -> dict[str, Any]:
    values = {f.name: getattr(prop, f.name) for f in fields(Prop) if f.name not in ("name", "ground")}
    if prop.ground is not None:
        values["origin"] = np.array(prop.ground.origin, float)
        for name in ("terrain", "ground", "lay"):
            field = getattr(prop.ground, name)
            if field is not None:
                values[f"{name}_place"] = np.array([field.west, field.north, field.cell], float)
                values[f"{name}_values"] = field.values
    return values


def _ground(values: Any) -> Ground:
    def field(name: str) -> Field:
        west, north, cell = values[f"{name}_place"].tolist()
        return Field(west=west, north=north, cell=cell, values=values[f"{name}_values"])

    return Ground(
        terrain=field("terrain"),
        ground=field("ground"),
        lay=field("lay") if "lay_place" in values else None,
        origin=tuple(values["origin"].tolist()),
    )


def _ground_colours(ground: Ground) -> np.ndarray:
    """(H, W, 3) uint8, display-encoded mean colours of what the ground is made of."""
    albedo = np.array([MATERIALS[index].albedo for index in ground_materials()])
    return encode_rgb(np.moveaxis(albedo[ground.ground.values], -1, 0))[..., 2::-1]


def _size(prop: Prop) -> str:
    extent = float(np.ptp(prop.vertices, axis=0).max())
    return next((word for limit, word in SIZES if extent <= limit), "huge")


def missing(package: Path, names: Iterable[str]) -> list[str]:
    """Which props a package lacks."""
    return [name for name in sorted(set(names)) if not (package / PROPS / name).is_dir()]

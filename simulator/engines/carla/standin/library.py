"""The stand-in's blueprints: four cameras, a handful of CARLA's props, and those of a package."""

from functools import lru_cache
from pathlib import Path
from typing import Any

from simulator.engines.carla.package import PROPS, prop_folders, read_prop
from simulator.engines.carla.props import Prop
from simulator.engines.carla.standin.blocks import LOOSE, loose_prop
from simulator.engines.carla.standin.messages import (
    CAMERAS,
    AttributeType,
    camera_attributes,
    definition,
    rgb_attributes,
)

PROP = "static.prop."


class Library:
    """What can be spawned. A package that has grown meanwhile is seen as it is: it stands for one that was
    cooked and installed."""

    def __init__(self, package: Path | None) -> None:
        self._package = package
        self._read = lru_cache(maxsize=None)(read_prop)

    def definitions(self, hidden: str) -> list[Any]:
        """All blueprints, as the client wants them, the cameras without the attribute `hidden`."""
        rows = []
        for name in CAMERAS:
            attributes = [*camera_attributes(), *(rgb_attributes() if name.endswith("rgb") else [])]
            rows.append((name, [a for a in attributes if a[0] != hidden]))
        size = [("size", AttributeType.STRING, "big")]
        rows += [(PROP + name, size) for name in [*LOOSE, *(folder.name for folder in self._folders())]]
        return [definition(number, name, attributes) for number, (name, attributes) in enumerate(rows, 1)]

    def prop(self, blueprint: str) -> Prop | None:
        """The mesh of a blueprint; None if there is none."""
        name = blueprint.removeprefix(PROP)
        if name == blueprint:
            return None
        if name in LOOSE:
            return loose_prop(name)
        folder = None if self._package is None else self._package / PROPS / name
        return None if folder is None or not folder.is_dir() else self._read(folder)

    def _folders(self) -> list[Path]:
        return [] if self._package is None else prop_folders(self._package)

"""`mage carla-export`: the cities of a scenario as a package of props and roads for a CARLA server."""

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from tqdm import tqdm

from rasters.errors import InputError
from rasters.files import write_text
from simulator.capture import city_id, city_place, draw_city, simulate_city
from simulator.engines.carla.opendrive import open_drive
from simulator.engines.carla.package import PROPS, ROADS, write_description, write_prop
from simulator.engines.carla.props import split
from simulator.engines.engine import Camera, Frame, Light
from simulator.scenario import Scenario
from simulator.scene.model import Scene


@dataclass(frozen=True, kw_only=True)
class Config(Scenario):
    """Options of `mage carla-export`: those of `mage simulate` that tell the cities, with the same values.

    Attributes:
        out: Folder of the package; props that are there already are kept, those of other scenarios too.
    """

    out: Path


class Recorder:
    """An engine that sees nothing and writes down what it is shown."""

    has_weather = True

    def __init__(self, package: Path) -> None:
        self._package = package
        self._scene: Scene | None = None

    def render(self, scene: Scene, camera: Camera, light: Light, *, samples: int, seed: int) -> Frame:
        """See `Engine.render`; all is nought."""
        return self._seen(scene, camera, np.zeros((3, camera.height, camera.width), np.float32))

    def labels(self, scene: Scene, camera: Camera) -> Frame:
        """See `Engine.labels`; all is nought."""
        return self._seen(scene, camera, np.zeros((3, 0, 0), np.float32))

    def _seen(self, scene: Scene, camera: Camera, reflectance: np.ndarray) -> Frame:
        if scene is not self._scene:
            for standing in split(scene):
                write_prop(self._package, standing.prop)
            self._scene = scene
        shape = (camera.height, camera.width)
        return Frame(
            reflectance=reflectance,
            land_cover=np.zeros(shape, np.uint8),
            instance=np.zeros(shape, np.uint32),
            position=np.zeros((3, *shape), np.float32),
            height=np.zeros(shape, np.float32),
        )


def run(config: Config) -> None:
    """Writes everything that stands in the cities before and after their disasters.

    Raises:
        InputError: The folder holds something else, or the scenario is impossible.
    """
    if config.out.is_dir() and any(config.out.iterdir()) and not (config.out / PROPS).is_dir():
        raise InputError(f"{config.out} holds files of something else; choose another --out")
    scenario = Scenario(**{f.name: getattr(config, f.name) for f in fields(Scenario)})
    for index in tqdm(range(scenario.cities), desc="carla-export", unit="city"):
        city, place = draw_city(scenario, index), city_place(scenario, index)
        roads = open_drive(city, crs=place.crs, west=place.west, south=place.south)
        write_text(config.out / ROADS / f"{city_id(scenario, index)}.xodr", roads)
        for _ in simulate_city(scenario, index, Recorder(config.out)):
            pass
    write_description(config.out)

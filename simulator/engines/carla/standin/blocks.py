"""The stand-in's own map: eight blocks on a lawn, in place of CARLA's packaged towns."""

import numpy as np

from rasters.classes import LandCover
from simulator.city.model import NO_BOXES, Building, City, Field, Trees
from simulator.city.model import Ground as GroundCode
from simulator.engines.carla.labels import TAG_OF_CLASS
from simulator.engines.carla.props import Prop, Standing, split
from simulator.scene.build import build_scene
from simulator.scene.materials import material_index

SIZE = 160.0
"""Side of the map [m]; its middle is the map's origin."""
HEIGHTS = (4.0, 6.5, 9.0, 12.0)
LOOSE = {
    "dirtdebris01": (LandCover.DEBRIS, (1.6, 1.2, 0.4), "debris"),
    "dirtdebris02": (LandCover.DEBRIS, (2.4, 1.8, 0.6), "debris"),
    "brokentile01": (LandCover.DEBRIS, (0.4, 0.3, 0.1), "roof_tile"),
    "ironplank": (LandCover.DEBRIS, (2.0, 0.3, 0.1), "fixture"),
}
"""Props of CARLA's library that lie about after a disaster: class, size [m] (an assumption), material."""


def blocks() -> list[Standing]:
    """The map's objects, its terrain first; the south-west corner is at (-80, -80)."""
    buildings = tuple(_block(i) for i in range(8))
    none = np.zeros(0)

    def level(cell: float, value: float, dtype: type) -> Field:
        count = round(SIZE / cell)
        return Field(west=0.0, north=SIZE, cell=cell, values=np.full((count, count), value, dtype))

    city = City(
        size=SIZE,
        terrain=level(4.0, 0.0, float),
        ground=level(1.0, GroundCode.GRASS, np.uint8),
        water=level(4.0, np.nan, np.float32),
        turbidity=0.3,
        streets=(),
        land_use=(),
        buildings=buildings,
        trees=Trees(
            xy=np.zeros((0, 2)), radius=none, height=none, kind=none.astype(np.uint8), foliage=none,
            tint=np.zeros((0, 3)), burnt=none, fallen=none,
        ),
        vehicles=NO_BOXES,
    )  # fmt: skip
    return sorted(split(build_scene(city)), key=lambda standing: standing.instance)


def _block(index: int) -> Building:
    west, south = 15.0 + 35 * (index % 4), 40.0 + 60 * (index // 4)
    corners = [[west, south], [west + 20, south], [west + 20, south + 14], [west, south + 14]]
    return Building(
        instance=index + 1, footprint=np.array(corners), base=0.0, eave=HEIGHTS[index % 4], rise=0.0,
        roof="flat", roof_material="roof_concrete", roof_tint=(1.0, 1.0, 1.0), wall_material="wall_plaster",
        construction="concrete", rooftop=0.0,
    )  # fmt: skip


def loose_prop(name: str) -> Prop:
    """One of `LOOSE` as a box that stands on its origin."""
    land_cover, size, material = LOOSE[name]
    corners = np.array([[x, y, z] for z in (0, 1) for y in (-0.5, 0.5) for x in (-0.5, 0.5)]) * size
    faces = [[0, 2, 3], [0, 3, 1], [4, 5, 7], [4, 7, 6], [0, 1, 5], [0, 5, 4], [2, 6, 7], [2, 7, 3],
             [0, 4, 6], [0, 6, 2], [1, 3, 7], [1, 7, 5]]  # fmt: skip
    return Prop(
        name=name,
        tag=TAG_OF_CLASS[land_cover],
        land_cover=land_cover,
        building=False,
        vertices=corners.astype(np.float32),
        faces=np.array(faces, np.uint32),
        material=np.full(12, material_index(material), np.uint16),
        tint=np.ones((12, 3), np.float32),
        soot=np.zeros(12, np.float32),
        loss=np.zeros(12, np.float32),
    )

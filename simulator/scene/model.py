"""What every engine draws: one triangle mesh, a ground map, a table of materials."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from simulator.city.model import Field

GROUND_MATERIAL = 0xFFFF
"""The `face_material` of terrain faces: the ground map says what they are made of."""


class Pattern(IntEnum):
    """What makes a surface uneven at the scale of the pixel; `simulator.engines.patterns` draws them."""

    NONE = 0
    COURSES = 1
    SHEETS = 2
    MEMBRANE = 3
    PAVEMENT = 4
    SLABS = 5
    FURROWS = 6
    MOWN = 7
    RIPPLES = 8
    WORN = 9
    LEAVES = 10
    PANELS = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """How a surface looks from above.

    Attributes:
        name: As in the city's `roof_material` and `wall_material`.
        albedo: (3,) linear R, G, B reflectance in [0, 1].
        variation: Relative standard deviation of slow spatial variation (weathering, patches).
        variation_scale: Its correlation length [m].
        grain: Relative standard deviation of fine, pixel-scale texture.
        specular: Share of mirror-like reflection (water, wet or metal surfaces), in [0, 1].
        nir: Near-infrared reflectance (0.76 to 0.90 um), in [0, 1]; engines that draw colours leave it out.
        rows: Spacing of the pattern (tiles, sheets, slabs, furrows) [m].
        pattern: Which.
        depth: How strong it is; 1 is usual.
        soft: How ragged the edge against another soft ground is, in [0, 1]; 0 for what is laid to a line.
        openings: Share of a vertical face that is windows, in [0, 1].
    """

    name: str
    albedo: tuple[float, float, float]
    variation: float
    variation_scale: float
    grain: float
    nir: float = 0.0
    specular: float = 0.0
    rows: float = 1.0
    openings: float = 0.0
    pattern: Pattern = Pattern.NONE
    depth: float = 1.0
    soft: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """One flat triangle mesh in local metres (x east, y north, z up).

    Attributes:
        vertices: (V, 3) float32 [m].
        faces: (F, 3) uint32, counter-clockwise from outside.
        face_material: (F,) uint16 index into `materials`, or `GROUND_MATERIAL`.
        face_tint: (F, 3) float32 albedo multiplier.
        face_class: (F,) uint8 `LandCover`; ignored on terrain faces.
        face_instance: (F,) uint32 building instance, 0 for none.
        face_soot: (F,) float32 share of the face blackened by fire, in [0, 1].
        face_loss: (F,) float32 share of the roof covering that is missing, in [0, 1].
        terrain: Ground elevation [m].
        ground: `Ground` codes, uint8.
        ground_materials: (31,) uint16 material index of each `Ground` code.
        materials: The table.
        origin: Position in the region of the local origin [m]: patterns are functions of the place there,
            so that neighbouring tiles match.
        lay: Heading of streets, lots and fields, counter-clockwise from east [rad]: their patterns follow it;
            None where nothing has one.
    """

    vertices: np.ndarray
    faces: np.ndarray
    face_material: np.ndarray
    face_tint: np.ndarray
    face_class: np.ndarray
    face_instance: np.ndarray
    face_soot: np.ndarray
    face_loss: np.ndarray
    terrain: Field
    ground: Field
    ground_materials: np.ndarray
    materials: tuple[Material, ...]
    origin: tuple[float, float] = (0.0, 0.0)
    lay: Field | None = None

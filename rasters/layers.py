"""The rasters of a capture: their names, types, units and palettes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from rasters.classes import Change, Damage, LandCover, Passability, Sky


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One raster of a capture.

    Attributes:
        title: What a person reads.
        dtype: numpy's name of the pixel type.
        bands: A name for each band; none where a sensor tells them.
        units: Of the values; empty for codes.
        classes: The codes, for a class raster.
        nodata: The value that means "not known".
    """

    title: str
    dtype: str
    bands: tuple[str, ...]
    units: str = ""
    classes: type[IntEnum] | None = None
    nodata: float | None = None


RGB = ("red", "green", "blue")

IMAGES: Mapping[str, Layer] = {
    "image_pre": Layer(title="Image before, display-encoded", dtype="uint8", bands=RGB),
    "image_post": Layer(title="Image after, display-encoded", dtype="uint8", bands=RGB),
}

LABELS: Mapping[str, Layer] = {
    "land_cover_pre": Layer(
        title="Land cover before", dtype="uint8", bands=("land cover",), classes=LandCover, nodata=0
    ),
    "land_cover_post": Layer(
        title="Land cover after", dtype="uint8", bands=("land cover",), classes=LandCover, nodata=0
    ),
    "building": Layer(title="Building instance before, 0 for none", dtype="uint32", bands=("instance",)),
    "damage": Layer(
        title="Damage of the buildings that stood before", dtype="uint8", bands=("damage",), classes=Damage
    ),
    "height_pre": Layer(title="Height above ground before", dtype="float32", bands=("height",), units="m"),
    "height_post": Layer(title="Height above ground after", dtype="float32", bands=("height",), units="m"),
    "flood_depth": Layer(title="Flood water depth", dtype="float32", bands=("depth",), units="m"),
    "burnt": Layer(title="1 where fire passed", dtype="uint8", bands=("burnt",)),
    "debris": Layer(title="1 where debris lies", dtype="uint8", bands=("debris",)),
    "passability": Layer(
        title="Road passability", dtype="uint8", bands=("passability",), classes=Passability
    ),
    "change": Layer(title="Change and its kind", dtype="uint8", bands=("change",), classes=Change),
}

MEASURED: Mapping[str, Layer] = {
    "reflectance_pre": Layer(
        title="Reflectance at the sensor before x 10,000, only of sensors that deliver it",
        dtype="uint16",
        bands=(),
    ),
    "reflectance_post": Layer(
        title="Reflectance at the sensor after x 10,000, only of sensors that deliver it",
        dtype="uint16",
        bands=(),
    ),
}
"""What a multispectral sensor delivers beside the displayed picture."""

CLOUDS: Mapping[str, Layer] = {
    f"cloud_{phase}": Layer(
        title=f"Clouds and their shadows in the image {told}, only of flights that may meet them",
        dtype="uint8",
        bands=("cloud",),
        classes=Sky,
    )
    for phase, told in (("pre", "before"), ("post", "after"))
}
"""What to leave out; in the geometry of the image of its date."""

LAYERS: Mapping[str, Layer] = {**IMAGES, **MEASURED, **LABELS, **CLOUDS}

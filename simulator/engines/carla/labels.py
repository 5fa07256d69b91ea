"""CARLA's semantic tags and images, and ours."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from rasters.classes import LAND_COVER_CROSSWALKS, LandCover

FAR = 1000.0
"""Depth [m] that CARLA's depth camera cuts at."""
DEPTH_STEPS = 2**24 - 1
NO_DEPTH = 0.999 * FAR
"""Beyond this nothing was seen."""
TERRAIN = "Terrain"
TAG_OF_CLASS: Mapping[LandCover, str] = {
    LandCover.UNLABELLED: "Other",
    LandCover.BARELAND: "Ground",
    LandCover.RANGELAND: "Ground",
    LandCover.DEVELOPED: "Wall",
    LandCover.ROAD: "Road",
    LandCover.TREE: "Vegetation",
    LandCover.WATER: "Water",
    LandCover.AGRICULTURE: "Vegetation",
    LandCover.BUILDING: "Building",
    LandCover.VEHICLE: "Car",
    LandCover.DEBRIS: "Static",
}
"""The folder that a prop of each class is imported to. The client knows the class of its own props anyway;
the tag is what other users of the city see, and a check."""
TAG_CODES: Mapping[str, int] = {
    "None": 0, "Road": 1, "SideWalk": 2, "Building": 3, "Wall": 4, "Fence": 5, "Pole": 6, "TrafficLight": 7,
    "TrafficSign": 8, "Vegetation": 9, "Terrain": 10, "Sky": 11, "Pedestrian": 12, "Rider": 13, "Car": 14,
    "Truck": 15, "Bus": 16, "Train": 17, "Motorcycle": 18, "Bicycle": 19, "Static": 20, "Dynamic": 21,
    "Other": 22, "Water": 23, "RoadLine": 24, "Ground": 25, "Bridge": 26, "RailTrack": 27, "GuardRail": 28,
}  # fmt: skip
"""Folder names that CARLA's tagger knows (`ATagger::GetLabelByFolderName`) and the codes it draws."""
LAND_COVER_OF_TAG = np.zeros(256, np.uint8)
"""Class of what is not ours, by tag."""
for _code, _cover in LAND_COVER_CROSSWALKS["carla"].items():
    LAND_COVER_OF_TAG[_code] = _cover


class View(NamedTuple):
    """The four images of one pose, decoded.

    Attributes:
        rgb: (H, W, 3) uint8, display-encoded.
        tag: (H, W) uint8 semantic tag.
        actor: (H, W) uint16, the low bits of the actor's id.
        depth: (H, W) float64 along the optical axis [m], at most `FAR`.
    """

    rgb: np.ndarray
    tag: np.ndarray
    actor: np.ndarray
    depth: np.ndarray


def decode(rgb: np.ndarray, semantic: np.ndarray, instance: np.ndarray, depth: np.ndarray) -> View:
    """Raw images, each (H, W, 4) uint8 in the order B, G, R, A."""
    blue, green, red = (depth[..., k].astype(np.uint32) for k in range(3))
    steps = red + (green << 8) + (blue << 16)
    return View(
        rgb=rgb[..., 2::-1],
        tag=semantic[..., 2],
        actor=instance[..., 1] + (instance[..., 0].astype(np.uint16) << 8),
        depth=steps.astype(np.float64) * (FAR / DEPTH_STEPS),
    )


def encode_labels(tag: np.ndarray, actor: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The semantic and the instance image (H, W, 4) uint8 of tags (H, W) and actor ids (H, W)."""
    semantic = np.zeros((*tag.shape, 4), np.uint8)
    semantic[..., 2], semantic[..., 3] = tag, 255
    instance = semantic.copy()
    instance[..., 1], instance[..., 0] = actor & 0xFF, (actor >> 8) & 0xFF
    return semantic, instance


def encode_depth(depth: np.ndarray) -> np.ndarray:
    """The depth image (H, W, 4) uint8 of depths (H, W) [m]."""
    steps = np.rint(np.clip(depth / FAR, 0, 1) * DEPTH_STEPS).astype(np.uint32)
    return np.stack([steps >> 16, (steps >> 8) & 0xFF, steps & 0xFF, np.full_like(steps, 255)], -1).astype(
        np.uint8
    )


def encode_rgb(reflectance: np.ndarray) -> np.ndarray:
    """The RGB image (H, W, 4) uint8 of apparent reflectance (3, H, W): IEC 61966-2-1 (sRGB), cut at 1."""
    linear = np.clip(reflectance, 0, 1)
    curve = np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    )
    image = np.full((*linear.shape[1:], 4), 255, np.uint8)
    image[..., :3] = np.rint(255 * np.moveaxis(curve, 0, -1)[..., ::-1])
    return image


def decode_rgb(rgb: np.ndarray) -> np.ndarray:
    """(3, H, W) float32 apparent reflectance of a display-encoded image (H, W, 3) uint8."""
    code = np.arange(256) / 255
    curve = np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4).astype(np.float32)
    return np.moveaxis(curve[rgb], -1, 0)

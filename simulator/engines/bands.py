"""Bands beyond the three that engines draw: the same triangles with the reflectances of the near infrared."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from rasters.classes import LandCover
from simulator.engines.engine import Camera, Engine, Frame, Light
from simulator.scene.model import Scene

BRIGHTEST_LEAF = 1.0
"""Highest tint of leaves: autumn colours them in the visible and leaves their infrared."""


def infrared_scene(scene: Scene) -> Scene:
    """The scene with the near-infrared reflectance of its materials in all three colours.

    A face's tint is that of its red, the nearest colour; of crowns, whose tint is a season's or a burn's, it
    only darkens.
    """
    red = scene.face_tint[:, 0]
    crown = scene.face_class == LandCover.TREE
    dark = np.minimum(scene.face_tint.mean(axis=1), BRIGHTEST_LEAF)
    tint = np.where(crown, dark, red).astype(np.float32)
    return replace(
        scene,
        face_tint=np.repeat(tint[:, None], 3, axis=1),
        materials=tuple(replace(m, albedo=(m.nir, m.nir, m.nir)) for m in scene.materials),
    )


def draw_bands(
    engine: Engine,
    scene: Scene,
    views: Sequence[Camera],
    light: Light,
    *,
    samples: int,
    seed: int,
    infrared: bool,
) -> list[Frame]:
    """Frames of a scene, with the near infrared as a fourth band of their reflectance if it is wanted."""
    frames = [engine.render(scene, view, light, samples=samples, seed=seed) for view in views]
    if not infrared:
        return frames
    dark = infrared_scene(scene)
    bands = (engine.render(dark, view, light, samples=samples, seed=seed).reflectance[:1] for view in views)
    return [
        replace(frame, reflectance=np.concatenate([frame.reflectance, band]))
        for frame, band in zip(frames, bands, strict=True)
    ]

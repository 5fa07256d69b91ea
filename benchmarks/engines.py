"""Engines side by side on the same triangles, and ours against the size of scenes and the number of workers.

`python -m benchmarks.engines`. The scene is a suburb whose faces have one plain colour each, so that all
engines can draw it; ours is measured with its materials too. Decibels are those of 8-bit sRGB against our own
high quality without denoising at `--reference` samples, in the same run. CPU-seconds are user and system time
over all threads: machines are shared. Rivals run in environments of their own, given by their Python:
`--rivals` (embreex, moderngl, numpy) and `--cycles` (bpy); without, they are left out and named.
"""

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks.run import RESULTS, cpu_seconds, processor, yardstick
from rasters.classes import LandCover
from rasters.files import write_json
from rasters.provenance import provenance
from simulator.city.city import generate_city
from simulator.city.style import load_style
from simulator.engines.drjit_setup import VARIANT, dr
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Light
from simulator.engines.shading import lamp
from simulator.scene.build import build_scene
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.model import GROUND_MATERIAL, Pattern, Scene

STYLE, SIDE = "north_american_suburb", 640.0
LIGHT = Light(sun_azimuth=2.5, sun_elevation=0.8)
RIVALS = Path(__file__).parent / "rivals"
Figures = dict[str, Any]


def plain(scene: Scene) -> Scene:
    """The scene with one colour for each face: no texture, gloss, patterns, windows or gaps in crowns."""
    albedo = np.array([m.albedo for m in scene.materials], np.float32)
    bare = scene.face_material == GROUND_MATERIAL
    middle = scene.vertices[scene.faces[bare]].mean(axis=1)
    code = scene.ground.nearest(middle[:, 0], middle[:, 1])
    material = np.where(bare, 0, scene.face_material)
    material[bare] = scene.ground_materials[code]
    white = material_index("paint")
    even = {"albedo": (1.0, 1.0, 1.0), "variation": 0.0, "grain": 0.0, "specular": 0.0, "openings": 0.0}
    materials = tuple(replace(m, **even, pattern=Pattern.NONE) for m in MATERIALS)
    return replace(
        scene,
        face_material=np.full_like(scene.face_material, white),
        face_tint=np.clip(albedo[material] * scene.face_tint, 0, 1).astype(np.float32),
        face_class=np.full_like(scene.face_class, LandCover.DEVELOPED),
        face_soot=np.zeros_like(scene.face_soot),
        face_loss=np.zeros_like(scene.face_loss),
        materials=materials,
    )


def camera_of(size: int) -> Camera:
    """512 m from above, in `size` pixels."""
    edge = (SIDE - 512) / 2
    return Camera(west=edge, north=SIDE - edge, gsd=512 / size, height=size, width=size)


def stored(image: np.ndarray) -> np.ndarray:
    """(3, H, W) in [0, 255], sRGB."""
    x = np.clip(image, 0, 1)
    return np.rint(255 * np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055))


def decibel(image: np.ndarray, reference: np.ndarray) -> float:
    """Peak signal-to-noise ratio of 8-bit sRGB pictures [dB]."""
    error = np.mean((stored(image) - stored(reference)) ** 2)
    return float(10 * np.log10(255**2 / error))


def reference_image(scene: Scene, camera: Camera, samples: int) -> np.ndarray:
    """High quality without denoising, 32 samples a launch."""
    engine, step = EmbeddedEngine("high", denoise=False), min(samples, 32)
    seeds = range(1000, 1000 + samples // step)
    images = [engine.render(scene, camera, LIGHT, samples=step, seed=s).reflectance for s in seeds]
    return np.mean(images, axis=0)


def timed(work: Any, repeat: int) -> tuple[Any, Figures]:
    """What `work` returns, and CPU-seconds after a warm-up."""
    work()
    seconds = []
    for _ in range(repeat):
        start = cpu_seconds()
        result = work()
        seconds.append(cpu_seconds() - start)
    return result, {"median": float(np.median(seconds)), "least": min(seconds), "greatest": max(seconds)}


def ours(scene: Scene, camera: Camera, reference: np.ndarray | None, repeat: int) -> tuple[Figures, dict]:
    """Both qualities: RGB with all labels; and labels alone. Decibels where there is a reference."""
    figures: Figures = {}
    images = {}
    for quality, samples in (("fast", 4), ("high", 4), ("high", 6)):
        engine = EmbeddedEngine(quality)
        start = cpu_seconds()
        engine.labels(scene, camera)
        build = cpu_seconds() - start
        render = lambda e=engine, n=samples: e.render(scene, camera, LIGHT, samples=n, seed=1)  # noqa: E731
        frame, seconds = timed(render, repeat)
        name = f"{quality}, {samples} samples"
        images[name] = frame.reflectance
        figures[name] = {**seconds, "build": build}
        if reference is not None:
            figures[name]["decibel"] = decibel(frame.reflectance, reference)
        print(name, figures[name], flush=True)
    figures["labels"] = timed(lambda: engine.labels(scene, camera), repeat)[1]
    return figures, images


def rival(python: str, script: str, scene: Scene, camera: Camera) -> tuple[Figures, np.ndarray]:
    """Another engine's figures and image."""
    lit = lamp(LIGHT)
    light = {name: np.array(getattr(lit, name)).ravel() for name in ("sun", "direct", "sky")}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "scene.npz", Path(folder) / "out.npz"
        np.savez(
            source, vertices=scene.vertices, faces=scene.faces, colour=scene.face_tint, size=camera.width,
            gsd=camera.gsd, west=camera.west, north=camera.north, allow_pickle=False, **light,
        )  # fmt: skip
        subprocess.run(
            [python, str(RIVALS / script), str(source), str(target)], check=True, stdout=subprocess.DEVNULL
        )
        found = dict(np.load(target))
    seconds = found["seconds"]
    named = {k: str(found[k]) for k in ("version", "renderer") if k in found}
    figures = {
        "median": float(np.median(seconds)), "least": float(seconds.min()), "greatest": float(seconds.max()),
        "build": float(found["build"]), **named,
    }  # fmt: skip
    return figures, found["image"]


def repeated(scene: Scene, faces: int) -> Scene:
    """Copies of a scene side by side, or a part of it, until it has so many faces."""
    times, total = -(-faces // len(scene.faces)), len(scene.vertices)
    side = int(np.ceil(np.sqrt(times)))
    shifts = [np.array([SIDE * (i % side), SIDE * (i // side), 0], np.float32) for i in range(times)]
    columns = {
        name: np.concatenate([getattr(scene, name)] * times)[:faces]
        for name in ("face_material", "face_tint", "face_class", "face_instance", "face_soot", "face_loss")
    }
    return replace(
        scene,
        vertices=np.concatenate([scene.vertices + s for s in shifts]),
        faces=np.concatenate([scene.faces + np.uint32(i * total) for i in range(times)])[:faces],
        **columns,
    )


def against_size(scene: Scene, millions: Sequence[float]) -> list[Figures]:
    """Building and drawing 512 pixels of scenes of many sizes; the picture shows the same part."""
    rows = []
    for size in millions:
        large, engine, camera = repeated(scene, round(size * 1e6)), EmbeddedEngine(), camera_of(512)
        start = cpu_seconds()
        engine.labels(large, camera)
        build = cpu_seconds() - start
        render = lambda e=engine, s=large, c=camera: e.render(s, c, LIGHT, samples=4, seed=1)  # noqa: E731
        frame = timed(render, 1)[1]["median"]
        rows.append({"millions": size, "build": build, "frame": frame})
        print(rows[-1], flush=True)
    return rows


def _frames(count: int) -> float:
    dr.set_thread_count(1)
    scene = plain(build_scene(generate_city(load_style(STYLE), SIDE, np.random.default_rng(1))))
    engine, camera = EmbeddedEngine(), camera_of(512)
    engine.render(scene, camera, LIGHT, samples=4, seed=0)
    start = cpu_seconds()
    for seed in range(count):
        engine.render(scene, camera, LIGHT, samples=4, seed=seed)
    return (cpu_seconds() - start) / count


def against_workers(most: int, count: int) -> list[Figures]:
    """CPU-seconds of a frame with several processes, a thread each, at work at once."""
    rows = []
    for workers in range(1, most + 1):
        with multiprocessing.get_context("spawn").Pool(workers) as pool:
            rows.append({"workers": workers, "frame": float(np.mean(pool.map(_frames, [count] * workers)))})
        print(rows[-1], flush=True)
    return rows


def picture(images: dict[str, np.ndarray], path: Path) -> None:
    """The middle of each image, side by side, with its name."""
    tiles = []
    for name, image in images.items():
        n = image.shape[1]
        part = stored(image * 2)[:, n // 3 : n // 3 + 160, n // 3 : n // 3 + 160].transpose(1, 2, 0)[
            ..., ::-1
        ]
        tile = cv2.resize(part.astype(np.uint8), (320, 320), interpolation=cv2.INTER_NEAREST)
        tile = cv2.copyMakeBorder(tile, 24, 2, 2, 2, cv2.BORDER_CONSTANT, value=(255, 255, 255))
        tiles.append(
            cv2.putText(tile, name, (6, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
        )
    cv2.imwrite(str(path), np.hstack(tiles), [cv2.IMWRITE_JPEG_QUALITY, 70])


def main(words: Sequence[str] | None = None) -> None:
    """Measures and writes benchmarks/results/<name>.json and, side by side, <name>.jpg."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", default="engines")
    parser.add_argument("--parts", nargs="+", choices=("city", "rivals", "size", "workers"),
                        default=["city", "rivals", "size", "workers"])  # fmt: skip
    parser.add_argument("--size", type=int, default=512, help="pixels")
    parser.add_argument("--reference", type=int, default=256, help="samples; 0: no decibels")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--rivals", help="Python with embreex, moderngl and numpy")
    parser.add_argument("--cycles", help="Python with bpy")
    parser.add_argument("--millions", nargs="+", type=float, default=[0.1, 0.3, 1, 3, 10])
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument(
        "--threads", type=int, default=1, help="of the engine; the part `workers` has one each"
    )
    given = parser.parse_args(words)
    dr.set_thread_count(given.threads)
    city = build_scene(generate_city(load_style(STYLE), SIDE, np.random.default_rng(1)))
    for part in given.parts:
        keep(given, part, measured(part, city, given))


def measured(part: str, city: Scene, given: argparse.Namespace) -> Figures:
    """The figures of one part."""
    camera = camera_of(given.size)
    match part:
        case "city":
            reference = reference_image(city, camera, given.reference) if given.reference else None
            return {f"city {given.size}": ours(city, camera, reference, given.repeat)[0]}
        case "rivals":
            return {f"side by side {given.size}": side_by_side(plain(city), camera, given)}
        case "size":
            return {"size": against_size(plain(city), given.millions)}
        case _:
            return {"workers": against_workers(given.workers, 3)}


def keep(given: argparse.Namespace, part: str, found: Figures) -> None:
    """Adds the figures of a part, and under which conditions they were measured, to the file."""
    path = RESULTS / f"{given.name}.json"
    before = json.loads(path.read_text())["figures"] if path.is_file() else {}
    conditions = {
        "processor": processor(), "cores": os.cpu_count(), "system": platform.system(),
        "load": os.getloadavg()[1], "yardstick": yardstick(), "reference": given.reference,
        "repeat": given.repeat, "threads": 1 if part == "workers" else given.threads,
    }  # fmt: skip
    made = provenance("bench", {"variant": VARIANT})
    figures = {**before, **found, **{f"conditions of {name}": conditions for name in found}}
    write_json(path, {**made, "unit": "CPU-seconds", "figures": figures})
    print(path, flush=True)


def side_by_side(scene: Scene, camera: Camera, given: argparse.Namespace) -> Figures:
    """All engines on one plain scene."""
    reference = reference_image(scene, camera, given.reference)
    figures, images = ours(scene, camera, reference, given.repeat)
    pythons = {"embree_numpy.py": given.rivals, "opengl.py": given.rivals, "blender_cycles.py": given.cycles}
    for script, python in pythons.items():
        name = script.removesuffix(".py")
        if python is None:
            figures[name] = "left out: no Python given"
            continue
        found, image = rival(python, script, scene, camera)
        figures[name] = {**found, "decibel": decibel(image, reference)}
        images[name] = image
        print(name, figures[name], flush=True)
    picture({**images, "reference": reference}, RESULTS / f"{given.name}.jpg")
    return {"triangles": len(scene.faces), "reference": given.reference, **figures}


if __name__ == "__main__":
    main()

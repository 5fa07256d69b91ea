"""embreex and numpy: `python embree_numpy.py SCENE.npz OUT.npz`; what is in them says `benchmarks.engines`.

The light is that of the engine's fast quality: one ray to the sun and two to the sky for each sample.
"""

import sys
import time

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh

BOUNCE = np.array([0.150, 0.135, 0.105])
SAMPLES, SKY_RAYS = 4, 2
SKIN = 2e-3


def main(source: str, target: str) -> None:
    """Draws once to warm up and three times for the clock."""
    data = dict(np.load(source))
    start = time.process_time()
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, data["vertices"].astype(np.float32), data["faces"].astype(np.int32))
    draw(scene, data)
    build, seconds = time.process_time() - start, []
    for _ in range(3):
        start = time.process_time()
        image = draw(scene, data)
        seconds.append(time.process_time() - start)
    np.savez(target, image=image, seconds=seconds, build=build - min(seconds))


def draw(scene: object, data: dict[str, np.ndarray]) -> np.ndarray:
    """(3, N, N) apparent reflectance."""
    n, rng = int(data["size"]), np.random.default_rng(0)
    total = np.zeros((n * n, 3))
    for _ in range(SAMPLES):
        total += sample(scene, data, n, rng)
    return (total / SAMPLES).T.reshape(3, n, n).astype(np.float32)


def sample(scene: object, data: dict[str, np.ndarray], n: int, rng: np.random.Generator) -> np.ndarray:
    """(N * N, 3): one ray a pixel, and what lights it."""
    col, row = (a.ravel() for a in np.meshgrid(np.arange(n), np.arange(n)))
    at = rng.random((2, n * n))
    x, y = data["west"] + (col + at[0]) * data["gsd"], data["north"] - (row + at[1]) * data["gsd"]
    top = float(data["vertices"][:, 2].max()) + 1
    origin = np.column_stack([x, y, np.full(n * n, top)]).astype(np.float32)
    down = np.tile(np.array([0, 0, -1], np.float32), (n * n, 1))
    hit = scene.run(origin, down, query="INTERSECT", output=1)
    face, normal = hit["primID"], hit["Ng"] / np.linalg.norm(hit["Ng"], axis=1, keepdims=True)
    normal = np.where(normal[:, 2:] < 0, -normal, normal)
    point = (origin + down * hit["tfar"][:, None] + SKIN * normal).astype(np.float32)
    sun = np.tile(data["sun"].astype(np.float32), (n * n, 1))
    slant = np.maximum(normal @ data["sun"], 0)
    free = np.asarray(scene.run(point, sun, query="OCCLUDED")) < 0
    share = np.zeros(n * n)
    for _ in range(SKY_RAYS):
        towards = cosine(normal, rng)
        share += (towards[:, 2] > 0) & (np.asarray(scene.run(point, towards, query="OCCLUDED")) < 0)
    share = (share / SKY_RAYS)[:, None]
    light = data["direct"] * (slant * free)[:, None] + data["sky"] * share + BOUNCE * (1 - share)
    return np.where(face[:, None] >= 0, data["colour"][face] * light, 0)


def cosine(normal: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(N, 3) float32: a point on the unit sphere around the normal's tip, seen from its foot."""
    z, angle = rng.uniform(-1, 1, len(normal)), rng.uniform(0, 2 * np.pi, len(normal))
    r = np.sqrt(1 - z * z)
    towards = normal + np.column_stack([r * np.cos(angle), r * np.sin(angle), z])
    length = np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-6)
    return (towards / length).astype(np.float32)


if __name__ == "__main__":
    main(*sys.argv[1:])

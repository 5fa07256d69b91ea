"""Laws of light in both qualities of the embedded engine, and what they cost: rays traced once."""

import math
from dataclasses import replace

import numpy as np
import pytest

from rasters.errors import InputError
from simulator.engines import denoise
from simulator.engines.centres import tile_order
from simulator.engines.drjit_setup import EngineUnavailable, dr, mi
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Clouds, Frame, Light
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.scene.materials import MATERIALS
from simulator.scene.model import Pattern, Scene
from tests.test_engine_embedded import MORNING, NADIR, SIZE, TALL, full_town, same, tower, town

QUALITIES = ["fast", "high"]


def plain(scene: Scene, albedo: float) -> Scene:
    """Every surface of one albedo, without texture, gloss, patterns or windows."""
    even = {"albedo": (albedo,) * 3, "variation": 0.0, "grain": 0.0, "specular": 0.0, "openings": 0.0}
    materials = tuple(replace(m, **even, pattern=Pattern.NONE) for m in MATERIALS)
    return replace(scene, materials=materials, face_tint=np.ones_like(scene.face_tint))


@pytest.fixture(scope="module")
def block() -> Scene:
    return build_scene(town())


@pytest.fixture(scope="module")
def everything() -> Scene:
    return build_scene(full_town())


def test_labels_and_bytes_of_the_high_quality(everything):
    """Labels are those of the fast quality; the image is another, the same for any number of threads."""
    camera = replace(NADIR, off_nadir=0.4, azimuth=1.0)
    fast = EmbeddedEngine("fast").render(everything, camera, MORNING, samples=2, seed=7)
    frames = []
    before = dr.thread_count()
    try:
        for threads in (1, 2):
            dr.set_thread_count(threads)
            engine = EmbeddedEngine("high")
            frames.append(engine.render(everything, camera, MORNING, samples=2, seed=7))
    finally:
        dr.set_thread_count(before)
    assert same(*frames)
    assert same(fast, frames[0], image=False)
    assert not same(fast, frames[0])
    assert np.isfinite(frames[0].reflectance).all()
    assert frames[0].reflectance.min() >= 0


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_plate_gives_its_albedo_whatever_the_light(quality):
    scene = plain(build_scene(town(buildings=())), 1.0)
    for elevation, sky in ((25, 0.1), (60, 1.0)):
        light = Light(sun_azimuth=2.0, sun_elevation=math.radians(elevation), sky=sky)
        frame = EmbeddedEngine(quality).render(scene, NADIR, light, samples=4, seed=3)
        assert frame.reflectance == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("quality", QUALITIES)
@pytest.mark.parametrize("elevation", [35, 62])
def test_shadows_are_as_long_as_the_tangent_says(quality, elevation):
    scene = plain(build_scene(town(buildings=(tower(roof="gable", rise=1e-3),))), 0.3)
    light = Light(sun_azimuth=math.pi, sun_elevation=math.radians(elevation), sky=0.1)
    frame = EmbeddedEngine(quality).render(scene, NADIR, light, samples=4, seed=0)
    column = frame.reflectance[1, :56, 64]  # north of the block, whose last row is 56
    dark = column[column < 0.5 * column.max()]
    assert len(dark) == pytest.approx(TALL / math.tan(math.radians(elevation)) / NADIR.gsd, abs=1)


@pytest.mark.parametrize("quality", QUALITIES)
def test_slopes_get_the_cosine_of_their_angle_to_the_sun(quality):
    """Lambert's law on both sides of a roof, beside the plate that lies level."""
    hall = np.array([[12, 12], [52, 12], [52, 52], [12, 52]], float)
    rise, elevation = 6.0, math.radians(55)
    scene = plain(build_scene(town(buildings=(tower(roof="gable", rise=rise, footprint=hall),))), 0.4)
    light = Light(sun_azimuth=math.pi, sun_elevation=elevation, sky=0.005)
    frame = EmbeddedEngine(quality).render(scene, NADIR, light, samples=4, seed=0)
    south, north = frame.reflectance[1, 70:98, 30:98], frame.reflectance[1, 30:58, 30:98]
    east, west = frame.reflectance[1, 30:98, 70:98], frame.reflectance[1, 30:98, 30:58]
    pitch = math.atan(rise / 20)
    if abs(south.mean() - north.mean()) > abs(east.mean() - west.mean()):
        expected, seen = [math.sin(elevation + pitch), math.sin(elevation - pitch)], [south, north]
    else:
        expected, seen = [math.sin(elevation) * math.cos(pitch)] * 2, [east, west]
    for sine, slope in zip(expected, seen, strict=True):
        assert slope.mean() == pytest.approx(0.4 * sine / math.sin(elevation), rel=0.02)


@pytest.mark.parametrize("quality", QUALITIES)
def test_a_town_is_brighter_the_higher_the_sun(quality, everything):
    def mean(elevation: float) -> float:
        light = Light(sun_azimuth=2.0, sun_elevation=math.radians(elevation))
        frame = EmbeddedEngine(quality).render(everything, NADIR, light, samples=2, seed=1)
        return float(frame.reflectance[1].mean())

    low, middle, high = mean(15), mean(35), mean(70)
    assert low < 0.95 * middle < 0.95 * high


@pytest.mark.slow
def test_high_agrees_with_a_path_tracer_of_other_hands(block):
    """Mitsuba's own integrator, on walls and ground of one grey: light in the shadow and beside the wall."""
    grey, sky = 0.4, 0.3
    light = Light(sun_azimuth=math.pi, sun_elevation=0.8, sky=sky)
    scene = plain(block, grey)
    ours = EmbeddedEngine("high").render(scene, NADIR, light, samples=64, seed=1).reflectance[1]
    theirs = stock_green(scene, light, grey)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.01)
    shadow, beside = (slice(36, 52), slice(58, 70)), (slice(74, 80), slice(58, 70))
    for part in (shadow, beside):  # our paths end in a constant that fits a darker town than this grey
        assert ours[part].mean() == pytest.approx(theirs[part].mean(), rel=0.05)
    fast = EmbeddedEngine("fast").render(scene, NADIR, light, samples=64, seed=1).reflectance[1]
    assert abs(ours[beside].mean() - theirs[beside].mean()) < abs(fast[beside].mean() - theirs[beside].mean())


def stock_green(scene: Scene, light: Light, grey: float) -> np.ndarray:
    """(128, 128) green of `NADIR` by Mitsuba's path integrator."""
    mesh = mi.Mesh("stock", len(scene.vertices), len(scene.faces), props=stock_properties(grey))
    values = mi.traverse(mesh)
    values["vertex_positions"] = mi.Float(np.ascontiguousarray(scene.vertices, np.float32).ravel())
    values["faces"] = mi.UInt32(np.ascontiguousarray(scene.faces, np.uint32).ravel())
    values.update()
    height, level = math.sin(light.sun_elevation), math.cos(light.sun_elevation)
    towards = [level * math.sin(light.sun_azimuth), level * math.cos(light.sun_azimuth), height]
    share = light.sky / (1 + light.sky)
    half = SIZE / 2
    pose = np.array([[-half, 0, 0, half], [0, half, 0, half], [0, 0, -1, 100], [0, 0, 0, 1]])
    rig = {
        "type": "scene",
        "mesh": mesh,
        "sky": {"type": "constant", "radiance": {"type": "rgb", "value": share}},
        "sun": {
            "type": "directional",
            "direction": [-v for v in towards],
            "irradiance": {"type": "rgb", "value": math.pi * (1 - share) / height},
        },
        "sensor": {
            "type": "orthographic",
            "to_world": mi.ScalarTransform4f(pose),
            "film": {"type": "hdrfilm", "width": 128, "height": 128, "rfilter": {"type": "box"}},
        },
    }
    image = mi.render(mi.load_dict(rig), integrator=mi.load_dict({"type": "path", "max_depth": 8}), spp=128)
    return np.array(image)[..., 1]


def stock_properties(grey: float) -> object:
    properties = mi.Properties()
    properties["face_normals"] = True
    surface = {"type": "diffuse", "reflectance": {"type": "rgb", "value": grey}}
    properties["bsdf"] = mi.load_dict({"type": "twosided", "surface": surface})
    return properties


@pytest.mark.parametrize("quality", QUALITIES)
def test_clouds_shade_and_hide_the_image_and_no_label(quality):
    """Over black ground only what they send back is seen, over white ground nothing is gained."""
    bare = build_scene(town(buildings=()))
    engine = EmbeddedEngine(quality)
    cloudy = replace(MORNING, clouds=Clouds(cover=0.4, depth=3.0, base=300.0, size=25.0, seed=2))
    black = engine.render(plain(bare, 0.0), NADIR, cloudy, samples=4, seed=0)
    white = engine.render(plain(bare, 1.0), NADIR, cloudy, samples=4, seed=0)
    clear = engine.render(plain(bare, 1.0), NADIR, MORNING, samples=4, seed=0)
    assert same(white, clear, image=False)
    sent_back = 1 - 1 / (1 + 0.5 * 0.15 * 3.0)
    assert black.reflectance.max() == pytest.approx(sent_back, abs=0.02)
    covered = black.reflectance[1] > 0.5 * sent_back
    assert 0.25 < covered.mean() < 0.55
    assert (black.reflectance[1] < 0.01).mean() > 0.4
    assert white.reflectance.max() < 1.03
    shaded = white.reflectance[1][~covered]  # by clouds that stand beside the line of sight
    assert shaded.min() < 0.93
    assert np.median(shaded) == pytest.approx(1.0, abs=0.04)


@pytest.mark.parametrize("quality", QUALITIES)
def test_all_rays_of_a_frame_are_traced_once(quality, block):
    """Not once for each channel: labels are one kernel, the image is one."""
    engine = EmbeddedEngine(quality)

    def kernels() -> int:
        dr.kernel_history_clear()
        with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
            engine.render(block, NADIR, MORNING, samples=4, seed=0)
        return sum(k["type"] == dr.KernelType.JIT and k["size"] > 1 for k in dr.kernel_history())

    kernels()
    assert kernels() == 2


@pytest.mark.parametrize("shape", [(8, 8), (1, 7), (13, 6), (30, 128)])
def test_tiles_hold_every_pixel_once(shape):
    order = tile_order(*shape)
    assert np.array_equal(np.sort(order), np.arange(shape[0] * shape[1]))
    if min(shape) >= 4:
        row, col = np.divmod(order[:16].astype(int), shape[1])
        assert row.max() == col.max() == 3
        assert {(int(r), int(c)) for r, c in zip(row[:4], col[:4], strict=True)} == {
            (0, 0),
            (0, 1),
            (1, 0),
            (1, 1),
        }


def test_a_missing_denoiser_is_asked_for(monkeypatch):
    monkeypatch.setattr(denoise, "PACKAGE", "no_such_package")
    with pytest.raises(EngineUnavailable, match=r"pip install mitsuba-oidn.*\"fast\""):
        EmbeddedEngine("high")
    EmbeddedEngine("fast")


def test_an_unknown_quality_is_named():
    with pytest.raises(InputError, match=r'quality must be "fast" or "high", got \'best\''):
        Scenario(quality="best")  # ty: ignore[invalid-argument-type]


@pytest.mark.parametrize("quality", QUALITIES)
def test_frames_of_both_qualities_have_one_shape(block, quality):
    frame: Frame = EmbeddedEngine(quality).render(block, NADIR, MORNING, samples=1, seed=0)
    assert frame.reflectance.shape == (3, 128, 128)
    assert frame.reflectance.dtype == np.float32

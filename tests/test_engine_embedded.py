"""Laws of scenes and of the embedded engine: geometry of views and shadows, exact labels, photometry."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rasters.classes import LandCover
from rasters.errors import InputError
from simulator.city.model import (
    GROUND_LAND_COVER,
    NO_BOXES,
    Boxes,
    BoxKind,
    Building,
    City,
    Field,
    Ground,
    Street,
    Trees,
)
from simulator.engines.drjit_setup import EngineUnavailable, dr, find_llvm
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Frame, Light
from simulator.scene.build import build_scene
from simulator.scene.materials import MATERIALS, material_index
from simulator.scene.model import GROUND_MATERIAL, Pattern

SIZE = 64.0
TALL = 12.0
NADIR = Camera(west=0.0, north=SIZE, gsd=0.5, height=128, width=128)
MORNING = Light(sun_azimuth=math.radians(180), sun_elevation=math.radians(45))


def level(size: float, cell: float, value: float, dtype: type = float) -> Field:
    n = round(size / cell)
    return Field(west=0.0, north=size, cell=cell, values=np.full((n, n), value, dtype))


def tower(**changes) -> Building:
    """A block of 10 m by 8 m around (32, 32)."""
    plain = Building(
        instance=1,
        footprint=np.array([[27, 28], [37, 28], [37, 36], [27, 36]], float),
        base=0.0,
        eave=TALL,
        rise=0.0,
        roof="flat",
        roof_material="roof_concrete",
        roof_tint=(1.0, 1.0, 1.0),
        wall_material="wall_plaster",
        rooftop=0.0,
        construction="concrete",
    )
    return replace(plain, **changes)


def trees(n: int, seed: int = 0) -> Trees:
    rng = np.random.default_rng(seed)
    return Trees(
        xy=rng.uniform(2, 20, (n, 2)),
        radius=rng.uniform(1.5, 3, n),
        height=rng.uniform(4, 9, n),
        kind=(rng.random(n) < 0.3).astype(np.uint8),
        foliage=np.ones(n),
        tint=np.ones((n, 3)),
        burnt=(rng.random(n) < 0.2).astype(float),
        fallen=np.full(n, np.nan),
    )


def town(**changes) -> City:
    """Level lawn with one tower, unless changed."""
    empty = City(
        size=SIZE,
        terrain=level(SIZE, 2.0, 0.0),
        ground=level(SIZE, 0.5, Ground.GRASS, np.uint8),
        water=level(SIZE, 2.0, np.nan, np.float32),
        turbidity=0.3,
        streets=(),
        land_use=(),
        buildings=(tower(),),
        trees=trees(0),
        vehicles=NO_BOXES,
        debris=NO_BOXES,
    )
    return replace(empty, **changes)


def full_town() -> City:
    """One of everything, on a slope."""
    rng = np.random.default_rng(1)
    x = (np.arange(32) + 0.5) * 2
    slope = 3 + 0.05 * x + np.sin(x / 9)[:, None]
    slope[:, :5] -= 3
    codes = rng.integers(0, len(Ground), (128, 128)).astype(np.uint8)
    box = Boxes(
        centre=np.array([[50.0, 10.0, 0.8], [58.0, 8.0, 1.5]]),
        size=np.array([[4.5, 1.8, 1.5], [9.0, 2.5, 3.0]]),
        heading=np.array([0.3, 1.57]),
        tilt=np.zeros(2),
        colour=np.array([[0.6, 0.1, 0.1], [0.7, 0.7, 0.7]]),
        kind=np.array([BoxKind.CAR, BoxKind.LORRY], np.uint8),
    )
    houses = [
        tower(
            instance=i + 1,
            footprint=tower().footprint + np.array([14 * (i % 3) - 12, 14 * (i // 3) - 14]),
            base=4.0,
            eave=4.0,
            rise=0.0 if roof == "flat" else 2.0,
            roof=roof,
            soot=0.3 * (i % 2),
            roof_loss=0.2,
        )
        for i, roof in enumerate(("flat", "gable", "hip", "open", "rubble"))
    ]
    return town(
        terrain=replace(level(SIZE, 2.0, 0.0), values=slope),
        ground=replace(level(SIZE, 0.5, 0.0), values=codes),
        water=replace(level(SIZE, 2.0, 0.0), values=np.where(slope < 2.2, 2.2, np.nan).astype(np.float32)),
        streets=(
            Street(centreline=np.array([[0.0, 40.0], [60.0, 40.0]]), width=6.0, kind="primary", bridge=True),
        ),
        buildings=tuple(houses),
        trees=trees(40),
        vehicles=box,
        debris=replace(box, centre=box.centre + np.array([0.0, 30.0, 0.0])),
    )


@pytest.fixture(scope="module")
def engine() -> EmbeddedEngine:
    return EmbeddedEngine()


@pytest.fixture(scope="module")
def block():
    return build_scene(town())


@pytest.fixture(scope="module")
def everything():
    return build_scene(full_town())


def same(a: Frame, b: Frame, *, image: bool = True) -> bool:
    names = ("land_cover", "instance", "position", "height", *(("reflectance",) if image else ()))
    return all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in names)


def test_a_flat_roof_lies_at_its_height(engine, block):
    frame = engine.labels(block, NADIR)
    roof = (slice(58, 70), slice(56, 72))  # two pixels inside the parapet
    assert frame.height[roof] == pytest.approx(TALL, abs=1e-3)
    assert np.all(frame.instance[roof] == 1)
    assert np.all(frame.land_cover[roof] == LandCover.BUILDING)
    assert (frame.instance > 0).sum() == 20 * 16
    assert np.all(frame.height[frame.instance == 0] == 0)
    assert frame.reflectance.shape == (3, 0, 0)


def test_row_0_is_north_and_column_0_is_west(engine, block):
    frame = engine.labels(block, NADIR)
    assert frame.position[0, 5] == pytest.approx((np.arange(128) + 0.5) * 0.5)
    assert frame.position[1, :, 5] == pytest.approx(SIZE - (np.arange(128) + 0.5) * 0.5)


@pytest.mark.parametrize(("azimuth", "step"), [(180, (-1, 0)), (0, (1, 0)), (90, (0, -1)), (270, (0, 1))])
def test_shadows_fall_away_from_the_sun_as_long_as_paper_says(engine, azimuth, step):
    elevation = math.radians(50)
    scene = build_scene(town(buildings=(tower(roof="gable", rise=1e-3),)))
    light = Light(sun_azimuth=math.radians(azimuth), sun_elevation=elevation, sky=0.1)
    frame = engine.render(scene, NADIR, light, samples=4, seed=0)
    ground = np.where(frame.instance > 0, np.nan, frame.reflectance[1])
    dark = ground < 0.5 * np.nanmedian(ground)
    edge = {(-1, 0): 56, (1, 0): 71, (0, -1): 54, (0, 1): 73}[step]  # last pixel of the block that way
    line = dark[:, 64] if step[0] else dark[64]
    outwards = line[edge + sum(step) :: sum(step)]
    assert outwards.sum() == pytest.approx(TALL / math.tan(elevation) / 0.5, abs=1)
    assert np.all(outwards[: outwards.sum()])
    backwards = line[(edge - 22 * sum(step)) :: -sum(step)]
    assert not backwards.any()


@pytest.mark.parametrize(("azimuth", "axis", "sign"), [(0, 1, -1), (180, 1, 1), (90, 0, -1), (270, 0, 1)])
def test_towers_lean_away_from_the_sensor(engine, block, azimuth, axis, sign):
    """In a picture put on the ground, the roof shifts by height * tan(off nadir), from the sensor."""
    tilt = math.radians(30)
    frame = engine.labels(block, replace(NADIR, off_nadir=tilt, azimuth=math.radians(azimuth)))
    roof = np.abs(frame.height - TALL) < 1e-3
    rows, cols = np.nonzero(roof)
    middle = ((cols.mean() + 0.5) * 0.5, SIZE - (rows.mean() + 0.5) * 0.5)
    expected = np.array([32.0, 32.0])
    expected[axis] += sign * TALL * math.tan(tilt)
    assert middle == pytest.approx(expected, abs=0.5)
    assert frame.position[:2, roof].mean(axis=1) == pytest.approx(
        (32, 32), abs=0.5
    )  # while it stands where it stands


@pytest.mark.parametrize("sky", [0.05, 0.18, 2.0])
@pytest.mark.parametrize("elevation", [25, 60])
def test_a_white_plate_has_reflectance_1(engine, sky, elevation):
    scene = build_scene(town(buildings=()))
    white = {"albedo": (1.0, 1.0, 1.0), "variation": 0.0, "grain": 0.0, "pattern": Pattern.NONE}
    plain = tuple(replace(m, **white) for m in MATERIALS)
    light = Light(sun_azimuth=2.0, sun_elevation=math.radians(elevation), sky=sky)
    frame = engine.render(replace(scene, materials=plain), NADIR, light, samples=4, seed=3)
    assert frame.reflectance == pytest.approx(1.0, abs=0.02)


def test_texture_keeps_the_mean_of_the_albedo(engine):
    codes = level(SIZE, 0.5, Ground.CONCRETE, np.uint8)
    frame = engine.render(build_scene(town(buildings=(), ground=codes)), NADIR, MORNING, samples=4, seed=0)
    albedo = MATERIALS[material_index("concrete")].albedo
    assert frame.reflectance.mean(axis=(1, 2)) == pytest.approx(albedo, rel=0.06)
    assert 0.02 < frame.reflectance[1].std() / albedo[1] < 0.2


@pytest.mark.parametrize("gsd", [0.125, 0.5])
def test_patterns_keep_the_mean_and_fade_with_the_pixel(engine, gsd):
    """Of every ground, on plain albedos, in squares of 12 m: none goes far from it, none is flat."""
    codes = np.repeat(np.repeat(np.arange(25).reshape(5, 5), 24, 0), 24, 1)
    codes = np.pad(codes, ((0, 8), (0, 8)), mode="edge").astype(np.uint8)
    scene = build_scene(town(buildings=(), ground=replace(level(SIZE, 0.5, 0.0), values=codes)))
    grey = tuple(
        replace(m, albedo=(0.2, 0.2, 0.2), variation=0.0, grain=0.0, specular=0.0) for m in MATERIALS
    )
    n = round(60 / gsd)
    camera = replace(NADIR, west=0.0, north=SIZE, gsd=gsd, height=n, width=n)
    frame = engine.render(replace(scene, materials=grey), camera, MORNING, samples=2, seed=1)
    for code in range(25):
        step = n // 5
        row, col = code // 5 * step, code % 5 * step
        piece = frame.reflectance[1, row + 2 : row + step - 2, col + 2 : col + step - 2]
        assert piece.mean() == pytest.approx(0.2, rel=0.2), Ground(code).name
        pattern = MATERIALS[scene.ground_materials[code]].pattern
        assert (piece.std() > 0.01 * 0.2) == (pattern != Pattern.NONE), Ground(code).name


def test_surfaces_are_a_function_of_the_place_in_the_region(engine):
    """A scene moved by a whole number of metres looks the same when its origin says so."""
    plan = np.array([[8, 8], [20, 10], [19, 17], [7, 15]], float)
    houses = (
        tower(footprint=plan),
        tower(
            instance=2, footprint=plan + np.array([18, 3]), roof="gable", rise=2.0, roof_material="roof_tile"
        ),
    )
    rng = np.random.default_rng(2)
    patches = np.repeat(np.repeat(rng.integers(0, len(Ground), (8, 8)), 16, 0), 16, 1).astype(np.uint8)
    here = town(ground=replace(level(SIZE, 0.5, 0.0), values=patches), buildings=houses)
    moved = [replace(b, footprint=b.footprint + np.array([16, -16])) for b in houses]
    there = replace(
        here,
        ground=replace(here.ground, values=np.roll(patches, (32, 32), (0, 1))),
        buildings=tuple(moved),
    )
    camera = Camera(west=2.0, north=42.0, gsd=0.25, height=100, width=160)
    far = replace(camera, west=18.0, north=26.0)
    origin = np.array([2048.0, 512.0])
    frames = [
        engine.render(replace(build_scene(c), origin=tuple(o)), view, MORNING, samples=2, seed=1)
        for c, o, view in ((here, origin, camera), (there, origin - (16, -16), far), (there, origin, far))
    ]
    off = [np.abs(frames[0].reflectance - f.reflectance) for f in frames[1:]]
    assert np.quantile(off[0], 0.99) < 0.02  # float32 rounds both a little differently
    assert np.quantile(off[1], 0.5) > 0.005


@pytest.mark.parametrize("tilt", [0.0, 0.5])
def test_labels_do_not_depend_on_the_picture_and_bytes_repeat(engine, everything, tilt):
    camera = replace(NADIR, off_nadir=tilt, azimuth=1.0)
    frame = engine.render(everything, camera, MORNING, samples=4, seed=7)
    assert same(frame, engine.labels(everything, camera), image=False)
    assert same(frame, engine.render(everything, camera, MORNING, samples=4, seed=7))
    other = engine.render(everything, camera, MORNING, samples=4, seed=8)
    assert same(frame, other, image=False)
    assert not same(frame, other)
    assert np.isfinite(frame.reflectance).all()
    assert frame.reflectance.min() >= 0


def test_the_number_of_threads_changes_no_byte(everything):
    camera = replace(NADIR, off_nadir=0.3, azimuth=2.0)
    frames = []
    before = dr.thread_count()
    try:
        for threads in (1, 2):
            dr.set_thread_count(threads)
            frames.append(EmbeddedEngine().render(everything, camera, MORNING, samples=3, seed=5))
    finally:
        dr.set_thread_count(before)
    assert same(*frames)


def test_bands_do_not_show(engine, everything, monkeypatch):
    whole = engine.render(everything, NADIR, MORNING, samples=2, seed=5)
    monkeypatch.setattr("simulator.engines.embedded.BAND_RAYS", 128 * 2 * 37)
    assert same(whole, engine.render(everything, NADIR, MORNING, samples=2, seed=5))


def test_ground_classes_are_those_of_the_map(engine, everything):
    """At pixel centres, which here lie on the border of two cells."""
    camera = replace(NADIR, west=0.25, height=120, width=110)
    frame = engine.labels(everything, camera)
    x = camera.west + (np.arange(110) + 0.5) * 0.5
    y = camera.north - (np.arange(120) + 0.5) * 0.5
    codes = everything.ground.nearest(*np.meshgrid(x, y))
    expected = np.array([GROUND_LAND_COVER[code] for code in Ground])[codes]
    bare = (frame.height == 0) & (frame.instance == 0)
    assert bare.mean() > 0.3
    assert np.array_equal(frame.land_cover[bare], expected[bare])


@pytest.mark.parametrize("tilt", [0.0, 0.4])
def test_labels_are_those_of_the_fields_to_the_last_bit(engine, everything, tilt):
    """Where the ray of a pixel ends, how high that is above the terrain and what is mapped there."""
    camera = replace(NADIR, west=0.25, height=120, width=110, off_nadir=tilt, azimuth=1.0)
    frame, terrain, way = engine.labels(everything, camera), everything.terrain, camera.direction()
    x, y = np.meshgrid(0.25 + (np.arange(110) + 0.5) * 0.5, SIZE - (np.arange(120) + 0.5) * 0.5)
    z = terrain.sample(x, y)
    reach = (frame.position[2].astype(float) - z) / way[2]
    x, y = x + reach * way[0], y + reach * way[1]
    assert frame.position[:2].tobytes() == np.stack([x, y]).astype(np.float32).tobytes()
    tall = np.maximum(frame.position[2].astype(float) - terrain.sample(x, y), 0.0).astype(np.float32)
    raised = frame.height > 0
    assert 0.1 < raised.mean() < 0.9
    assert np.array_equal(frame.height[raised], tall[raised])
    mapped = np.array([GROUND_LAND_COVER[code] for code in Ground])[everything.ground.nearest(x, y)]
    bare = ~raised & (tall < 1e-3) & (frame.instance == 0)
    objects = (LandCover.WATER, LandCover.UNLABELLED)  # a sheet at the shore; nothing, past the edge
    bare &= ~np.isin(frame.land_cover, objects)
    assert bare.mean() > 0.3
    assert np.array_equal(frame.land_cover[bare], mapped[bare])


def test_labels_trace_their_rays_once(engine, everything):
    engine.labels(everything, NADIR)
    with dr.scoped_set_flag(dr.JitFlag.KernelHistory, True):
        dr.kernel_history_clear()
        engine.labels(everything, NADIR)
        assert [k["type"] for k in dr.kernel_history()].count(dr.KernelType.JIT) == 1


def test_everything_is_seen_with_its_class(engine, everything):
    frame = engine.labels(everything, replace(NADIR, gsd=0.25, height=256, width=256))
    wanted = {LandCover.BUILDING, LandCover.DEBRIS, LandCover.TREE, LandCover.VEHICLE, LandCover.WATER}
    assert wanted <= {LandCover(v) for v in np.unique(frame.land_cover)}
    assert set(np.unique(frame.instance)) == {0, 1, 2, 3, 4, 5}
    assert frame.land_cover[-40, 200] == frame.land_cover[-32, 232] == LandCover.VEHICLE
    heap = frame.instance == 5
    assert np.all(frame.land_cover[heap] == LandCover.DEBRIS)
    ruin = frame.instance == 4
    assert {LandCover(v) for v in np.unique(frame.land_cover[ruin])} == {LandCover.BUILDING, LandCover.DEBRIS}


def test_a_bridge_is_road_above_the_water(engine):
    x = (np.arange(32) + 0.5) * 2
    bed = np.where(np.abs(x - 32) < 8, -3.0, 1.0) * np.ones((32, 1))
    street = Street(centreline=np.array([[4.0, 32.0], [60.0, 32.0]]), width=6.0, kind="primary", bridge=True)
    river = town(
        buildings=(),
        terrain=replace(level(SIZE, 2.0, 0.0), values=bed),
        water=replace(level(SIZE, 2.0, 0.0), values=np.where(bed < 0, 0.0, np.nan).astype(np.float32)),
        streets=(street,),
    )
    frame = engine.labels(build_scene(river), NADIR)
    assert frame.land_cover[64, 64] == LandCover.ROAD
    assert frame.height[64, 64] == pytest.approx(4.25, abs=0.01)
    assert frame.land_cover[30, 64] == LandCover.WATER
    assert frame.height[30, 64] == pytest.approx(3.0, abs=1e-3)


def test_soot_and_lost_covering_darken_a_roof(engine):
    hall = np.array([[4, 4], [60, 4], [60, 60], [4, 60]], float)
    white = tower(roof_material="roof_membrane", roof="gable", rise=0.5, footprint=hall)

    def mean(**changes: float) -> float:
        scene = build_scene(town(buildings=(replace(white, **changes),)))
        frame = engine.render(scene, NADIR, MORNING, samples=4, seed=0)
        return float(frame.reflectance[1][frame.instance > 0].mean())

    whole, worn, gone = mean(), mean(roof_loss=0.3), mean(roof_loss=1.0)
    assert gone < 0.5 * whole
    assert whole - worn == pytest.approx(0.3 * (whole - gone), abs=0.08 * whole)
    assert mean(soot=1.0) < 0.3 * whole < mean(soot=0.4) < 0.95 * whole


def test_a_tint_multiplies_the_albedo(engine):
    def roof(*tint: float) -> np.ndarray:
        scene = build_scene(town(buildings=(tower(roof_tint=tint),)))
        return (
            engine.render(scene, NADIR, MORNING, samples=4, seed=0)
            .reflectance[:, 60:68, 58:70]
            .mean(axis=(1, 2))
        )

    plain = roof(1.0, 1.0, 1.0)
    assert roof(0.5, 0.5, 0.5) / plain == pytest.approx(0.5, rel=1e-3)
    # weathering changes the hue of coloured surfaces, by a little more on one than on the other
    assert roof(0.5, 1.0, 1.5) / plain == pytest.approx((0.5, 1.0, 1.5), rel=0.03)


def test_the_ground_goes_on_beyond_the_city(engine, everything):
    wide = replace(NADIR, west=-40.0, north=SIZE + 40, gsd=1.0, height=144, width=144)
    frame = engine.labels(everything, replace(wide, off_nadir=math.radians(55), azimuth=4.0))
    assert frame.land_cover.min() > LandCover.UNLABELLED


def test_ground_and_water_look_up(everything):
    sheets = everything.faces[
        (everything.face_material == GROUND_MATERIAL) | (everything.face_class == LandCover.WATER)
    ]
    a, b, c = (everything.vertices[sheets[:, i]].astype(float) for i in range(3))
    assert np.cross(b - a, c - a)[:, 2].min() > 0


def test_a_tree_keeps_its_shape_when_others_are_felled():
    many = trees(12)
    few = Trees(**{name: getattr(many, name)[3:4] for name in Trees.__dataclass_fields__})
    all_, one = (build_scene(town(buildings=(), trees=t)).vertices for t in (many, few))
    corners = {v.tobytes() for v in all_}
    assert all(v.tobytes() in corners for v in one)


def test_an_unknown_material_is_named():
    with pytest.raises(InputError, match=r"'roof_straw'.*roof_tile"):
        build_scene(town(buildings=(tower(roof_material="roof_straw"),)))


def test_samples_must_be_positive(engine, block):
    with pytest.raises(ValueError, match="samples"):
        engine.render(block, NADIR, MORNING, samples=0, seed=0)


def test_a_usable_compiler_is_found_or_asked_for(tmp_path):
    system, wheel = tmp_path / "system", tmp_path / "venv" / "lib"
    for folder in (system, wheel):
        folder.mkdir(parents=True)
    for name in ("libLLVM-15.so.1", "libLLVM-C.so", "libLLVM.so"):
        (system / name).touch()
    with pytest.raises(EngineUnavailable, match=r"no LLVM 18 or newer.*karellen-llvm-core"):
        find_llvm(wheel.parent, [system])
    (system / "libLLVM.so.19.1").touch()
    assert find_llvm(wheel.parent, [system]).name == "libLLVM.so.19.1"
    (wheel / "libLLVM.so.18.1").touch()
    assert find_llvm(wheel.parent, [system]) == wheel / "libLLVM.so.18.1"


OLD_LLVM = Path("/usr/lib/x86_64-linux-gnu/libLLVM-15.so.1")


@pytest.mark.skipif(not OLD_LLVM.exists(), reason=f"{OLD_LLVM} is not installed")
def test_a_named_compiler_that_would_end_the_process_is_refused():
    done = subprocess.run(
        [sys.executable, "-c", "import simulator.engines.drjit_setup"],
        capture_output=True,
        text=True,
        check=False,
        env={"DRJIT_LIBLLVM_PATH": str(OLD_LLVM)},
    )
    assert done.returncode == 1
    assert "EngineUnavailable" in done.stderr
    assert "LLVM (15" in done.stderr

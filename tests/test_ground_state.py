"""Wet and dusty surfaces: by paper, in pictures, and never in labels."""

from dataclasses import replace

import numpy as np
import pytest
from towns import town

import simulator.capture
from rasters.classes import LandCover
from simulator.capture import simulate_city
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera, Frame, Light
from simulator.ground_state import (
    BARE,
    DUST,
    FILMED,
    POROUS,
    RAINY,
    SETTLING,
    VEGETATED,
    GroundState,
    in_state,
    sample_ground_states,
    wet_albedo,
)
from simulator.scenario import Scenario
from simulator.scene.build import build_scene
from simulator.scene.materials import MATERIALS
from simulator.scene.model import Scene

CAMERA = Camera(west=60, north=140, gsd=1.0, height=80, width=80)
LIGHT = Light(sun_azimuth=2.5, sun_elevation=0.9)
SOAKED, DUSTY = GroundState(wet=1.0), GroundState(dust=0.3)


def of(scene: Scene) -> dict[str, np.ndarray]:
    return {m.name: np.array([*m.albedo, m.nir]) for m in scene.materials}


def test_a_film_darkens_by_what_it_throws_back() -> None:
    """Dark surfaces are about halved, bright ones keep more; by hand, light summed over its bounces."""
    for dry in (0.02, 0.1, 0.3, 0.6):
        up, seen = 0.98 * dry, 0.0
        for _ in range(200):
            seen, up = seen + 0.53 * up, 0.47 * up * dry
        assert float(wet_albedo(np.array(dry))) == pytest.approx(seen, rel=1e-9)
    assert 0.5 < float(wet_albedo(np.array(0.05))) / 0.05 < 0.55
    assert 0.65 < float(wet_albedo(np.array(0.5))) / 0.5 < 0.7


def test_materials_stay_physical_and_only_those_that_soak_change() -> None:
    names = {m.name for m in MATERIALS}
    assert names >= POROUS | FILMED | SETTLING
    scene = build_scene(town("rural_village"))
    dry, wet, dusty = (of(in_state(scene, w)) for w in (BARE, SOAKED, DUSTY))
    for name, albedo in dry.items():
        assert (wet[name] < albedo).all() if name in POROUS else (wet[name] == albedo).all()
        if name in SETTLING:
            cover = 0.15 if name in VEGETATED else 0.3
            np.testing.assert_allclose(dusty[name], (1 - cover) * albedo + cover * np.array(DUST))
        else:
            assert (dusty[name] == albedo).all()
    mirrors = {m.name: m.specular for m in in_state(scene, SOAKED).materials}
    assert mirrors["asphalt"] == 0.02
    assert mirrors["soil"] == 0.0


@pytest.fixture(scope="module")
def frames() -> tuple[Frame, Frame, Frame]:
    scene, engine = build_scene(town("latin_american_metropolis")), EmbeddedEngine()
    dry, wet, dusty = (
        engine.render(in_state(scene, w), CAMERA, LIGHT, samples=2, seed=1) for w in (BARE, SOAKED, DUSTY)
    )
    return dry, wet, dusty


def test_pictures_show_it(frames: tuple[Frame, Frame, Frame]) -> None:
    """Halved, a little less with the sky in the film; dust makes dark ground paler and browner."""
    dry, wet, dusty = (f.reflectance for f in frames)
    road = frames[0].land_cover == LandCover.ROAD
    assert 0.5 < np.median((wet / np.maximum(dry, 1e-3))[:, road]) < 0.75
    assert wet.mean() < 0.95 * dry.mean()
    ratio = (dusty / np.maximum(dry, 1e-3)).mean(axis=(1, 2))
    assert ratio[0] > 1
    dark = dry.max(axis=0) < np.quantile(dry.max(axis=0), 0.5)
    assert (dusty[:, dark].mean() - dry[:, dark].mean()) > 0


def test_flights_are_mostly_dry_and_after_a_flood_wet() -> None:
    drawn = [
        sample_ground_states("none", 5.0, ("leafy", "leafy"), np.random.default_rng(n)) for n in range(1000)
    ]
    rained = np.mean([w.wet > 0 for pair in drawn for w in pair])
    assert abs(rained - RAINY) < 0.03
    assert all(w.dust == 0 for pair in drawn for w in pair if w.wet)
    assert max(w.dust for pair in drawn for w in pair) <= 0.06
    flood, quiet, quake = (
        [sample_ground_states(d, 0.5, ("leafy", "leafy"), np.random.default_rng(n))[1] for n in range(50)]
        for d in ("flood", "none", "earthquake")
    )
    assert min(w.wet for w in flood) > 0.7
    assert np.mean([w.dust for w in quake]) > np.mean([w.dust for w in quiet]) + 0.1
    assert sample_ground_states("none", 1, ("dry", "dry"), np.random.default_rng(3)) == sample_ground_states(
        "none", 1, ("dry", "dry"), np.random.default_rng(3)
    )


def test_labels_are_the_same_bytes_and_without_ordinary_change_the_flood_alone_wets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scenario = Scenario(seed=3, tile=64, cities=1, samples=1, styles=("rural_village",), disasters=("flood",))
    [flown] = simulate_city(scenario, 0, EmbeddedEngine())
    assert flown.properties["post"]["wet"] > 0
    monkeypatch.setattr(simulator.capture, "sample_ground_states", lambda *_, **__: (BARE, BARE))
    [dry] = simulate_city(scenario, 0, EmbeddedEngine())
    for name in flown.layers.keys() - {"image_pre", "image_post"}:
        assert flown.layers[name].tobytes() == dry.layers[name].tobytes(), name
    assert flown.layers["image_post"].mean() < dry.layers["image_post"].mean()
    monkeypatch.undo()
    [still] = simulate_city(replace(scenario, ordinary_change=False), 0, EmbeddedEngine())
    assert still.properties["pre"]["wet"] == still.properties["pre"]["dust"] == 0
    assert still.properties["post"]["wet"] > 0  # of the flood itself

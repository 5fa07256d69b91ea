"""The gates see what they are there for: labels in the texture, classes that vanish, flicker, moved edges."""

import numpy as np
import pytest

from adaptation.edges import class_edges
from adaptation.flicker import flicker
from adaptation.gates import leakage
from adaptation.material import Labelled
from adaptation.neighbours import cut_patches, nearest
from adaptation.recoverability import KEPT, Mark, chessboard, disaster_marks, recoverability
from backbones import lite0_encoder
from rasters.classes import Change, LandCover

L = LandCover
SIDE = 320
COVERS = {LandCover.RANGELAND: (95, 115, 62), LandCover.ROAD: (96, 94, 92), LandCover.BUILDING: (150, 92, 78)}
MARKS = {
    Mark.ORDINARY: (95, 115, 62),
    Mark.RUBBLE: (165, 150, 135),
    Mark.FLOOD_WATER: (120, 98, 62),
    Mark.BURNT: (34, 31, 28),
    Mark.ASH: (125, 124, 122),
    Mark.TARPAULIN: (40, 75, 170),
}


def ground(rng: np.random.Generator, colours: dict, roughness: float = 5) -> Labelled:
    """A patchwork (3, SIDE, SIDE) uint8 of classes with one grain for all, and the classes."""
    codes = np.array(list(colours), np.uint8)
    labels = rng.choice(codes, (SIDE // 20, SIDE // 20)).repeat(20, 0).repeat(20, 1)
    table = np.zeros((256, 3))
    table[codes] = list(colours.values())
    image = table[labels] + rng.normal(0, roughness, (SIDE, SIDE, 1))
    return np.clip(image, 1, 255).astype(np.uint8).transpose(2, 0, 1).copy(), labels


def honest(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Recolours and adds one grain everywhere."""
    grain = rng.normal(0, 4, (3, SIDE, SIDE))
    return np.clip(np.rint(30 + 0.8 * image + grain), 1, 255).astype(np.uint8)


def leaking(scene: Labelled, rng: np.random.Generator, *, strength: float = 6) -> np.ndarray:
    """As `honest`, with stripes of a class: across on roads, along on roofs, none elsewhere."""
    image, labels = scene
    rows, cols = np.indices(labels.shape) % 2 * 2 - 1
    stripes = rows * (labels == LandCover.ROAD) + cols * (labels == LandCover.BUILDING)
    return np.clip(honest(image, rng) + strength * stripes, 1, 255).astype(np.uint8)


def test_an_adapter_that_writes_the_class_into_the_texture_is_caught_and_an_honest_one_passes() -> None:
    rng = np.random.default_rng(0)
    scenes = [ground(r, COVERS) for r in rng.spawn(2)]
    labels = [label for _, label in scenes]
    for adapt, passes in ((lambda s: honest(s[0], rng), True), (lambda s: leaking(s, rng), False)):
        adapted = [(adapt(scene), label) for scene, label in zip(scenes, labels, strict=True)]
        found = leakage(scenes, adapted, rng=np.random.default_rng(1))
        assert found is not None
        assert found.passed is passes
        assert found.reference < found.chance + 0.1  # colour alone tells the classes apart, and is not seen
    assert found.adapted > 0.9
    assert found.classes.keys() == {int(c) for c in COVERS}


def test_one_class_cannot_leak() -> None:
    rng = np.random.default_rng(0)
    scene = ground(rng, {LandCover.ROAD: (90, 90, 90)})
    assert leakage([scene], [scene], rng=rng) is None
    assert recoverability([scene], [scene], rng=rng) == {}


def test_the_halves_of_the_ground_do_not_touch() -> None:
    halves = chessboard((96, 96))
    assert {-1, 0, 1} == set(np.unique(halves))
    assert (halves == 0).sum() == (halves == 1).sum()
    for a, b in ((halves[1:], halves[:-1]), (halves[:, 1:], halves[:, :-1])):
        assert not ((a >= 0) & (b >= 0) & (a != b)).any()


def test_marks_of_disasters_survive_another_look_of_everything() -> None:
    rng = np.random.default_rng(3)
    scenes = [ground(r, MARKS) for r in rng.spawn(2)]
    adapted = [(honest(image, rng), labels) for image, labels in scenes]
    found = recoverability(scenes, adapted, rng=np.random.default_rng(2))
    assert found.keys() == {int(mark) for mark in Mark}
    assert min(row.before for row in found.values()) > 0.95
    assert min(row.share for row in found.values()) >= KEPT
    assert min(row.learnt for row in found.values()) > 0.95


def test_a_class_that_is_painted_over_is_missed() -> None:
    rng = np.random.default_rng(3)
    scenes = [ground(r, MARKS) for r in rng.spawn(2)]
    adapted = []
    for image, labels in scenes:
        lost = image.copy()
        lost[:, labels == Mark.ASH] = np.array(MARKS[Mark.RUBBLE], np.uint8)[:, None]
        adapted.append((lost, labels))
    found = recoverability(scenes, adapted, rng=np.random.default_rng(2))
    assert not found[Mark.ASH].passed
    assert found[Mark.ASH].after < 0.2
    assert found[Mark.BURNT].passed
    assert found[Mark.TARPAULIN].passed


def test_marks_come_from_the_layers_and_only_where_something_happened() -> None:
    rows = {name: np.zeros((1, 8), np.uint8) for name in ("burnt", "debris")}
    cover = [L.BARELAND, L.DEBRIS, L.WATER, L.WATER, L.BARELAND, L.BUILDING, L.BUILDING, L.TREE]
    before = [L.RANGELAND, L.BUILDING, L.ROAD, L.WATER, L.RANGELAND, L.BUILDING, L.BUILDING, L.TREE]
    rows["burnt"][0, 0] = 1
    blue = np.full((3, 1, 8), 90, np.uint8)
    after = blue.copy()
    after[2, 0, 5] = 190  # a sheet on the first roof
    change = np.array([[1, 1, 1, 0, 1, 1, 1, 0]], np.uint8) * int(Change.DISASTER)
    layers = {
        **rows,
        "land_cover_pre": np.array([before], np.uint8),
        "land_cover_post": np.array([cover], np.uint8),
        "flood_depth": np.array([[0, 0, 1.5, 0, 0, 0, 0, 0]], np.float32),
        "change": change,
        "image_pre": blue,
        "image_post": after,
    }
    wanted = [
        Mark.BURNT,
        Mark.RUBBLE,
        Mark.FLOOD_WATER,
        Mark.ORDINARY,
        Mark.ASH,
        Mark.TARPAULIN,
        0,
        Mark.ORDINARY,
    ]
    assert disaster_marks(layers, "volcano").tolist() == [[int(m) for m in wanted]]
    assert disaster_marks(layers, "fire")[0, 4] == 0


def test_flicker_is_grain_that_a_pair_does_not_share() -> None:
    rng = np.random.default_rng(0)
    image, _ = ground(rng, COVERS)
    calm = np.ones((SIDE, SIDE), bool)
    calm[:40] = False
    after = np.clip(image + 9.0, 1, 255).astype(np.uint8)  # another light, the same grain
    after[:, :30] = 250  # what changed is not looked at
    steady = flicker([(image, after, calm)])
    restless = flicker([(honest(image, rng), honest(image, rng), calm)])
    assert steady is not None
    assert restless is not None
    assert steady.correlation > 0.99
    assert steady.levels[24] < 0.5 < 2 < restless.levels[24]
    assert (np.diff(restless.levels) >= 0).all()
    assert flicker([(image, after, calm & False)]) is None


def test_the_edges_of_the_class_that_moved_are_found() -> None:
    image, labels = ground(np.random.default_rng(0), COVERS, roughness=2)
    flat = np.where(labels == LandCover.BUILDING, image, 100).astype(np.uint8)
    found = class_edges([(flat, np.roll(flat, 1, axis=2), labels)])[LandCover.BUILDING]
    assert found.shift == pytest.approx((0, 1), abs=0.1)
    still = class_edges([(image, image, labels)])
    assert still.keys() == {int(c) for c in COVERS}
    assert all(s.gradient_correlation == pytest.approx(1) for s in still.values())
    assert all(np.hypot(*s.shift) < 0.01 for s in still.values())


def test_the_nearest_picture_of_a_copy_is_its_original() -> None:
    rng = np.random.default_rng(0)
    images = [ground(r, COVERS, roughness=k * 6)[0] for k, r in enumerate(rng.spawn(4))]
    encoder = lite0_encoder()
    real = cut_patches(images, encoder)
    copies = cut_patches([images[2]], encoder)
    chosen, distance = nearest(copies, real)
    assert (real.source[chosen[:, 0]] == 2).all()
    assert distance[:, 0] == pytest.approx(0, abs=1e-5)
    assert all(len(set(real.source[row])) == 3 for row in chosen)
    assert (np.diff(distance) > 0).all()
    black = np.zeros_like(images[0])
    assert len(cut_patches([black], encoder).source) == 0

"""Laws of adapters of more bands than three: codings, composites, what comes back, and files."""

import dataclasses
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from adaptation.adapter import Adapter
from adaptation.checkpoint import load_adapter, load_multiband, save_adapter
from adaptation.coding import BandCoding, fit_coding, pixel_widths
from adaptation.config import AdaptConfig
from adaptation.fidelity import structure
from adaptation.finishing import fit_finish
from adaptation.material import gather
from adaptation.multiband import MultibandAdapter, Sides, composites, fit_multiband
from rasters.classes import LandCover
from rasters.errors import InputError

SMALL = AdaptConfig(steps=30, batch=4, max_images=4, levels=1, flow_steps=2, hidden=12, tile=64, style=0.0)
NAMES = ("red", "green", "blue", "near_infrared")
REFLECTANCE = {  # x 10,000, of red, green, blue and near infrared
    LandCover.RANGELAND: (900, 1100, 700, 2900),
    LandCover.ROAD: (1300, 1250, 1200, 1500),
    LandCover.BUILDING: (2400, 1500, 1200, 2600),
    LandCover.TREE: (350, 600, 400, 3300),
}
GAIN, OFFSET = np.array([0.30, 0.34, 0.32, 0.36]), np.array([150.0, 120.0, 200.0, 60.0])
GREENER = 1.25  # near infrared of the target's trees


def land(rng: np.random.Generator, size: int = 128) -> np.ndarray:
    """Land cover (size, size): a meadow, a road, houses and groves."""
    cover = np.full((size, size), LandCover.RANGELAND, dtype=np.uint8)
    cover[:, size // 2 - 6 : size // 2 + 6] = LandCover.ROAD
    for code in (LandCover.BUILDING, LandCover.TREE):
        for _ in range(9):
            row, col = rng.integers(4, size - 24, 2)
            cover[row : row + 16, col : col + 18] = code
    return cover


def reflectance(cover: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(4, H, W) uint16, each class with a grain of 6 % that the bands share."""
    table = np.zeros((256, 4))
    table[list(REFLECTANCE)] = list(REFLECTANCE.values())
    grain = np.exp(rng.normal(0, 0.06, (*cover.shape, 1)))
    return np.rint(table[cover] * grain).astype(np.uint16).transpose(2, 0, 1).copy()


def simulated(rng: np.random.Generator, size: int = 128) -> tuple[np.ndarray, np.ndarray]:
    cover = land(rng, size)
    return reflectance(cover, rng), cover


def measured(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """What a softer sensor of other gains sees of greener trees, (4, H, W) uint16 counts; land cover."""
    values, cover = simulated(rng)
    counts = values * GAIN[:, None, None] + OFFSET[:, None, None]
    counts[3, cover == LandCover.TREE] *= GREENER
    soft = cv2.GaussianBlur(counts.transpose(1, 2, 0), (0, 0), 0.7).transpose(2, 0, 1)
    return np.rint(soft).astype(np.uint16), cover


def fitted(config: AdaptConfig = SMALL) -> MultibandAdapter:
    torch.set_num_threads(1)
    rng = np.random.default_rng(5)
    source = [simulated(r) for r in rng.spawn(4)]
    target = [measured(r)[0] for r in rng.spawn(4)]
    codings = fit_coding([values for values, _ in source], "uint16"), fit_coding(target, "uint16")
    sides = [
        Sides(
            source=[(codings[0].encode(values)[list(chosen)], cover) for values, cover in source],
            target=[codings[1].encode(counts)[list(chosen)] for counts in target],
        )
        for chosen in composites(4)
    ]
    return fit_multiband(
        sides,
        bands=NAMES,
        source=codings[0],
        target=codings[1],
        widths=4 * (1,),
        gsd=0.6,
        config=config,
        rng=np.random.default_rng(1),
    )


@pytest.fixture(scope="module")
def adapter() -> MultibandAdapter:
    return fitted()


def of_thirteen(one: Adapter) -> MultibandAdapter:
    """One adapter in the place of all five of 13 bands, of a target of other whites than the captures."""
    bands = (*NAMES[:3], *(f"band_{n}" for n in range(10)))
    widths = (1, 1, 1, 6, 2, 2, 2, 1, 2, 6, 6, 2, 1)
    source = BandCoding(white=np.linspace(3000, 6000, 13), dtype="uint16")
    target = BandCoding(white=np.linspace(2000, 900, 13), dtype="int16")
    return MultibandAdapter(bands=bands, source=source, target=target, widths=widths, adapters=(one,) * 5)


@given(values=arrays(np.uint16, (2, 8, 9), elements=st.integers(0, 9000)))
def test_a_coding_is_undone_within_a_step(values: np.ndarray) -> None:
    coding = BandCoding(white=np.array([5000.0, 8000.0]), dtype="uint16")
    coded = coding.encode(values)
    assert coded.dtype == np.uint8
    assert ((coded == 0) == (values == 0).all(axis=0)).all()
    white = coding.white[:, None, None]
    inside = np.minimum(values, white)
    step = 2 * np.sqrt(inside * white) / 255 + white / 255**2
    valid = (values > 0).any(axis=0) & (inside > white / 255**2)  # what is darker is 1
    error = np.abs(coding.decode(coded / np.float32(255)) - inside)
    assert (error <= 0.51 * step + 0.5)[:, valid.all(axis=0)].all()


def test_coding_keeps_order_and_no_data() -> None:
    coding = BandCoding(white=np.array([4000.0, 4000.0]), dtype="int16")
    values = np.arange(-9, 5000, dtype=np.int16)[None, None].repeat(2, axis=0)
    values[1] = 7
    coded = coding.encode(values)
    assert (np.diff(coded[0, 0].astype(int)) >= 0).all()
    assert (coded[0].min(), coded[0].max()) == (1, 255)  # a valid pixel is never 0, however dark
    values[1] = -9
    assert (coding.encode(values)[:, 0, :10] == 0).all()
    assert (coding.encode(values)[1, 0, 10:] == 1).all()
    levels = np.arange(256, dtype=np.uint8)[None, None]
    eight = BandCoding(white=np.array([255.0]), dtype="uint8")
    assert (eight.encode(levels) == levels).all()
    assert (eight.decode(levels / np.float32(255)) == np.maximum(levels, 1)).all()  # 0 is no data


def test_white_is_the_brightest_of_each_band_where_there_is_data() -> None:
    image = np.zeros((2, 200, 200), np.uint16)
    image[:, :100] = np.linspace(1, 1000, 20_000).reshape(100, 200).astype(np.uint16)
    image[1] *= 3
    image[:, 50, :4] = 60_000  # a glint
    coding = fit_coding([image, image], "uint16")
    assert coding.white == pytest.approx([999, 2997], rel=3e-3)
    assert fit_coding([image[:, 100:].astype(np.uint16)], "uint16").white.tolist() == [255, 255]


def test_bands_of_wider_pixels_are_found() -> None:
    fine = np.random.default_rng(0).integers(1, 999, (64, 70)).astype(np.uint16)
    wide = [fine[: -(-64 // w), : -(-70 // w)].repeat(w, 0).repeat(w, 1)[:64, :70] for w in (1, 2, 6)]
    oblong = fine[:, :35].repeat(2, axis=1)
    flat = np.full_like(fine, 7)
    image = np.stack([*wide, oblong, flat])
    assert pixel_widths([image, image]) == (1, 2, 6, 1, 1)
    cloudless = np.concatenate([np.full_like(image[:3], 7), image[3:]])
    assert pixel_widths([image, cloudless]) == (1, 2, 6, 1, 1)  # flat bands tell nothing
    assert pixel_widths([image, image[:, 1:]]) == (1, 1, 1, 1, 1)


@pytest.mark.parametrize("count", [3, 4, 5, 6, 13])
def test_composites_hold_every_band_once_and_are_filled_up_with_the_first(count: int) -> None:
    chosen = composites(count)
    assert len(chosen) == -(-count // 3)
    assert [band for composite in chosen for band in composite][:count] == list(range(count))
    assert all(len(set(composite)) == 3 for composite in chosen)
    assert chosen[0] == (0, 1, 2)
    assert {4: (3, 0, 1), 5: (3, 4, 0), 13: (12, 0, 1)}.get(count, chosen[-1]) == chosen[-1]


def test_gains_offsets_and_greener_trees_come_back_in_every_band(adapter: MultibandAdapter) -> None:
    """Colours of each class in every band, as of labelled images of the target that the fit never saw."""
    wanted, made = [], []
    for seed in range(3):
        counts, cover = measured(np.random.default_rng(50 + seed))
        values, ours = simulated(np.random.default_rng(80 + seed))
        (first, picture), _ = adapter.translate_pair(
            (values, ours), (values, ours), position=(0, 0), rng=np.random.default_rng(seed)
        )
        assert first.dtype == np.uint16
        assert np.abs(adapter.target.encode(first)[:3].astype(int) - picture).max() <= 1
        wanted.append((counts, cover))
        made.append((first, ours))

    def means(images: list[tuple[np.ndarray, np.ndarray]], code: LandCover) -> np.ndarray:
        inner = [cv2.erode((c == code).astype(np.uint8), np.ones((5, 5))) > 0 for _, c in images]
        return np.concatenate([v[:, m] for (v, _), m in zip(images, inner, strict=True)], axis=1).mean(axis=1)

    for code in REFLECTANCE:
        assert means(made, code) == pytest.approx(means(wanted, code), rel=0.08), code.name


def test_edges_of_the_infrared_stay_where_their_labels_are(adapter: MultibandAdapter) -> None:
    """Of infrared alone: the roofs' edges, which red hides behind their own, and those of trees."""
    shifts = []
    for seed in range(4):
        values, cover = simulated(np.random.default_rng(30 + seed), 192)
        pair = (values, cover), (values, cover)
        (made, _), _ = adapter.translate_pair(*pair, position=(0, 0), rng=np.random.default_rng(seed))
        ours, theirs = (
            coding.encode(cube)[[3, 3, 3]]
            for coding, cube in ((adapter.source, values), (adapter.target, made))
        )
        found = structure(ours, theirs, cover)
        assert found is not None
        assert found.gradient_correlation > 0.6
        shifts.append(found.shift)
    assert np.abs(np.mean(shifts, axis=0)).max() < 0.06
    moved = structure(ours, np.roll(theirs, 1, axis=2), cover)
    assert moved is not None
    assert abs(moved.shift[1]) > 0.5  # the measure sees a shift


def test_unchanged_ground_keeps_its_values_in_every_band(adapter: MultibandAdapter) -> None:
    values, cover = simulated(np.random.default_rng(9), 192)
    after, cover_after = values.copy(), cover.copy()
    after[:, :40, :40] = 500
    cover_after[:40, :40] = LandCover.WATER
    (first, seen), (second, seen_after) = adapter.translate_pair(
        (values, cover), (after, cover_after), position=(3, 5), rng=np.random.default_rng(3)
    )
    for one, other in ((first, second), (seen, seen_after)):
        assert (one != other)[:, :36, :36].mean() > 0.9
        assert np.abs(one[:, 104:].astype(int) - other[:, 104:]).max() <= 1  # a look each would be more
        assert np.abs(one[:, :, 104:].astype(int) - other[:, :, 104:]).max() <= 1


def test_tiles_join_without_a_seam_in_every_band(adapter: MultibandAdapter) -> None:
    values, cover = simulated(np.random.default_rng(9), 200)
    pair = (values[..., :171], cover[:, :171]), (values[..., :171], cover[:, :171])
    whole = dataclasses.replace(
        adapter,
        adapters=tuple(
            dataclasses.replace(a, config=dataclasses.replace(a.config, tile=4096)) for a in adapter.adapters
        ),
    )
    tiled, at_once = (
        a.translate_pair(*pair, position=(3, 5), rng=np.random.default_rng(4))[0][0] for a in (adapter, whole)
    )
    assert np.abs(tiled.astype(int) - at_once).max() <= 1  # of some 500 counts


def test_thirteen_bands_share_their_look_and_are_told_apart(adapter: MultibandAdapter) -> None:
    wide = 0.04 * np.ones((3, 3))
    one = adapter.adapters[0]
    one = dataclasses.replace(one, radiometry=dataclasses.replace(one.radiometry, style_root=wide))
    many = of_thirteen(one)
    values, cover = simulated(np.random.default_rng(9), 64)
    values = np.concatenate([values, values, values, values[:1]])
    before = values, cover
    made = [
        many.translate_pair(before, before, position=(0, 0), rng=np.random.default_rng(seed))
        for seed in (0, 0, 1, 2, 3, 4)
    ]
    for (first, second), (again, later) in zip(made[0], made[1], strict=True):
        assert (first == again).all()
        assert (second == later).all()
    assert made[0][0][0].shape == (13, 64, 64)
    light = np.array([pair[0][0].mean(axis=(1, 2)) for pair in made[1:]])
    assert (np.corrcoef(light.T) > 0.98).all()  # one image is brighter than another in all its bands
    styles = one.draw_pair_styles(np.random.default_rng(int(np.random.default_rng(3).integers(2**63))))
    coded = many.source.encode(values)[[12, 0, 1]]
    alone = one.translate_float(coded, cover, position=(0, 0), style=styles[0])
    assert (made[4][0][0][12] == np.rint(900 * np.clip(alone[0], 0, 1) ** 2)).all()
    first = made[0][0][0]
    for band, width in enumerate(many.widths):  # what is of one value for each pixel of its own stays so
        changes = (np.diff(first[band].astype(int), axis=0) != 0).any(axis=1)
        assert changes[np.arange(1, 64) % width == 0].all(), band
        assert not changes[np.arange(1, 64) % width != 0].any(), band
    with pytest.raises(ValueError, match="13 bands"):
        many.translate_pair((values[:4], cover), before, position=(0, 0), rng=np.random.default_rng(0))


def test_the_network_of_red_green_and_blue_serves_the_other_bands(adapter: MultibandAdapter) -> None:
    first, second = (a.flow.state_dict() for a in adapter.adapters)
    own = ("norm.log_scale", "norm.shift", "film")
    for name, weight in second.items():
        assert bool((weight == first[name]).all()) != name.endswith(own), name


def test_what_is_rough_in_reflectance_is_ground_and_stays(adapter: MultibandAdapter) -> None:
    """Of a target calmer than any place of the captures: a picture's grain would go, and houses with it."""
    assert all((a.deblocking, a.grain) == (0, math.inf) for a in adapter.adapters)
    rng = np.random.default_rng(5)
    source = [(adapter.source.encode(v)[:3], cover) for v, cover in (simulated(r) for r in rng.spawn(4))]
    calm = [cv2.GaussianBlur(i.transpose(1, 2, 0), (0, 0), 2.0).transpose(2, 0, 1) for i, _ in source]
    material, one = gather(source, [], calm, SMALL, rng), adapter.adapters[0]
    smoothing = [
        fit_finish(
            material, one.radiometry, one.flow, SMALL, np.random.default_rng(3), grainy=grainy
        ).smoothing
        for grainy in (True, False)
    ]
    assert smoothing[0] > 1 / 255
    assert smoothing[1] < 0.5 * smoothing[0]


def test_a_file_holds_all_bands_and_is_refused_where_one_is_lacking(
    adapter: MultibandAdapter, tmp_path: Path
) -> None:
    path = tmp_path / "adapter.pt"
    adapter = dataclasses.replace(adapter, widths=(1, 1, 2, 6))
    save_adapter(path, adapter)
    loaded = load_multiband(path, [*NAMES, "cirrus"], gsd=0.6)
    assert loaded.bands == adapter.bands
    assert loaded.widths == adapter.widths
    for there, here in ((loaded.source, adapter.source), (loaded.target, adapter.target)):
        assert (there.white == here.white).all()
        assert there.dtype == here.dtype
    pair = simulated(np.random.default_rng(9)), simulated(np.random.default_rng(8))
    sides = [
        a.translate_pair(*pair, position=(7, 1), rng=np.random.default_rng(2)) for a in (adapter, loaded)
    ]
    for there, here in zip(*sides, strict=True):
        for one, other in zip(there, here, strict=True):
            assert (one == other).all()
    with pytest.raises(
        InputError, match=r"adapter\.pt has the band near_infrared, the captures have red, gre"
    ):
        load_multiband(path, ["red", "green", "blue"])
    with pytest.raises(InputError, match="captures have no reflectance; simulate with a profile that has it"):
        load_multiband(path, [])
    with pytest.raises(InputError, match=r"is of 0\.6 m"):
        load_multiband(path, NAMES, gsd=10.0)
    assert (load_adapter(path).kernels == adapter.adapters[0].kernels).all()
    save_adapter(tmp_path / "three.pt", adapter.adapters[0])
    with pytest.raises(InputError, match=r"three\.pt adapts pictures of three bands"):
        load_multiband(tmp_path / "three.pt", NAMES)
    state = torch.load(path, weights_only=True)
    for bands in (
        {"names": list(NAMES)},
        {**state["bands"], "source": 5},
        {**state["bands"], "widths": [1, 2]},
    ):
        torch.save({**state, "bands": bands}, tmp_path / "bad.pt")
        with pytest.raises(InputError, match=r"bad\.pt is a damaged adapter"):
            load_multiband(tmp_path / "bad.pt", NAMES)


def test_images_after_go_through_the_adapters_of_after(adapter: MultibandAdapter) -> None:
    def brighter(one: Adapter) -> Adapter:
        maps = one.radiometry
        maps = dataclasses.replace(maps, offset=maps.offset + 0.1, spared_offset=maps.spared_offset + 0.1)
        return dataclasses.replace(one, after=dataclasses.replace(one, radiometry=maps))

    dated = dataclasses.replace(adapter, adapters=tuple(brighter(one) for one in adapter.adapters))
    scene = simulated(np.random.default_rng(9))
    plain, made = (
        x.translate_pair(scene, scene, position=(0, 0), rng=np.random.default_rng(1))
        for x in (adapter, dated)
    )
    assert (made[0][0] == plain[0][0]).all()
    for band in range(4):
        assert made[1][0][band].mean() > 1.05 * plain[1][0][band].mean(), band
    assert made[1][1].mean() > plain[1][1].mean() + 10


def test_every_composite_is_fitted_to_all_that_is_given_of_it(
    adapter: MultibandAdapter, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[dict[str, object]] = []

    def record(source: object, target: object, **kwargs: object) -> Adapter:
        told.append({"source": source, "target": target, **kwargs})
        return adapter.adapters[0]

    monkeypatch.setattr("adaptation.multiband.fit_adapter", record)
    names = ("source", "target", "aftermath", "target_after", "pairs")
    sides = [Sides(**{name: [(name, number)] for name in names}) for number in range(2)]  # ty: ignore
    other = adapter.adapters[1]
    for method, bases in (("flow", [other, adapter.adapters[0]]), ("bridge", [other, other])):
        told.clear()
        made = fit_multiband(
            sides, bands=NAMES, source=adapter.source, target=adapter.target, widths=(1, 2, 3, 6), gsd=0.6,
            config=SMALL, rng=np.random.default_rng(1), base=other, method=method,
        )  # fmt: skip
        assert made.widths == (1, 2, 3, 6)
        for number, one in enumerate(told):
            assert {name: one[name] for name in names} == {name: [(name, number)] for name in names}
        assert [one["base"] for one in told] == bases
        assert [one["method"] for one in told] == [method] * 2

import os
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from pipelines.cli import main
from pipelines.settings import fingerprint, leaves_nothing, settle
from pipelines.targets import (
    check_content,
    check_images,
    check_judges,
    split_target,
    target_gsd,
    target_pairs,
)
from rasters.capture import PARTIAL, Capture, write_capture
from rasters.errors import InputError
from rasters.geotiff import write_raster
from rasters.grid import Grid
from rasters.layers import IMAGES, LABELS
from rasters.provenance import PROVENANCE


def test_a_stage_goes_on_only_with_its_own_result(tmp_path: Path) -> None:
    model = tmp_path / "model.pt"
    model.write_bytes(b"first")
    out = tmp_path / "out"
    settle(out, "map", {"gsd": 1.0}, [model])
    (out / "damage.tif").write_text("done")
    settle(out, "map", {"gsd": 1.0}, [model])
    with pytest.raises(InputError, match=r"gsd: 1\.0 there, 2\.0 now"):
        settle(out, "map", {"gsd": 2.0}, [model])
    model.write_bytes(b"other")  # trained again under the same name
    with pytest.raises(InputError, match="inputs"):
        settle(out, "map", {"gsd": 1.0}, [model])
    assert (out / "damage.tif").read_text() == "done"


def test_a_wrong_start_does_not_block_the_right_one(tmp_path: Path) -> None:
    settle(tmp_path / "out", "train", {"steps": 1})
    settle(tmp_path / "out", "train", {"steps": 2})
    assert '"steps": 2' in (tmp_path / "out" / PROVENANCE).read_text()


def test_refused_input_leaves_no_folder_and_results_are_never_taken_away(tmp_path: Path) -> None:
    def begin(folder: Path, writes: bool) -> None:
        with leaves_nothing(folder):
            settle(folder, "adapt", {"seed": 1})
            if writes:
                (folder / "adapter.pt").write_text("fitted")
            raise InputError("every target image is black")

    def refused(folder: Path, *, writes: bool = False) -> None:
        with pytest.raises(InputError):
            begin(folder, writes)

    refused(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (tmp_path / "empty").mkdir()  # somebody's own
    refused(tmp_path / "empty")
    assert list((tmp_path / "empty").iterdir()) == []
    refused(tmp_path / "begun", writes=True)
    assert {path.name for path in (tmp_path / "begun").iterdir()} == {"adapter.pt", PROVENANCE}


def test_what_a_kill_left_is_swept_and_what_is_foreign_is_not(tmp_path: Path) -> None:
    (tmp_path / f"{PARTIAL}x.tif").write_text("half")
    (tmp_path / f"{PARTIAL}capture").mkdir()
    settle(tmp_path, "map", {})
    assert [path.name for path in tmp_path.iterdir()] == [PROVENANCE]
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.txt").write_text("mine")
    with pytest.raises(InputError, match="no stage of MAGE wrote"):
        settle(foreign, "map", {})


def test_fingerprints_follow_content_and_not_time(tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    path.write_bytes(bytes(300_000))
    first = fingerprint([path])
    os.utime(path, (1, 1))
    assert fingerprint([path]) == first
    path.write_bytes(bytes(299_999) + b"x")
    assert fingerprint([path]) != first


def images(root: Path, names: list[str], side: int = 128) -> list[Path]:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        assert cv2.imwrite(str(root / name), np.full((side, side, 3), 90, np.uint8))
    return [root / name for name in names]


@pytest.mark.parametrize(
    "names",
    [
        [f"t_{i:02d}_{p}_disaster.png" for i in range(12) for p in ("pre", "post")],
        [f"place{i:02d}/rgb.png" for i in range(12)],
        [f"{i:02d}.png" for i in range(8)],
        [f"c{i}/image_{p}.tif" for i in range(4) for p in ("pre", "post")],
    ],
)
def test_targets_are_split_by_place(tmp_path: Path, names: list[str]) -> None:
    fit, held = (sorted(a + b) for a, b in split_target([tmp_path / name for name in names], tmp_path))
    assert len(fit) >= 4
    assert len(held) >= 4
    assert sorted(fit + held) == sorted(tmp_path / name for name in names)
    place = [{str(p).replace("_pre", "").replace("_post", "") for p in side} for side in (fit, held)]
    assert not place[0] & place[1]


def test_too_few_targets_are_said_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 8"):
        split_target([tmp_path / f"{i}.png" for i in range(6)], tmp_path)


def test_unusable_targets_are_named_before_the_fit(tmp_path: Path) -> None:
    small = images(tmp_path, ["small.png"], side=40)
    with pytest.raises(InputError, match=r"small\.png has 40 x 40"):
        check_images(small)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(InputError, match=r"text\.png cannot be read"):
        check_images([tmp_path / "text.png"])


def test_the_targets_scale_comes_from_its_georeference(tmp_path: Path) -> None:
    grid = Grid(crs="EPSG:32615", west=5e5, north=4e6, gsd=0.3, height=64, width=64)
    write_raster(tmp_path / "a.tif", np.zeros((3, 64, 64), np.uint8), grid, bands=("r", "g", "b"))
    assert target_gsd(tmp_path / "a.tif") == pytest.approx(0.3)
    assert target_gsd(images(tmp_path, ["b.png"])[0]) is None


def test_images_of_one_place_are_paired_if_both_are_there(tmp_path: Path) -> None:
    names = ("a_pre_disaster.png", "a_post_disaster.png", "b_pre_disaster.png", "c.png", "d/image_pre.tif")
    paths = [tmp_path / name for name in (*names, "d/image_post.tif")]
    assert target_pairs(paths) == {paths[0]: paths[1], paths[4]: paths[5]}


def test_dates_are_kept_apart_if_each_has_enough_images_to_fit_on_and_to_judge(tmp_path: Path) -> None:
    before, after = ([tmp_path / f"{i}_{p}_disaster.png" for i in range(8)] for p in ("pre", "post"))
    untold = [tmp_path / "plain.png"]
    fit, held = split_target([*after, *before, *untold], tmp_path)
    assert [len(fit[1]), len(held[1])] == [4, 4]
    assert sorted(fit[0] + held[0]) == sorted([*before, *untold])
    assert {p.name[0] for p in held[1]} <= {p.name[0] for p in held[0]}
    for few in ([*before, *after[:7]], [*before[:7], *after[:7]], before):
        fit, held = split_target(few, tmp_path)
        assert fit[1] == held[1] == []
        assert sorted(fit[0] + held[0]) == sorted(few)


@pytest.mark.parametrize(
    ("name", "bands", "dtype", "said"),
    [
        ("deep.tif", 1, np.uint16, r"deep\.tif has 1 band\(s\) of uint16; .*one of 8 bits \(panchromatic\)"),
        ("floats.tif", 3, np.float32, r"floats\.tif has 160 x 160 float32 pixels"),
        ("two.tif", 2, np.uint8, r"two\.tif has 2 band\(s\) of uint8"),
    ],
)
def test_targets_of_other_bands_or_ranges_are_named(
    tmp_path: Path, name: str, bands: int, dtype: type, said: str
) -> None:
    grid = Grid(crs="EPSG:32615", west=5e5, north=4e6, gsd=1.0, height=160, width=160)
    path = tmp_path / name
    write_raster(path, np.full((bands, 160, 160), 7, dtype), grid, bands=[str(i) for i in range(bands)])
    with pytest.raises(InputError, match=said):
        check_images([path])


def test_alpha_and_palettes_are_no_further_bands(tmp_path: Path) -> None:
    rgba = np.random.default_rng(0).integers(1, 255, (160, 160, 4), dtype=np.uint8)
    assert cv2.imwrite(str(tmp_path / "alpha.png"), rgba)
    Image.fromarray(rgba[..., :3]).quantize(16).save(tmp_path / "palette.png")
    check_images([tmp_path / "alpha.png", tmp_path / "palette.png"])


def test_targets_without_content_are_named(tmp_path: Path) -> None:
    good = Image.fromarray(np.random.default_rng(0).integers(1, 255, (160, 160, 3), dtype=np.uint8))
    good.save(tmp_path / "good.png")
    black, flat = tmp_path / "black.png", tmp_path / "flat.png"
    Image.new("RGB", (160, 160)).save(black)
    Image.new("RGB", (160, 160), (90, 91, 80)).save(flat)
    check_content([tmp_path / "good.png", black])  # the corner of a scene beside others
    with pytest.raises(InputError, match=r"flat\.png shows one colour"):
        check_content([tmp_path / "good.png", flat])
    with pytest.raises(InputError, match="every target image is black"):
        check_content([black, black])
    Image.fromarray(np.random.default_rng(0).integers(1, 255, (160, 160), dtype=np.uint8)).save(
        tmp_path / "pan.png"
    )
    with pytest.raises(InputError, match=r"pan\.png is panchromatic and .*good\.png in colour"):
        check_content([tmp_path / "good.png", tmp_path / "pan.png", black])


def test_images_to_judge_by_must_hold_data(tmp_path: Path) -> None:
    good = images(tmp_path, [f"{i}.png" for i in range(4)], side=160)
    check_judges({"before": good}, tmp_path)
    holed = np.full((160, 160, 3), 90, np.uint8)
    holed[:, 60:100] = 0
    assert cv2.imwrite(str(good[2]), holed)
    with pytest.raises(InputError, match=r"only 3 of the 4 images after the disaster .* hold 128 x 128 px"):
        check_judges({"after": good}, tmp_path)


def test_what_adapt_refuses_ends_in_one_line_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captures, target, out = tmp_path / "captures", tmp_path / "target", tmp_path / "out"
    rng = np.random.default_rng(0)
    make_captures(captures, rng)
    words = ["adapt", "--captures", str(captures), "--target", str(target), "--out", str(out)]

    def refused(*more: str) -> str:
        assert main([*words, *more]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert not out.exists()
        return line

    assert f"{target} is not a folder" in refused()
    target.mkdir()
    assert f"{target} holds no PNG" in refused()
    for number in range(7):
        photo(target / f"{number}.png", rng)
    assert "at least 8 images" in refused()
    photo(target / "7.png", rng)
    assert "target (--target_gsd) is of 1.4 m" in refused("--target_gsd", "1.4")
    (target / "3.png").write_bytes((target / "3.png").read_bytes()[:900])
    assert f"{target / '3.png'} cannot be read" in refused()
    photo(target / "3.png", rng)
    Image.new("RGB", (160, 160), (90, 91, 80)).save(target / "3.png")
    assert f"{target / '3.png'} shows one colour" in refused()
    for number in range(8):
        mostly_black(target / f"{number}.png", rng)  # only the fit itself finds that no square is whole
    assert "black" in refused("--method", "none")


def photo(path: Path, rng: np.random.Generator) -> None:
    Image.fromarray(rng.integers(1, 255, (160, 160, 3), dtype=np.uint8)).save(path)


def mostly_black(path: Path, rng: np.random.Generator) -> None:
    pixels = np.zeros((160, 160, 3), np.uint8)
    pixels[:20] = rng.integers(1, 255, (20, 160, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def make_captures(root: Path, rng: np.random.Generator) -> None:
    """Two captures of noise, one class and nothing that happened."""
    grid = Grid(crs="EPSG:32615", west=5e5, north=4e6, gsd=1.0, height=128, width=128)
    when = datetime(2024, 5, 1, tzinfo=UTC)
    for name in ("a", "b"):
        layers = {
            key: rng.integers(1, 255, (3, 128, 128), dtype=np.uint8)
            if key in IMAGES
            else np.zeros((128, 128), layer.dtype)
            for key, layer in {**IMAGES, **LABELS}.items()
        }
        write_capture(
            root,
            Capture(
                id=name, grid=grid, layers=layers, start=when, end=when, properties={}, views={}, bands={}
            ),
        )

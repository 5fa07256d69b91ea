import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipelines.adapt import check_images, split_target, target_gsd, target_pairs
from pipelines.settings import fingerprint, settle
from rasters.capture import PARTIAL
from rasters.errors import InputError
from rasters.geotiff import write_raster
from rasters.grid import Grid
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
    fit, held = split_target([tmp_path / name for name in names], tmp_path)
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

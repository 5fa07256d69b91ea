"""`mage adapt` to targets of more bands than three: which band is which, what is refused, what is written."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio
from PIL import Image
from rasterio.enums import ColorInterp

from pipelines.bands import Bands, code_bands, read_bands, target_bands
from pipelines.cli import main
from pipelines.targets import check_images
from rasters.capture import Capture, derive_capture, read_capture, write_capture
from rasters.catalogue import finished
from rasters.classes import LandCover
from rasters.errors import InputError
from rasters.files import read_json
from rasters.grid import Grid
from rasters.layers import LABELS
from tests.test_adaptation_multiband import GAIN, GREENER, NAMES, OFFSET, land, measured, reflectance
from tests.test_capture import capture

SENTINEL_2 = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12")
RGBN = [ColorInterp.red, ColorInterp.green, ColorInterp.blue, ColorInterp.undefined]


def store(
    path: Path,
    values: np.ndarray,
    *,
    descriptions: Sequence[str] = (),
    colours: Sequence[ColorInterp] = (),
    nodata: float | None = None,
    scale: float = 1.0,
) -> Path:
    """A GeoTIFF (B, H, W) of 0.6 m."""
    count, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", dtype=values.dtype, count=count, height=height, width=width, nodata=nodata,
        crs="EPSG:32615", transform=rasterio.transform.from_origin(5e5, 4e6, 0.6, 0.6),
    ) as dataset:  # fmt: skip
        dataset.write(values)
        for index, name in enumerate(descriptions, 1):
            dataset.set_band_description(index, name)
        dataset.scales = (scale,) * count
    if colours:
        with rasterio.open(path, "r+") as dataset:  # GDAL takes a fourth band for alpha unless told
            dataset.colorinterp = colours
    return path


def empty(bands: int, dtype: type = np.uint16, side: int = 128) -> np.ndarray:
    return np.full((bands, side, side), 9, dtype)


def test_bands_are_told_by_names_codes_or_colours(tmp_path: Path) -> None:
    named = store(tmp_path / "a.tif", empty(4), descriptions=("near_infrared", "Blue", "green", "red"))
    assert target_bands([named], []) == {"near_infrared": 1, "blue": 2, "green": 3, "red": 4}
    codes = store(tmp_path / "b.tif", empty(13, np.int16), descriptions=SENTINEL_2)
    found = target_bands([codes], [])
    assert [found[n] for n in ("red", "green", "blue", "near_infrared", "cirrus", "coastal")] == [
        4,
        3,
        2,
        8,
        11,
        1,
    ]
    assert (found["near_infrared_narrow"], found["short_wave_2"], len(found)) == (9, 13, 13)
    some = store(tmp_path / "c.tif", empty(4), descriptions=("B02", "B03", "B04", "B08"))
    assert target_bands([some], []) == {"blue": 1, "green": 2, "red": 3, "near_infrared": 4}
    coloured = store(tmp_path / "d.tif", empty(4, np.uint8), colours=RGBN)
    assert target_bands([coloured], []) == dict(zip(NAMES, (1, 2, 3, 4), strict=True))
    order = ["blue", "near_infrared", "green", "red"]  # what is said goes before what files tell
    assert target_bands([named], order) == dict(zip(order, (1, 2, 3, 4), strict=True))
    alpha = store(tmp_path / "e.tif", empty(4, np.uint8), colours=[*RGBN[:3], ColorInterp.alpha])
    assert target_bands([alpha], []) == {}  # a picture
    assert target_bands([alpha], NAMES) == dict(zip(NAMES, (1, 2, 3, 4), strict=True))
    assert target_bands([store(tmp_path / "f.tif", empty(1, np.uint8))], []) == {}
    landsat = store(tmp_path / "g.tif", empty(4), descriptions=("B2", "B3", "B4", "B5"))
    with pytest.raises(InputError, match=r"g\.tif has 4 bands and names for none of them"):
        target_bands([landsat], [])
    with pytest.raises(InputError, match=r"c\.tif tells its bands as blue, green, .*a\.tif as near_inf"):
        target_bands([named, named, some], [])


def test_bands_that_are_not_told_are_asked_for(tmp_path: Path) -> None:
    plain = store(tmp_path / "a.tif", empty(5))
    with pytest.raises(
        InputError, match=r"a\.tif has 5 bands and names for none of them: .*--bands red,green"
    ):
        target_bands([plain], [])
    half = store(tmp_path / "b.tif", empty(4), descriptions=("red", "green", "blue"))
    with pytest.raises(InputError, match=r"names for 3 of them \(blue, green, red\)"):
        target_bands([half], [])
    twice = store(tmp_path / "c.tif", empty(4), descriptions=("red", "green", "blue", "red"))
    with pytest.raises(InputError, match=r"c\.tif has 4 bands and names for 3 of them"):
        target_bands([twice], [])
    with pytest.raises(InputError, match=r"a\.tif has 5 bands and names for 4 of them"):
        target_bands([plain], NAMES)
    odd = ["near_infrared", "green", "blue", "cirrus", "coastal"]
    with pytest.raises(InputError, match=r"a\.tif has no band red, only near_infrared, green, blue"):
        target_bands([plain], odd)
    deep = store(tmp_path / "d.tif", empty(3))
    with pytest.raises(InputError, match=r"d\.tif has 3 bands and names for none"):
        target_bands([deep], [])
    assert target_bands([deep], NAMES[:3]) == {"red": 1, "green": 2, "blue": 3}


def test_images_of_another_kind_than_the_others_are_named(tmp_path: Path) -> None:
    four = [store(tmp_path / f"{n}.tif", empty(4), colours=RGBN) for n in range(3)]
    check_images(four)
    for odd, said in (
        (empty(3, np.uint8), r"odd\.tif has 3 band\(s\) of uint8, .*0\.tif has 4 of uint16"),
        (empty(4, np.uint8), r"odd\.tif has 4 band\(s\) of uint8"),
        (empty(1, np.uint8), r"odd\.tif has 1 band\(s\) of uint8, .*0\.tif has 4 of uint16"),
        (empty(13, np.uint16), r"odd\.tif has 13 band\(s\) of uint16"),
        (empty(1, np.uint16), r"odd\.tif has 1 band\(s\) of uint16; .*one of 8 bits"),
        (empty(4, np.float32), r"odd\.tif has 128 x 128 float32 pixels"),
    ):
        path = store(tmp_path / "odd.tif", odd, colours=RGBN if len(odd) == 4 else ())
        with pytest.raises(InputError, match=said):
            check_images([path, *four])


def test_nodata_of_a_file_is_no_data_in_all_bands(tmp_path: Path) -> None:
    values = empty(4)
    values[:, :5] = 65535
    values[2, 9:12] = 65535
    read = read_bands(store(tmp_path / "a.tif", values, nodata=65535), [3, 1])
    assert (read[:, :5] == 0).all()
    assert (read[:, 9:12] == 0).all()  # of one band is of all
    dark = read_bands(store(tmp_path / "b.tif", np.where(values == 65535, 0, values), nodata=0), [3, 1])
    assert (dark[:, :5] == 0).all()
    assert (dark[1, 9:12] == 9).all()  # but dark ground


def captures(root: Path, count: int = 3, bands: Sequence[str] = NAMES) -> None:
    """Captures of villages, of which the first stands on the others' ground."""
    rng = np.random.default_rng(4)
    grid = Grid(crs="EPSG:32615", west=5e5, north=4e6, gsd=0.6, height=128, width=128)
    plain = capture("c")
    for number in range(count):
        layers = {key: np.zeros(grid.shape, layer.dtype) for key, layer in LABELS.items()}
        for phase in ("pre", "post"):
            cover = land(rng)  # everything is built anew
            values = reflectance(cover, rng)
            layers |= {f"land_cover_{phase}": cover, f"image_{phase}": (values[:3] // 12).astype(np.uint8)}
            if bands:
                layers[f"reflectance_{phase}"] = values[[NAMES.index(name) for name in bands]]
        told = {name: (0.5 + 0.1 * NAMES.index(name), 0.05) for name in bands}
        write_capture(
            root,
            Capture(id=f"c{number}", grid=grid, layers=layers, start=plain.start, end=plain.end, bands=told),
        )


def target(root: Path, count: int = 9, scale: float = 1.0) -> None:
    """Images in the order blue, green, red, near infrared."""
    root.mkdir()
    for number, rng in enumerate(np.random.default_rng(6).spawn(count)):
        store(root / f"{number}.tif", measured(rng)[0][[2, 1, 0, 3]], scale=scale)


def test_captures_without_the_targets_bands_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    captures(tmp_path / "pictures", bands=())
    captures(tmp_path / "colours", bands=NAMES[:3])
    captures(tmp_path / "four")
    target(tmp_path / "target")
    out = tmp_path / "out"

    def refused(folder: str, *words: str) -> str:
        given = ["adapt", "--captures", str(tmp_path / folder), "--target", str(tmp_path / "target")]
        assert main([*given, "--out", str(out), *words]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert not out.exists()
        return line

    named = ("--bands", "blue,green,red,near_infrared")
    assert "has the band blue, the captures have no reflectance; simulate with" in refused("pictures", *named)
    assert "has the band near_infrared, the captures have red, green, blue" in refused("colours", *named)
    assert "names for none of them" in refused("four")
    assert "has the band cirrus, the" in refused("four", "--bands", "blue,green,red,cirrus")
    assert "method 'gaussian' knows pictures of three bands" in refused(
        "four", *named, "--method", "gaussian"
    )


def coded(root: Path) -> Bands:
    images = sorted((root / "target").iterdir())
    return code_bands(
        finished(root / "captures"), images, target_bands(images, ["blue", "green", "red", "near_infrared"])
    )


def test_bands_of_both_sides_are_brought_into_one_order(tmp_path: Path) -> None:
    captures(tmp_path / "captures")
    target(tmp_path / "target", scale=2e-4)
    bands = coded(tmp_path)
    assert bands.names == NAMES
    assert bands.stored == (3, 2, 1, 4)
    assert bands.scale == pytest.approx(2e-4)
    (first, second), path = bands.views(), tmp_path / "target" / "0.tif"
    assert second.title == "near infrared, red, green"
    stored = read_bands(path, [4, 3, 2])
    white = bands.target.white[[3, 0, 1]]
    assert (
        np.abs(second.real(path) - 255 * np.sqrt(np.minimum(1, stored / white[:, None, None]))).max() <= 0.51
    )
    assert (first.real(path)[0] == second.real(path)[1]).all()
    seen = second.simulated(finished(tmp_path / "captures")[0], "post")
    truth = read_capture(finished(tmp_path / "captures")[0]).layers["reflectance_post"]
    assert np.abs(seen[0] - 255 * np.sqrt(np.minimum(1, truth[3] / bands.source.white[3]))).max() <= 0.51


def test_a_capture_of_other_measured_bands_tells_them_and_their_scale(tmp_path: Path) -> None:
    captures(tmp_path / "captures", count=1)
    (folder,) = finished(tmp_path / "captures")
    two = np.full((2, 128, 128), 7, np.uint16)
    new = {"reflectance_pre": two, "reflectance_post": two}
    for number, scale in enumerate((None, 0.5)):
        made = derive_capture(folder, tmp_path / str(number), new, bands=("blue", "red"), scale=scale)
        read = read_capture(made)
        assert read.bands == {"blue": (0.7, 0.05), "red": (0.5, 0.05)}
        assert (read.layers["reflectance_post"] == 7).all()
        item = pystac.Item.from_file(made / "c0.json")
        asset = item.assets["reflectance_pre"]
        assert asset.extra_fields.get("raster:scale") == scale
        assert any("raster" in e for e in item.stac_extensions) == (scale is not None)
        assert "10,000" not in str(asset.title)
        with rasterio.open(made / "reflectance_pre.tif") as dataset:
            assert dataset.descriptions == ("blue", "red")
        for path in folder.iterdir():
            kept = (made / path.name).read_bytes() == path.read_bytes()
            assert kept == (path.suffix == ".tif" and not path.stem.startswith("reflectance")), path


@pytest.fixture(scope="module")
def adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with "captures", "target" and "out"."""
    root = tmp_path_factory.mktemp("bands")
    captures(root / "captures")
    target(root / "target", scale=2e-4)
    assert adapt(root, root / "out") == 0
    return root


def adapt(root: Path, out: Path) -> int:
    words = [
        "adapt",
        "--captures",
        str(root / "captures"),
        "--target",
        str(root / "target"),
        "--out",
        str(out),
    ]
    small = ["--bands", "blue,green,red,near_infrared", "--steps", "20", "--hidden", "8", "--style", "0"]
    return main([*words, *small])


def test_adapted_captures_hold_all_bands_in_the_targets_unit(adapted: Path) -> None:
    for before, after in zip(
        finished(adapted / "captures"), finished(adapted / "out" / "captures"), strict=True
    ):
        made, given = read_capture(after), read_capture(before)
        assert tuple(made.bands) == NAMES
        for phase in ("pre", "post"):
            values, cover = made.layers[f"reflectance_{phase}"], given.layers[f"land_cover_{phase}"]
            trees, meadow = (
                values[:, cover == code].mean(axis=1) for code in (LandCover.TREE, LandCover.RANGELAND)
            )
            assert trees[3] == pytest.approx(GREENER * (3300 * GAIN[3] + OFFSET[3]), rel=0.1)
            assert meadow == pytest.approx(np.array([900, 1100, 700, 2900]) * GAIN + OFFSET, rel=0.12)
            assert made.layers[f"image_{phase}"].mean() > 60
        for path in before.iterdir():
            changed = path.stem.startswith(("image", "reflectance")) or path.suffix == ".json"
            assert ((after / path.name).read_bytes() == path.read_bytes()) != changed, path
        asset = read_json(after / f"{after.name}.json")["assets"]["reflectance_pre"]
        assert asset["raster:scale"] == pytest.approx(2e-4)


def test_fidelity_is_told_of_all_bands(adapted: Path) -> None:
    found = read_json(adapted / "out" / "fidelity.json")
    further = found["composites"]["near infrared, red, green"]
    assert further.keys() == found.keys() - {"composites"}
    for one in (found, further):
        before, after = (one["measures"][name]["colour_w1"][0] for name in ("simulated", "adapted"))
        assert after < before
    assert found["measures"] != further["measures"]
    text = (adapted / "out" / "fidelity.md").read_text()
    assert text.index("## Red, green, blue") < text.index("## Near infrared, red, green")
    with Image.open(adapted / "out" / "sheet.png") as sheet:
        rows = 2 * len(finished(adapted / "captures"))  # in true and in false colour
        assert sheet.height == pytest.approx(rows * (128 + 30), abs=60)


def test_the_report_sees_red_green_and_blue_and_says_so(adapted: Path) -> None:
    assert main(["adapt", "report", "--adapted", str(adapted / "out"), "--draws", "2"]) == 0
    report = read_json(adapted / "out" / "report.json")
    assert report["note"] == "Of 4 bands red, green and blue alone, in the coding of the fit."
    assert "Of 4 bands red, green and blue" in (adapted / "out" / "report.html").read_text()
    bits = {name: found[0] for name, found in report["bits_per_dim"].items()}
    assert abs(bits["adapted"] - bits["real"]) < abs(bits["simulated"] - bits["real"])
    for name in ("report.json", "report.html"):
        (adapted / "out" / name).unlink()


def test_an_interrupted_run_goes_on_to_the_same_bytes(adapted: Path) -> None:
    """Here with the adapter and one capture there."""
    out = adapted / "out"
    wanted = {
        p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file() and p.name != "cost.json"
    }
    for name in ("c1", "c2"):
        shutil.rmtree(out / "captures" / name)
    for name in ("fidelity.json", "fidelity.md", "sheet.png", "cost.json"):
        (out / name).unlink()
    assert adapt(adapted, out) == 0
    assert {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()} == wanted

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pystac
import pytest
import rasterio

from rasters.capture import Capture, derive_capture, read_capture, write_capture
from rasters.catalogue import list_captures, write_catalogue
from rasters.classes import PALETTES, LandCover
from rasters.errors import InputError
from rasters.files import atomic_path
from rasters.grid import Grid
from rasters.layers import IMAGES, LABELS, RGB

GRID = Grid(crs="EPSG:32735", west=745_000.0, north=9_815_000.0, gsd=1.0, height=40, width=50)


def capture(name: str, **changes: np.ndarray) -> Capture:
    rng = np.random.default_rng(5)
    layers = {}
    for key, layer in {**IMAGES, **LABELS}.items():
        shape = (3, *GRID.shape) if layer.bands == RGB else GRID.shape
        layers[key] = (rng.random(shape) * 2).astype(layer.dtype)
    times = datetime(2024, 5, 1, 9, tzinfo=UTC), datetime(2024, 6, 1, 9, tzinfo=UTC)
    return Capture(
        id=name,
        grid=GRID,
        layers=layers | changes,
        start=times[0],
        end=times[1],
        properties={"disaster": "fire"},
    )


def test_round_trip(tmp_path: Path) -> None:
    first = capture("c-1")
    back = read_capture(write_capture(tmp_path, first))
    assert (back.id, back.grid, back.start, back.end) == (first.id, first.grid, first.start, first.end)
    assert back.properties == first.properties
    assert set(back.layers) == {*IMAGES, *LABELS}
    for name, array in first.layers.items():
        np.testing.assert_array_equal(back.layers[name], array)
        assert back.layers[name].dtype == array.dtype


def test_catalogue_is_valid_stac_that_gis_opens_at_the_right_place(tmp_path: Path) -> None:
    for name in ("c-2", "c-1"):
        write_capture(tmp_path, capture(name))
    catalogue = pystac.Catalog.from_file(write_catalogue(tmp_path, title="two"))
    items = list(catalogue.get_items(recursive=True))
    assert [item.id for item in items] == ["c-1", "c-2"]
    west, south, east, north = items[0].bbox or [0, 0, 0, 0]
    assert 29 < west < east < 30.3  # near Goma, on the equator's south side
    assert -2 < south < north < -1.5
    assert items[0].properties["proj:code"] == GRID.crs
    href = items[0].assets["land_cover_pre"].get_absolute_href()
    assert href
    with rasterio.open(href) as dataset:
        assert dataset.crs.to_epsg() == 32735
        assert dataset.colormap(1)[8] == (*PALETTES[LandCover][8], 255)
    assert all(not Path(link.href).is_absolute() for link in catalogue.links if link.rel == "item")


def test_equal_captures_give_equal_bytes(tmp_path: Path) -> None:
    a, b = write_capture(tmp_path / "a", capture("c")), write_capture(tmp_path / "b", capture("c"))
    for path in sorted(a.iterdir()):
        assert path.read_bytes() == (b / path.name).read_bytes(), path.name


def test_a_derived_capture_keeps_its_labels_bytes(tmp_path: Path) -> None:
    source = write_capture(tmp_path / "a", capture("c"))
    image = np.full((3, *GRID.shape), 77, np.uint8)
    folder = derive_capture(source, tmp_path / "b", {"image_pre": image})
    np.testing.assert_array_equal(read_capture(folder).layers["image_pre"], image)
    for path in source.iterdir():
        assert (path.read_bytes() == (folder / path.name).read_bytes()) == (path.stem != "image_pre")


def test_a_derived_capture_leaves_behind_what_is_none_of_it(tmp_path: Path) -> None:
    source = write_capture(tmp_path / "a", capture("c"))
    names = {path.name for path in source.iterdir()}
    (source / "image_post.tif.aux.xml").write_text("<PAMDataset/>")
    (source / "notes").mkdir()
    (source / "flood_depth.tif").unlink()
    folder = derive_capture(source, tmp_path / "b", {"image_pre": np.full((3, *GRID.shape), 7, np.uint8)})
    assert {path.name for path in folder.iterdir()} == names - {"flood_depth.tif"}


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rasters.capture.write_json", full)
    with pytest.raises(OSError, match="No space"):
        write_capture(tmp_path, capture("c"))
    assert list(tmp_path.iterdir()) == []


def test_layers_are_checked() -> None:
    with pytest.raises(ValueError, match=r"damage of c must be uint8 of shape \(40, 50\), got int64"):
        capture("c", damage=np.zeros(GRID.shape, int))
    with pytest.raises(ValueError, match="NaN"):
        capture("c", height_pre=np.full(GRID.shape, np.nan, np.float32))
    with pytest.raises(ValueError, match="unknown layer"):
        capture("c", heights=np.zeros(GRID.shape))


def test_broken_captures_are_named(tmp_path: Path) -> None:
    folder = write_capture(tmp_path, capture("c", damage=np.full(GRID.shape, 9, np.uint8)))
    with pytest.raises(InputError, match=r"damage\.tif holds unknown class values \[9\]"):
        read_capture(folder, ["damage"])
    (folder / "burnt.tif").unlink()
    with pytest.raises(InputError, match=r"burnt\.tif is missing"):
        read_capture(folder, ["burnt"])
    with pytest.raises(InputError, match="no layer depth"):
        read_capture(folder, ["depth"])
    (folder / "c.json").write_text(json.dumps({"type": "Feature"}))
    with pytest.raises(InputError, match="not the STAC item"):
        read_capture(folder)
    (folder / "c.json").write_text("{")
    with pytest.raises(InputError, match="not readable JSON"):
        read_capture(folder)


def test_an_empty_folder_is_no_catalogue(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no capture"):
        list_captures(tmp_path)


def test_atomic_path_replaces_only_on_success(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError), atomic_path(path) as partial:
        partial.write_text("half\ud800")
    assert path.read_text() == "old"
    with atomic_path(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]

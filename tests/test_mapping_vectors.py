"""Buildings as polygons: the right area, place, damage and file; hot spots and summary from them."""

import json
from pathlib import Path

import geopandas
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from mapping_scenes import CRS, damage_percent, grid_of, write_map
from scipy import ndimage

import mapping.vectors
from mapping.hotspots import WEIGHTS, find_hotspots, worst_cells
from mapping.inference import MapFiles
from mapping.registration import Shift
from mapping.scene import Scene
from mapping.summary import summarise
from mapping.vectors import (
    COLUMNS,
    lonlat_geojson,
    trace_buildings,
    vote,
    write_building_mask,
    write_geopackage,
)
from rasters.classes import Damage, LandCover
from rasters.geotiff import read_raster


def town(folder: Path) -> MapFiles:
    """Three houses on a 0.5 m grid: destroyed, undamaged, not seen after; one shed and a speck."""
    building, codes = np.full((120, 160), 5, np.uint8), np.zeros((120, 160), np.uint8)
    for rows, cols, level in (
        (slice(10, 30), slice(20, 60), 4),
        (slice(60, 90), slice(100, 130), 1),
        (slice(90, 110), slice(10, 40), 3),
        (slice(5, 9), slice(140, 147), 2),  # 7 m2: too small
        (slice(50, 52), slice(50, 52), 4),  # cleaned away
    ):
        building[rows, cols], codes[rows, cols] = 90, level
    damage = damage_percent(codes)
    damage[:, 95:, :] = 255  # three quarters of the third house
    return write_map(folder, building, damage, grid_of(120, 160))


def test_houses_have_their_place_area_and_level(tmp_path: Path) -> None:
    houses = trace_buildings(town(tmp_path))
    assert houses.crs.to_string() == CRS
    assert list(houses.columns) == [*COLUMNS, "geometry"]
    assert houses["building"].tolist() == [1, 2, 3]
    assert houses["damage"].tolist() == [Damage.DESTROYED, Damage.NO_DAMAGE, Damage.BACKGROUND]
    assert houses["damage_name"].tolist() == ["destroyed", "no damage", "not analysed"]
    assert houses["area_m2"].tolist() == [200.0, 225.0, 150.0]
    assert houses["confidence"].tolist() == [
        pytest.approx(80 / 95, abs=1e-3),
        pytest.approx(80 / 95, abs=1e-3),
        0.0,
    ]
    assert houses.geometry[0].bounds == (366_010.0, 4_103_985.0, 366_030.0, 4_103_995.0)


@given(seed=st.integers(0, 50))
@settings(max_examples=30)
def test_polygons_cover_the_mask_but_for_simplification(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    folder = tmp_path_factory.mktemp("map")
    field = ndimage.gaussian_filter(rng.standard_normal((90, 110)), 6)
    building = np.clip(50 + 600 * field, 0, 100).astype(np.uint8)
    files = write_map(folder, building, damage_percent(np.ones((90, 110), np.uint8)), grid_of(90, 110))
    write_building_mask(files.land_cover_pre, folder / "mask.tif")
    labels, count = ndimage.label(read_raster(folder / "mask.tif")[0])
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:] * 0.25
    houses = trace_buildings(files)
    holes = ndimage.label(labels == 0)[0]
    small_holes = sum(size * 0.25 for size in np.bincount(holes.ravel())[1:] if size * 0.25 < 10)
    assert houses["area_m2"].sum() == pytest.approx(
        sizes[sizes >= 10].sum(), abs=small_holes + 0.1 * len(houses) + 10
    )
    for area, outline in zip(houses["area_m2"], houses.geometry, strict=True):
        assert outline.is_valid
        assert abs(outline.area - area) <= 0.5 * outline.length  # at most one pixel along the outline


def test_the_mask_does_not_depend_on_its_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    building = rng.choice(np.array([10, 90, 255], np.uint8), (70, 90), p=[0.3, 0.68, 0.02])
    files = write_map(tmp_path, building, damage_percent(np.ones((70, 90), np.uint8)), grid_of(70, 90))
    write_building_mask(files.land_cover_pre, tmp_path / "whole.tif")
    monkeypatch.setattr(mapping.vectors, "BLOCK", 16)
    write_building_mask(files.land_cover_pre, tmp_path / "parts.tif")
    whole = read_raster(tmp_path / "whole.tif")
    assert 0.1 < whole.mean() < 0.9
    np.testing.assert_array_equal(read_raster(tmp_path / "parts.tif"), whole)


def test_vote_by_hand() -> None:
    # two pixels sure of background have little say: major has 0.1 + 0.1 + 0.6, destroyed 0.05 + 0.05 + 0.35
    probabilities = np.array(
        [[0.85, 0.85, 0.05], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.1, 0.1, 0.6], [0.05, 0.05, 0.35]]
    )
    level, share = vote(probabilities)
    assert level is Damage.MAJOR
    assert share == pytest.approx(0.8 / 1.25)
    assert vote(np.array([[1.0], [0], [0], [0], [0]])) == (Damage.BACKGROUND, 0.0)
    assert vote(np.empty((5, 0))) == (Damage.BACKGROUND, 0.0)


def test_geopackage_reopens_with_its_layers(tmp_path: Path) -> None:
    houses = trace_buildings(town(tmp_path))
    path = tmp_path / "map.gpkg"
    write_geopackage(path, {"old": houses})
    write_geopackage(path, {"buildings": houses, "hot_spots": find_hotspots(houses)})
    assert sorted(name for name, _ in pyogrio.list_layers(path)) == ["buildings", "hot_spots"]
    again = geopandas.read_file(path, layer="buildings")
    assert again.crs == houses.crs
    assert again["damage_name"].tolist() == houses["damage_name"].tolist()
    assert again.geometry.geom_equals(houses.geometry).all()
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_no_buildings_is_a_result_too(tmp_path: Path) -> None:
    files = write_map(
        tmp_path, np.zeros((40, 40)), damage_percent(np.zeros((40, 40), np.uint8)), grid_of(40, 40)
    )
    houses = trace_buildings(files)
    cells = find_hotspots(houses)
    assert len(houses) == len(cells) == 0
    write_geopackage(tmp_path / "map.gpkg", {"buildings": houses, "hot_spots": cells})
    assert len(geopandas.read_file(tmp_path / "map.gpkg", layer="hot_spots")) == 0
    assert lonlat_geojson(houses)["features"] == []
    summary = summarise(scene_of(files), files, houses, cells)
    assert summary["buildings"]["destroyed"]["count"] == 0
    assert summary["hotspots"]["worst"] == []


def test_geojson_is_lonlat_and_turns_left(tmp_path: Path) -> None:
    houses = trace_buildings(town(tmp_path))
    collection = json.loads(json.dumps(lonlat_geojson(houses)))
    again = geopandas.GeoDataFrame.from_features(collection, crs="EPSG:4326")
    assert again.total_bounds == pytest.approx([-94.507, 37.0726, -94.5061, 37.0731], abs=2e-3)
    back = again.to_crs(CRS)
    assert (shapely.hausdorff_distance(back.geometry.values, houses.geometry.values) < 0.02).all()
    assert all(shape.exterior.is_ccw for shape in again.geometry)
    assert collection["features"][0]["properties"]["damage"] == 4


def houses_at(places: list[tuple[float, float, int]], side: float = 10.0) -> geopandas.GeoDataFrame:
    levels = [level for *_, level in places]
    shapes = [shapely.box(x - side / 2, y - side / 2, x + side / 2, y + side / 2) for x, y, _ in places]
    columns = {"damage": levels, "area_m2": [side * side] * len(places)}
    return geopandas.GeoDataFrame(columns, geometry=shapes, crs=CRS)


def test_hotspots_by_hand() -> None:
    cells = find_hotspots(
        houses_at(
            [
                (366_010, 4_104_010, 4),
                (366_090, 4_104_090, 3),
                (366_150, 4_104_050, 3),
                (366_160, 4_104_050, 1),
                (366_050, 4_103_950, 0),
                (366_050, 4_103_980, 1),
            ]
        )
    )
    assert cells["rank"].tolist() == [1, 2, 3]
    assert cells["buildings"].tolist() == [2, 2, 2]
    assert cells["analysed"].tolist() == [2, 2, 1]
    assert cells["loss_m2"].tolist() == [150.0, 50.0, 0.0]
    assert cells["damage_index"].tolist() == [0.75, 0.25, 0.0]
    assert cells["severe_share"].tolist() == [1.0, 0.5, 0.0]
    assert cells["destroyed"].tolist() == [1, 0, 0]
    assert cells.geometry[0].bounds == (366_000.0, 4_104_000.0, 366_100.0, 4_104_100.0)
    worst = worst_cells(cells)
    assert [cell["rank"] for cell in worst] == [1, 2]
    assert worst[0]["longitude"] == pytest.approx(-94.5063, abs=2e-3)


def test_a_footprint_counts_in_each_cell_it_covers() -> None:
    cells = find_hotspots(houses_at([(366_099, 4_104_050, 4)], side=20.0))  # 11 of 20 m in the western cell
    assert cells["loss_m2"].tolist() == [220.0, 180.0]
    assert cells["buildings"].tolist() == [1, 0]
    assert cells["severe_share"].tolist() == [1.0, 1.0]


@given(
    seed=st.integers(0, 100),
    cell=st.sampled_from([25.0, 100.0, 333.0]),
    order=st.permutations(list(range(12))),
)  # fmt: skip
def test_hotspots_count_each_building_once_in_any_order(seed: int, cell: float, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    places = [(366_000 + 400 * x, 4_104_000 + 400 * y, int(level))
              for (x, y), level in zip(rng.random((12, 2)), rng.integers(0, 5, 12), strict=True)]  # fmt: skip
    cells = find_hotspots(houses_at(places), cell=cell)
    assert cells["buildings"].sum() == 12
    assert cells["loss_m2"].sum() == pytest.approx(
        sum(100 * WEIGHTS.get(level, 0) for *_, level in places), abs=0.6
    )
    assert cells["loss_m2"].is_monotonic_decreasing
    assert find_hotspots(houses_at([places[i] for i in order]), cell=cell).equals(cells)


def test_a_cell_needs_a_side() -> None:
    with pytest.raises(ValueError, match="positive length"):
        find_hotspots(houses_at([(366_010, 4_104_010, 4)]), cell=0.0)


def scene_of(files: MapFiles) -> Scene:
    shift = Shift(east=0.4, north=0.0, error=0.05, peak=30.0, tiles=12)
    height, width = read_raster(files.building).shape[1:]
    grid = grid_of(height, width)
    return Scene(
        pre=(Path("there/a.tif"), Path("there/b.tif")), post=(Path("c.tif"),), grid=grid, shift=shift
    )


def test_summary_by_hand(tmp_path: Path) -> None:
    cover = np.full((2, 600, 40), LandCover.RANGELAND, np.uint8)
    cover[:, :100] = LandCover.WATER  # before and after: no flood
    cover[1, 100:150] = LandCover.WATER
    cover[1, 200:210] = LandCover.DEBRIS
    cover[1, 300:320] = LandCover.BARELAND
    cover[0, 500:] = LandCover.UNLABELLED  # unknown before: water after is no flood
    cover[1, 500:] = LandCover.WATER
    damage = damage_percent(np.zeros((600, 40), np.uint8))
    damage[:, 500:] = 255
    building = np.zeros((600, 40), np.uint8)
    building[400:420, 10:30] = 100
    damage[:, 400:420, 10:30] = damage_percent(np.full((20, 20), 3, np.uint8))
    files = write_map(tmp_path, building, damage, grid_of(600, 40), cover)
    houses = trace_buildings(files)
    summary = json.loads(json.dumps(summarise(scene_of(files), files, houses, find_hotspots(houses))))
    row = 40 * 0.25
    assert summary["mapped_area_m2"] == 500 * row
    assert summary["flooded_area_m2"] == 50 * row
    assert summary["debris_area_m2"] == 10 * row
    assert summary["vegetation_lost_area_m2"] == 30 * row
    assert summary["land_cover_area_m2"]["water"] == {"pre": 100 * row, "post": 250 * row}
    assert summary["buildings"]["major damage"] == {"count": 1, "area_m2": 100.0}
    assert summary["inputs"] == {"pre": ["a.tif", "b.tif"], "post": ["c.tif"]}
    assert summary["shift"]["corrected"] is True
    assert summary["hotspots"]["worst"][0]["loss_m2"] == 50.0
    assert summary["hotspots"]["cell_m"] == 100.0

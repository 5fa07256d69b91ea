"""The page holds all it needs, in the right place; the quicklook shows what the map says."""

import base64
import html
import io
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mapping_scenes import damage_percent, grid_of, noise_image, write_map, write_scene
from PIL import Image, ImageFont

import mapping.page
from mapping.hotspots import find_hotspots
from mapping.page import Caption, write_page
from mapping.picture import mapped_part, read_shown, shown_grid
from mapping.quicklook import over_grey, wrap, write_quicklook
from mapping.scene import Scene
from mapping.summary import summarise
from mapping.vectors import trace_buildings
from rasters.classes import PALETTES, Damage, LandCover
from rasters.grid import Window

CAPTION = Caption(
    title="Flood <b>of</b> </script><script>alert(1)</script>",
    place="Here & there",
    before="Monday",
    note="Simulated",
)


def made_page(
    folder: Path, shape: tuple[int, int] = (150, 210), **options: int
) -> tuple[Path, Scene, dict[str, Any]]:
    """A page of a green ground before and a brown one after, with one destroyed house."""
    before, after = np.empty((3, *shape), np.uint8), np.empty((3, *shape), np.uint8)
    before[:], after[:] = np.reshape([40, 160, 60], (3, 1, 1)), np.reshape([150, 90, 40], (3, 1, 1))
    after[:, :, :20] = 0
    scene = write_scene(folder, before, after)
    codes, building = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
    codes[60:100, 80:120], building[60:100, 80:120] = Damage.DESTROYED, 100
    damage = damage_percent(codes)
    damage[:, :, :20] = 255
    cover = np.full((2, *shape), LandCover.RANGELAND, np.uint8)
    cover[1, :, 150:], cover[1, :, :20] = LandCover.WATER, 0
    files = write_map(folder, building, damage, scene.grid, cover)
    houses = trace_buildings(files)
    cells = find_hotspots(houses)
    path = folder / "map.html"
    summary = summarise(scene, files, houses, cells)
    write_page(path, scene, files, houses, cells, summary, CAPTION, **options)
    write_quicklook(folder / "quicklook.png", scene, files, CAPTION)
    text = path.read_text(encoding="utf-8")
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    return path, scene, json.loads(data[1])


def picture(tile: dict[str, Any]) -> Image.Image:
    match = re.fullmatch(r"data:image/(jpeg|png);base64,(.*)", tile["url"])
    assert match is not None
    image = Image.open(io.BytesIO(base64.b64decode(match[2], validate=True)))
    assert image.format == match[1].upper()
    return image


def test_images_are_whole_and_lie_on_the_grid(tmp_path: Path) -> None:
    _, scene, data = made_page(tmp_path)
    corners = [pytest.approx(corner, abs=1e-9) for corner in scene.grid.corners_lonlat()]
    for side, colour in (("before", (40, 160, 60)), ("after", (150, 90, 40))):
        (tile,) = data["images"][side]
        assert tile["corners"] == corners
        image = picture(tile)
        assert image.size == (210, 150)
        np.testing.assert_allclose(np.asarray(image)[30, 150], colour, atol=3)
        (tile,) = data["cover_images"][side]
        assert tile["corners"] == corners
    cover = np.asarray(picture(data["cover_images"]["after"][0]).convert("RGBA"))
    assert (cover[5, 5, 3], cover[5, 50, 3]) == (0, 255)
    assert tuple(cover[5, 200, :3]) == (0, 69, 255)
    np.testing.assert_allclose(
        np.asarray(picture(data["images"]["after"][0]))[4, 4], mapping.page.GROUND, atol=3
    )


def test_large_scenes_are_tiled_and_averaged_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping.page, "TILE", 40)
    _, scene, data = made_page(tmp_path, (150, 210), longest=105)
    tiles = data["images"]["before"]
    assert [picture(tile).size for tile in tiles] == [
        (40, 40),
        (40, 40),
        (25, 40),
        (40, 35),
        (40, 35),
        (25, 35),
    ]
    assert data["shown_gsd"] == 1.0
    for first, second in ((0, 1), (1, 2), (3, 4)):
        assert tiles[first]["corners"][1] == pytest.approx(tiles[second]["corners"][0], abs=1e-9)
    ends = (tiles[0]["corners"][0], tiles[2]["corners"][1], tiles[5]["corners"][2], tiles[3]["corners"][3])
    assert [list(corner) for corner in ends] == [
        pytest.approx(corner, abs=1e-9) for corner in scene.grid.corners_lonlat()
    ]
    assert [tile["corners"] for tile in data["cover_images"]["after"]] == [tile["corners"] for tile in tiles]


def test_nothing_is_loaded_from_anywhere(tmp_path: Path) -> None:
    path, *_ = made_page(tmp_path)
    text = path.read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert not re.search(r"https?:|\*", policy[1])
    assert not re.search(r"<(?:script|img|iframe|video|audio|source|embed)\b[^>]*\bsrc\s*=", text)
    assert not re.search(r"<link\b", text)
    assert not re.search(r"@import|url\(\s*['\"]?(?:https?:)?//", text)
    assert "sourceMappingURL" not in text
    assert "@@" not in re.sub(r'<script type="application/json".*?</script>', "", text, flags=re.DOTALL)


def test_words_cannot_break_out(tmp_path: Path) -> None:
    path, _, data = made_page(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert f"<title>{html.escape(CAPTION.title)}</title>" in text
    assert "<script>alert(1)" not in text
    assert (data["title"], data["place"], data["note"]) == (CAPTION.title, CAPTION.place, CAPTION.note)


def test_page_carries_figures_polygons_and_licences(tmp_path: Path) -> None:
    path, _, data = made_page(tmp_path)
    assert data["summary"]["buildings"]["destroyed"] == {"count": 1, "area_m2": 400.0}
    assert data["buildings"]["features"][0]["properties"]["damage_name"] == "destroyed"
    assert data["cells"]["features"][0]["properties"]["loss_m2"] == 400.0
    assert {level["name"] for level in data["levels"]} == set(data["summary"]["buildings"])
    text = path.read_text(encoding="utf-8")
    assert "Copyright (c) 2023, MapLibre contributors" in text
    assert "Copyright (c) 2021 MapLibre contributors" in text


def test_what_a_picture_shows(tmp_path: Path) -> None:
    grid = grid_of(100, 250)
    shown = shown_grid(grid, 60)
    assert (shown.shape, shown.gsd, shown.west, shown.north) == ((20, 50), 2.5, grid.west, grid.north)
    assert shown_grid(grid, 250) == grid
    codes = np.add.outer(np.arange(100) // 5, 2 * (np.arange(250) // 5)).astype(np.uint8)
    damage = damage_percent(np.ones((100, 250), np.uint8))
    damage[:, :40], damage[:, :, 200:] = 255, 255
    cover = np.stack([codes, codes])
    files = write_map(tmp_path, np.zeros((100, 250)), damage, grid, cover)
    part = shown.crop(Window(row=4, col=10, height=6, width=7))
    expected = np.add.outer(np.arange(4, 10), 2 * np.arange(10, 17))
    np.testing.assert_array_equal(read_shown(files.land_cover_pre, part), expected)
    assert mapped_part(files.damage) == grid.crop(Window(row=40, col=0, height=60, width=200))


def test_quicklook_shows_three_panels_of_the_mapped_part(tmp_path: Path) -> None:
    made_page(tmp_path)
    sheet = np.asarray(Image.open(tmp_path / "quicklook.png"))
    assert sheet.shape == (150 + 4 * 26 + 3 * 8, 3 * 190 + 4 * 8, 3)
    before, after, damage = (sheet[126, 8 + number * 198 + 20] for number in range(3))
    assert tuple(before) == (40, 160, 60)
    assert tuple(after) == (150, 90, 40)
    assert np.ptp(damage) == 0  # undamaged ground is grey
    codes = np.array([[0, 4, 255]])
    mixed = [round(0.35 * 100 + 0.65 * tone) for tone in PALETTES[Damage][4]]
    coloured = over_grey(np.full((1, 3, 3), 100, np.uint8), codes.astype(np.uint8))
    assert coloured.tolist() == [[[100, 100, 100], mixed, [100, 100, 100]]]


@given(text=st.text(st.sampled_from("ab wMi- .\n"), max_size=80), width=st.integers(20, 300))
def test_wrapped_text_is_whole_and_fits(text: str, width: int) -> None:
    font = ImageFont.load_default(16)
    lines = wrap(text, font, width)
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert all(font.getlength(line) <= width for line in lines)
    assert wrap(text, font, 1e6) == [" ".join(text.split())] * bool(text.split())


def test_a_long_note_stands_on_lines_of_its_own_in_a_quicklook(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scene = write_scene(tmp_path, noise_image(rng, 20, 30), noise_image(rng, 20, 30))
    nothing = np.zeros((20, 30), np.uint8)
    files = write_map(tmp_path, nothing, damage_percent(nothing), scene.grid)
    note = "The imagery is simulated, and the damage with it. " * 5
    write_quicklook(tmp_path / "q.png", scene, files, Caption(title="A title " * 3, note=note))
    sheet = np.asarray(Image.open(tmp_path / "q.png")).astype(int)
    lines = len(wrap(note, ImageFont.load_default(16), sheet.shape[1] - 16))
    assert lines > 2
    assert sheet.shape[0] == 20 + (1 + lines + 2) * 26 + 3 * 8
    assert (sheet[:, -6:] == 255).all()
    orange = (sheet == (150, 90, 0)).all(axis=2).any(axis=1)
    assert not orange[:26].any()
    assert [orange[26 * n : 26 * (n + 1)].any() for n in range(1, lines + 1)] == [True] * lines


ARGUMENTS = [
    "--headless", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1000,700",
]  # fmt: skip


@contextmanager
def browser(driver: str) -> Generator[Any]:
    """A headless Chromium, as a function that sends WebDriver (W3C) commands to it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen(
        [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:

        def send(verb: str, path: str, **body: Any) -> Any:
            request = urllib.request.Request(
                f"http://127.0.0.1:{port}{path}",
                json.dumps(body).encode() if verb == "POST" else None,
                method=verb,
            )
            with urllib.request.urlopen(request, timeout=60) as answer:
                return json.load(answer)["value"]

        try:
            for _ in range(100):
                try:
                    send("GET", "/status")
                    break
                except OSError:
                    time.sleep(0.1)
            capabilities = {"alwaysMatch": {"goog:chromeOptions": {"args": ARGUMENTS}}}
            session = "/session/" + send("POST", "/session", capabilities=capabilities)["sessionId"]
            yield lambda verb, path, **body: send(verb, session + path, **body)
            send("DELETE", session)
        finally:
            process.terminate()


@pytest.mark.slow
def test_the_swipe_in_a_browser(tmp_path: Path) -> None:
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("chromedriver is not installed; it and chromium show the page")
    path, *_ = made_page(tmp_path)
    with browser(driver) as send:

        def middle() -> np.ndarray:
            time.sleep(2)
            shot = Image.open(io.BytesIO(base64.b64decode(send("GET", "/screenshot")))).convert("RGB")
            pixels = np.asarray(shot)
            return np.median(pixels[-140:-120, 650:700].reshape(-1, 3), axis=0)  # ground within the map

        def run(script: str) -> Any:
            return send("POST", "/execute/sync", script=script, args=[])

        send("POST", "/url", url=path.as_uri())
        time.sleep(2)
        assert run("return document.getElementById('failure').hidden")
        run("document.querySelector('[data-swipe=\"1\"]').click()")
        np.testing.assert_allclose(middle(), (40, 160, 60), atol=6)
        run("document.querySelector('[data-swipe=\"0\"]').click()")
        np.testing.assert_allclose(middle(), (150, 90, 40), atol=6)
        names = run("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        assert [name for name in names if not re.match("data:|blob:", name)] == []
        assert run("return document.getElementById('note').textContent") == "Simulated"

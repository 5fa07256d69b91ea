"""Colours of roofs, their contrast to the ground, and how busy both are, in real and in simulated tiles.

    python -m benchmarks.roof_colours --real FOLDER

Writes JSON and the two tables of docs/cities.md. Real labels are read in place, only those that models may be
trained on (`gold`); without them their rows are left out.
"""

import argparse
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from benchmarks.pages import put_between
from rasters.classes import LandCover
from rasters.files import write_json
from rasters.provenance import provenance
from rasters.sensing.atmosphere import Sight
from rasters.sensing.imaging import expose, sample_acquisition, sample_air
from rasters.sensing.product import LUMA
from rasters.sensing.profile import load_profile
from simulator.city.city import generate_city
from simulator.city.style import load_style
from simulator.engines.embedded import EmbeddedEngine
from simulator.engines.engine import Camera
from simulator.flight import MARGIN
from simulator.looks import light_under
from simulator.scene.build import build_scene

HERE = Path(__file__).parent
RESULT, PAGE = HERE / "results" / "roof_colours.json", HERE.parent / "docs" / "cities.md"
COLOURS = ("<!-- colours -->", "<!-- end of colours -->")
CONTRAST = ("<!-- local contrast -->", "<!-- end of local contrast -->")
PROFILE, PIXELS = "satellite_1m", 384
STYLES = ("latin_american_metropolis", "north_american_suburb")
LEAST, RING = 40, 5  # smallest roof [pixels], and how far its surroundings reach [pixels]
WINDOWS, SHARES = (3, 7), (10, 25, 50, 75, 90, 97)
"""Sides of the windows of the local contrast [pixels], and its percentiles."""
KINDS = ("red", "blue", "green", "white", "light", "mid", "dark")

Tile = tuple[np.ndarray, np.ndarray, np.ndarray]
"""An image (H, W, 3) uint8, where roofs are, and where there is a picture, (H, W) bool."""


def kinds(rgb: np.ndarray) -> np.ndarray:
    """(N,) index into `KINDS` of colours (N, 3) in [0, 255]; the limits are this file's own."""
    red, green, blue = rgb.astype(float).T
    total, light = np.maximum(red + green + blue, 1) / 3, rgb @ LUMA
    tests = [
        ((red - blue) / total > 0.30) & (red > 1.15 * green),
        blue > 1.06 * red,
        (green - (red + blue) / 2) / total > 0.08,
        light > 190,
        light > 130,
        light > 80,
    ]
    return np.select(tests, range(6), 6)


def roof_figures(tiles: Sequence[Tile]) -> dict[str, list[float]]:
    """Median colour and kinds of roof pixels, and by how much roofs are brighter than the ground around."""
    pixels = np.concatenate([image[roof] for image, roof, _ in tiles])
    rise = np.concatenate([_contrast(image, roof) for image, roof, _ in tiles])
    return {
        "roofs": [len(rise)],
        "colour": np.median(pixels, axis=0).tolist(),
        "contrast": np.percentile(rise, (10, 50, 90)).tolist(),
        "kinds": (np.bincount(kinds(pixels), minlength=len(KINDS)) / len(pixels)).tolist(),
    }


def _contrast(image: np.ndarray, roof: np.ndarray) -> np.ndarray:
    """(N,) median brightness of each roof less that of the ground around it [of 255]."""
    light, mask = image @ LUMA, roof.astype(np.uint8)
    count, label = cv2.connectedComponents(mask, connectivity=4)
    free, reach = cv2.dilate(mask, np.ones((3, 3))) == 0, 2 * RING + 1
    found = []
    for k in range(1, count):
        rows, columns = np.nonzero(label == k)
        box = tuple(slice(max(i.min() - RING, 0), i.max() + RING + 1) for i in (rows, columns))
        mine = (label[box] == k).astype(np.uint8)
        ring = (cv2.dilate(mine, np.ones((reach, reach))) > 0) & free[box]
        core = cv2.erode(mine, np.ones((3, 3))) > 0
        if len(rows) >= LEAST and core.sum() >= 10 and ring.sum() >= 20:
            found.append(np.median(light[box][core]) - np.median(light[box][ring]))
    return np.array(found)


def local_contrast(tiles: Sequence[Tile], *, roofs: bool) -> dict[str, list[float]]:
    """Percentiles `SHARES` of the standard deviation of grey [of 255] in windows on roofs, or off them.

    Returns:
        For each of `WINDOWS`, by name.
    """
    found: dict[str, list[float]] = {}
    for side in WINDOWS:
        values = []
        for image, roof, seen in tiles:
            grey = image.astype(np.float32).mean(axis=2)
            mean = cv2.blur(grey, (side, side))
            spread = np.sqrt(np.maximum(cv2.blur(grey * grey, (side, side)) - mean * mean, 0))
            where = (seen & (roof == roofs)).astype(np.uint8)
            values.append(spread[cv2.erode(where, np.ones((side, side))) > 0])
        found[str(side)] = np.percentile(np.concatenate(values), SHARES).tolist()
    return found


def busyness(tiles: Sequence[Tile]) -> dict[str, dict[str, list[float]]]:
    """`local_contrast` of roofs and of the rest."""
    return {what: local_contrast(tiles, roofs=what == "roofs") for what in ("roofs", "rest")}


def real_tiles(root: Path, event: str) -> Iterator[Tile]:
    """The labelled tiles of an event, before it."""
    for path in sorted(root.glob(f"satellite_1m/gold/images/{event}*_pre_disaster.png")):
        target = path.parent.parent / "targets" / f"{path.stem}_target.png"
        with Image.open(path) as image, Image.open(target) as label:
            rgb, value = np.asarray(image.convert("RGB")), np.asarray(label.convert("L"))
        seen = rgb.sum(axis=2) > 0
        yield rgb, (value > 0) & seen, seen


def simulated_tiles(style: str, count: int) -> Iterator[Tile]:
    """Captures of as many cities, each in a light and by an acquisition of its own."""
    profile, engine = load_profile(PROFILE), EmbeddedEngine()
    size = PIXELS * profile.gsd + 2 * MARGIN
    camera = Camera(
        west=MARGIN, north=size - MARGIN, gsd=profile.gsd, height=PIXELS, width=PIXELS
    )  # fmt: skip
    for seed in range(count):
        city_rng, rng = np.random.default_rng([seed, *style.encode()]).spawn(2)
        scene = build_scene(generate_city(load_style(style), size, city_rng))
        air = sample_air(profile, rng)
        azimuth, elevation = math.radians(rng.uniform(100, 240)), math.radians(rng.uniform(35, 70))
        sight = Sight(sun_elevation=elevation, off_nadir=0.0, azimuth=azimuth, altitude=profile.height)
        frame = engine.render(scene, camera, light_under(air, azimuth, elevation), samples=8, seed=seed)
        exposure = expose(frame.reflectance, sample_acquisition(profile, air, rng), sight, rng)
        roof = frame.land_cover == LandCover.BUILDING
        yield exposure.display.transpose(1, 2, 0), roof, np.ones(roof.shape, bool)
        print(style, seed, flush=True)


def page(figures: dict[str, dict[str, list[float]]]) -> str:
    """The table of colours in Markdown."""
    head = ["", "roofs", "median R G B", "brighter than around, 10/50/90 %", *(f"{k} [%]" for k in KINDS)]
    lines = ["|".join(["", *head, ""]), "|---" * len(head) + "|"]
    for name, row in figures.items():
        shares = [f"{100 * share:.0f}" for share in row["kinds"]]
        numbers = [" ".join(f"{v:.0f}" for v in row[key]) for key in ("roofs", "colour", "contrast")]
        lines.append("|".join(["", name, *numbers, *shares, ""]))
    return "\n".join(lines)


def contrast_page(figures: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """The table of local contrast in Markdown."""
    head = ["", *(f"{what}, {side} pixels" for what in ("roofs", "the rest") for side in WINDOWS)]
    lines = ["|".join(["", *head, ""]), "|---" * len(head) + "|"]
    for name, row in figures.items():
        cells = [" ".join(f"{v:.1f}" for v in row[what][str(side)]) for what in row for side in WINDOWS]
        lines.append("|".join(["", name, *cells, ""]))
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> None:
    """Writes the JSON and the page's table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cities", type=int, default=10, help="captures a style")
    parser.add_argument(
        "--real", type=Path, required=True, help="folder of real imagery, with satellite_1m/gold"
    )
    given = parser.parse_args(words)
    figures, contrast = {}, {}
    for name, event in (("Mexico City, labels", "mexico"), ("Louisiana, labels", "ida")):
        tiles = list(real_tiles(given.real, event))
        if tiles:
            figures[name], contrast[name] = roof_figures(tiles), busyness(tiles)
    for style in STYLES:
        tiles = list(simulated_tiles(style, given.cities))
        figures[style], contrast[style] = roof_figures(tiles), busyness(tiles)
    made = provenance("roof_colours", {"cities": given.cities, "profile": PROFILE, "pixels": PIXELS})
    found = {"kinds": list(KINDS), "figures": figures, "percentiles": SHARES, "local_contrast": contrast}
    write_json(RESULT, {**made, **found})
    put_between(PAGE, COLOURS, page(figures))
    put_between(PAGE, CONTRAST, contrast_page(contrast))
    print(RESULT, PAGE, sep="\n")


if __name__ == "__main__":
    main()

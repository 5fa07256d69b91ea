"""Figures of simulated cities beside published ones and real labels: JSON and the tables of docs/cities.md.

    python -m benchmarks.city_statistics

Real labels are read in place from a folder outside the project; without it their rows say "absent".
"""

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pyogrio
import rasterio
import shapely
from PIL import Image

from benchmarks.pages import put_between
from rasters.files import write_json
from rasters.provenance import provenance
from simulator.city.city import generate_city
from simulator.city.model import City
from simulator.city.statistics import (
    Statistics,
    building_mask,
    city_statistics,
    footprint_statistics,
    mask_statistics,
    road_mask,
    road_statistics,
)
from simulator.city.style import STYLES, load_style

HERE = Path(__file__).parent
RESULT, PAGE = HERE / "results" / "city_statistics.json", HERE.parent / "docs" / "cities.md"
BEGIN, END = "<!-- statistics -->", "<!-- end of statistics -->"
SUBURB, METROPOLIS = "north_american_suburb", "latin_american_metropolis"
SIZE = 512.0  # side of a simulated city [m], about a tile of the real sets
ROAD_GSD = 0.5  # of roads_050cm; its source says 0.3 to 0.5 m
JOPLIN_LEAST = 30.0  # smaller polygons are fragments of the model that drew them [m2], an assumption

SHOWN = {
    "built_up": ("built-up", "%"),
    "buildings": ("buildings a km2", ""),
    "footprint": ("footprint, median", "m2"),
    "elongation": ("elongation", ""),
    "spacing": ("spacing", "m"),
    "street_width": ("street width", "m"),
    "streets": ("streets", "km/km2"),
    "intersections": ("crossings a km2", ""),
    "degree": ("ends a node", ""),
    "tree_cover": ("tree cover", "%"),
    "vehicles": ("vehicles", "%"),
}
SHARES = ("built_up", "tree_cover", "vehicles")
BLOBS = ("built_up", "buildings", "footprint", "elongation", "spacing")

Figures = dict[str, tuple[float, float, float]]
"""Name to median, least and greatest."""


def summary(rows: Sequence[Statistics]) -> Figures:
    """Median, least and greatest over cities or tiles; a name without figures is left out."""
    found: Figures = {}
    for name in SHOWN:
        values = [row[name][1] if name == "footprint" else row[name] for row in map(asdict, rows)]
        known = [value for value in values if not math.isnan(value)]
        if known:
            found[name] = (statistics.median(known), min(known), max(known))
    return found


def simulated(seeds: int) -> dict[str, Figures]:
    """Every style, and what labels of two of them would show."""
    figures = {}
    for style in sorted(path.stem for path in STYLES.glob("*.yaml")):
        cities = [generate_city(load_style(style), SIZE, np.random.default_rng(s)) for s in range(seeds)]
        figures[style] = summary([city_statistics(city) for city in cities])
        print(f"{style:28}", "  ".join(f"{k} {v[0]:.3g}" for k, v in figures[style].items()), flush=True)
        if style in (SUBURB, METROPOLIS):
            figures[f"{style}, labels at 1 m"] = summary([_as_labels(city) for city in cities])
            figures[f"{style}, roads at 0.5 m"] = summary([_as_roads(city) for city in cities])
    return figures


def _as_labels(city: City) -> Statistics:
    return mask_statistics(building_mask(city, 1.0), 1.0)


def _as_roads(city: City) -> Statistics:
    return road_statistics(road_mask(city), city.ground.cell)


def real(root: Path) -> dict[str, Figures]:
    """The labels under `root`, or nothing."""
    if not root.is_dir():
        print(f"{root} is absent: real labels are left out")
        return {}
    tiles = {
        name: sorted(root.glob(f"satellite_1m/gold/targets/{pattern}*_pre_disaster_target.png"))
        for name, pattern in (
            ("Mexico City, labels at 1 m", "mexico"),
            ("Louisiana (Ida), labels at 1 m", "ida"),
        )
    }
    figures = {
        name: summary([mask_statistics(_read(path), 1.0) for path in paths]) for name, paths in tiles.items()
    }
    roads = sorted(root.glob("roads_050cm/*/labels/*.png"))
    figures["a US city, roads at 0.5 m"] = summary([road_statistics(_read(path), ROAD_GSD) for path in roads])
    figures["Joplin, outlines drawn by a model"] = summary([_joplin(root / "joplin_geotiff")])
    figures["drone sites, labels at 0.1 m"] = summary(_drone(root / "aerial_10cm"))
    return {name: found for name, found in figures.items() if found}


def _read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        picture = np.asarray(image)
    return picture if picture.ndim == 2 else picture[..., 0]


def _joplin(folder: Path) -> Statistics:
    _, _, binary, _ = pyogrio.raw.read(folder / "silver_shapes" / "damage.shp", columns=[])
    shapes = [shapely.make_valid(shape) for shape in shapely.get_parts(shapely.from_wkb(binary))]
    area = 0.0
    for path in sorted(folder.glob("silver_loc/*.tif")):
        with rasterio.open(path) as raster:
            west, south, east, north = raster.bounds
            area += (east - west) * (north - south)
    return footprint_statistics([shape for shape in shapes if shape.area >= JOPLIN_LEAST], area)


def _drone(folder: Path) -> list[Statistics]:
    """All chips as one: a chip of 30 m shows a part of a house. 0 is building, 80 vegetation, 200 car."""
    paths = sorted(folder.glob("gold/labels/*.png"))
    if not paths:
        return []
    values = np.concatenate([_read(path).ravel() for path in paths])
    return [Statistics(built_up=float((values == 0).mean()), vehicles=float((values == 200).mean()))]


def _cell(name: str, figure: tuple[float, float, float] | None) -> str:
    if figure is None:
        return "-"
    middle, low, high = (100 * value if name in SHARES else value for value in figure)
    digits = 0 if middle >= 20 else 1 if middle >= 1 else 2
    text = f"{middle:.{digits}f}"
    return text if low == high else f"{text} ({low:.{digits}f}-{high:.{digits}f})"


def _table(rows: Mapping[str, Figures], names: Sequence[str]) -> list[str]:
    heads = [f"{SHOWN[name][0]} [{SHOWN[name][1]}]" if SHOWN[name][1] else SHOWN[name][0] for name in names]
    lines = ["| |" + "|".join(heads) + "|", "|---" * (len(names) + 1) + "|"]
    return lines + [
        f"| {row} |" + "|".join(_cell(name, found.get(name)) for name in names) + "|"
        for row, found in rows.items()
    ]


def page(figures: Mapping[str, Figures], labels: Mapping[str, Figures], seeds: int) -> str:
    """The tables in Markdown."""
    styles = {name: found for name, found in figures.items() if "," not in name}
    lines = [f"Median (least-greatest) over {seeds} cities of {SIZE:g} m.", "", *_table(styles, list(SHOWN))]
    lines += [
        "",
        "Beside published figures:",
        "",
        "| style | figure | published | simulated |",
        "|---|---|---|---|",
    ]
    for style, name, text in PUBLISHED:
        head, unit = SHOWN[name]
        cell = _cell(name, figures.get(style, {}).get(name))
        lines.append(f"| {style} | {head}{f' [{unit}]' if unit else ''} | {text} | {cell} |")
    lines += ["", "Beside real labels, median (least-greatest) over tiles:", ""]
    if not labels:
        return "\n".join([*lines, "Real labels were absent when this was made."])
    buildings = {k: v for k, v in {**labels, **figures}.items() if "labels at 1 m" in k or "outlines" in k}
    roads = {k: v for k, v in {**labels, **figures}.items() if "roads" in k}
    drone = {
        k: v for k, v in {**labels, SUBURB: figures.get(SUBURB, {})}.items() if "drone" in k or k == SUBURB
    }
    lines += [*_table(buildings, BLOBS), "", *_table(roads, ("street_width", "streets"))]
    return "\n".join([*lines, "", *_table(drone, ("built_up", "vehicles"))])


PUBLISHED = (
    (SUBURB, "footprint", "142-228, medians of the 50 states [1]"),
    (SUBURB, "built_up", "4.8-27, 20 US cities [2]"),
    (SUBURB, "tree_cover", "39, US urban land [3]; 9.6-54, 20 cities [2]"),
    (SUBURB, "degree", "2.6 Raleigh, 2.9 Los Angeles and New York [6]"),
    (METROPOLIS, "tree_cover", "10.6, Mexico City [4]"),
    (METROPOLIS, "degree", "2.7 San Salvador, 2.9 Guatemala City, 3.0 Sao Paulo [6]"),
    ("west_european_town", "tree_cover", "30, cities of 38 countries; 20, Paris [5]"),
    ("mediterranean_hill_town", "tree_cover", "10 Athens, 24 Rome, 39 Madrid [5]"),
    ("south_asian_town", "degree", "2.7 Pune, 2.8 Dhaka and Kolkata [6]"),
)
"""Style, figure and what is published about it; the numbers in brackets are sources in docs/cities.md."""


def main(words: Sequence[str] | None = None) -> None:
    """Writes the JSON and the page's tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=6, help="cities a style")
    parser.add_argument(
        "--real", type=Path, required=True, help="folder of real imagery, with satellite_1m/gold"
    )
    given = parser.parse_args(words)
    labels, figures = real(given.real), simulated(given.seeds)
    made = provenance("city_statistics", {"seeds": given.seeds, "size": SIZE})
    write_json(RESULT, {**made, "simulated": figures, "real": labels})
    put_between(PAGE, (BEGIN, END), page(figures, labels, given.seeds))
    print(RESULT, PAGE, sep="\n")


if __name__ == "__main__":
    main()

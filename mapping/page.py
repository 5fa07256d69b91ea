"""One HTML file that shows a map: before and after under a swipe, damage, land cover, hot spots, figures.

It holds everything it needs, asks no server for anything (its own content policy forbids it), and so opens
from a file on a laptop or a phone without a network.
"""

import base64
import html
import io
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
from PIL import Image

from mapping.inference import MapFiles
from mapping.picture import mapped_part, read_shown, shown_grid
from mapping.scene import Scene, open_scene
from mapping.vectors import DAMAGE_NAMES, lonlat_geojson
from rasters.classes import PALETTES, Damage, LandCover
from rasters.files import write_text
from rasters.grid import Grid, Window
from rasters.mosaic import Mosaic

TILE = 2048  # pixels a side of an embedded image; every WebGL 2 device takes 2048
LONGEST = 4096  # pixels of a scene's longer side in the page: 16 megapixels each, about 5 MB
QUALITY = 85  # of the JPEG
GROUND = (228, 232, 236)  # unknown pixels, the colour of the page's map background
GREY = (150, 150, 150)  # buildings that were not analysed


@dataclass(frozen=True, slots=True, kw_only=True)
class Caption:
    """The words of a page.

    Attributes:
        title: Its heading.
        place: Where it is.
        before: When or what the left image is, such as a date.
        after: The same of the right image.
        note: What a reader must know first, such as "Stand-in target: simulated, not a real event".
    """

    title: str
    place: str = ""
    before: str = ""
    after: str = ""
    note: str = ""


def write_page(
    path: Path,
    scene: Scene,
    files: MapFiles,
    buildings: geopandas.GeoDataFrame,
    cells: geopandas.GeoDataFrame,
    summary: Mapping[str, Any],
    caption: Caption,
    *,
    longest: int = LONGEST,
) -> None:
    """Writes the page of a map.

    Args:
        path: Where it goes, an .html file.
        scene: The mosaics.
        files: The map rasters.
        buildings: As from `vectors.trace_buildings`.
        cells: As from `hotspots.find_hotspots`.
        summary: As from `summary.summarise`.
        caption: The words.
        longest: Most pixels of the scene's longer side that are shown; larger scenes are averaged down.
    """
    shown = shown_grid(scene.grid, longest)
    with open_scene(scene, shown) as (before, after):
        images = {"before": _image_tiles(before), "after": _image_tiles(after)}
    cover_images = {
        "before": _cover_tiles(files.land_cover_pre, shown),
        "after": _cover_tiles(files.land_cover_post, shown),
    }
    levels = [
        {
            "code": int(level),
            "name": DAMAGE_NAMES[level],
            "colour": _css(PALETTES[Damage][level] if level else GREY),
        }
        for level in (*reversed(list(Damage)[1:]), Damage.BACKGROUND)
    ]
    covers = [
        {"code": int(cover), "name": cover.name.capitalize(), "colour": _css(PALETTES[LandCover][cover])}
        for cover in list(LandCover)[1:]
    ]
    data = {
        **asdict(caption), "summary": summary, "levels": levels, "covers": covers, "shown_gsd": shown.gsd,
        "images": images, "cover_images": cover_images, "view": mapped_part(files.damage).corners_lonlat(),
        "buildings": lonlat_geojson(buildings), "cells": lonlat_geojson(cells),
    }  # fmt: skip
    write_text(path, _fill_template(caption.title, data))


def _tiles(grid: Grid) -> list[Window]:
    """Windows of at most `TILE` pixels a side that cover a grid side by side."""
    return [
        Window(row=row, col=col, height=min(TILE, grid.height - row), width=min(TILE, grid.width - col))
        for row in range(0, grid.height, TILE)
        for col in range(0, grid.width, TILE)
    ]


def _image_tiles(mosaic: Mosaic) -> list[dict[str, Any]]:
    """A mosaic as JPEG data URIs with their corners [deg], clockwise from the north-west."""
    tiles = []
    for window in _tiles(mosaic.grid):
        image, known = mosaic.read(window)
        pixels = np.where(known[..., None], image.transpose(1, 2, 0), np.array(GROUND, np.uint8))
        buffer = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, "JPEG", quality=QUALITY)
        corners = mosaic.grid.crop(window).corners_lonlat()
        tiles.append({"url": _data_uri("image/jpeg", buffer), "corners": corners})
    return tiles


def _cover_tiles(path: Path, shown: Grid) -> list[dict[str, Any]]:
    """Land cover as paletted PNG data URIs, unlabelled ground transparent, with their corners [deg]."""
    palette = np.zeros((256, 3), np.uint8)
    for code, colour in PALETTES[LandCover].items():
        palette[code] = colour
    tiles = []
    for window in _tiles(shown):
        tile = shown.crop(window)
        picture = Image.fromarray(read_shown(path, tile))
        picture.putpalette(palette.ravel().tolist())
        buffer = io.BytesIO()
        picture.save(buffer, "PNG", transparency=int(LandCover.UNLABELLED), optimize=True)
        tiles.append({"url": _data_uri("image/png", buffer), "corners": tile.corners_lonlat()})
    return tiles


def _fill_template(title: str, data: Mapping[str, Any]) -> str:
    """The page's template with its styles, scripts and data put in, each once and verbatim."""
    web = package_files("mapping") / "web"

    def read(name: str) -> str:
        # a source map is no part of the page, and its comment would name a file that is not there
        return re.sub(r"(?m)^//# sourceMappingURL=.*$", "", (web / name).read_text(encoding="utf-8"))

    licences = read("LICENSE.maplibre-gl.txt") + "\n\n" + read("LICENSE.maplibre-gl-compare.txt")
    parts = {
        "title": html.escape(title),
        "maplibre_css": read("maplibre-gl.css"),
        "compare_css": read("maplibre-gl-compare.css"),
        "page_css": read("page.css"),
        "licences": html.escape(licences),
        # "<" would end the script element if a name held "</script>"
        "data": json.dumps(data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"),
        "maplibre_js": read("maplibre-gl.js"),
        "compare_js": read("maplibre-gl-compare.js"),
        "page_js": read("page.js"),
    }
    return re.sub(r"@@(\w+)@@", lambda match: parts[match[1]], read("page.html"))


def _data_uri(kind: str, buffer: io.BytesIO) -> str:
    return f"data:{kind};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _css(colour: tuple[int, int, int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*colour)

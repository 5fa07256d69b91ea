"""Sheets of pictures with captions: what a person looks at before trusting a number."""

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rasters.capture import Capture
from rasters.classes import PALETTES, Change, Damage, LandCover, Passability, paint
from rasters.files import atomic_path

GAP = 6  # pixels between pictures
LINE = 24  # pixels of a line of text
SWATCH = 14  # side of a colour in the legend [pixels]
INK, PAPER, NOTE = (25, 33, 43), (255, 255, 255), (150, 80, 0)

Font = ImageFont.ImageFont | ImageFont.FreeTypeFont
Legend = Sequence[tuple[str, Sequence[tuple[str, tuple[int, int, int]]]]]
"""Scales: a heading each, and the name and colour of each class."""


def write_sheet(
    path: Path,
    rows: Sequence[Sequence[np.ndarray]],
    *,
    columns: Sequence[str],
    names: Sequence[str] = (),
    title: str = "",
    note: str = "",
    side: int = 256,
    legend: Legend = (),
) -> None:
    """Writes a PNG table of pictures, whole or not at all.

    Args:
        path: Where it goes.
        rows: Pictures (3, H, W) uint8; each is shown `side` pixels high and wide.
        columns: A heading for each column.
        names: A name under each row's first picture.
        title: Above everything.
        note: A caution beside the title.
        side: Of a picture on the sheet [pixels].
        legend: What colours mean: below the rows, in lines as wide as the sheet.
    """
    below = LINE if names else 0
    top = (LINE if title or note else 0) + LINE
    width = len(columns) * (side + GAP) + GAP
    font = ImageFont.load_default(15)
    bottom = top + len(rows) * (side + GAP + below) + GAP
    marks = _legend_marks(legend, width, font)
    lines = 1 + max((mark.line for mark in marks), default=-1)
    sheet = Image.new("RGB", (width, bottom + lines * LINE + (GAP if lines else 0)), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, 3), title, INK, font)
    draw.text((GAP + (draw.textlength(title, font) + 3 * GAP if title else 0), 3), note, NOTE, font)
    for number, heading in enumerate(columns):
        draw.text((GAP + number * (side + GAP), top - LINE + 3), heading, INK, font)
    for index, row in enumerate(rows):
        y = top + index * (side + GAP + below)
        for number, picture in enumerate(row):
            image = Image.fromarray(np.ascontiguousarray(picture.transpose(1, 2, 0)))
            fine = Image.Resampling.BOX if image.width >= side else Image.Resampling.NEAREST
            sheet.paste(image.resize((side, side), fine), (GAP + number * (side + GAP), y))
        if names:
            draw.text((GAP, y + side + 3), names[index], INK, font)
    for mark in marks:
        y = bottom + mark.line * LINE
        if mark.colour is not None:
            box = (mark.left, y + 4, mark.left + SWATCH, y + 4 + SWATCH)
            draw.rectangle(box, fill=mark.colour, outline=INK)
        draw.text((mark.left + mark.indent, y + 3), mark.text, INK, font)
    with atomic_path(path) as partial:
        sheet.save(partial, "PNG")


class _Mark(NamedTuple):
    """A piece of the legend: where it starts [pixels], in which line, and how far its text is indented."""

    left: int
    line: int
    indent: int
    text: str
    colour: tuple[int, int, int] | None


def _legend_marks(legend: Legend, width: int, font: Font) -> list[_Mark]:
    """Headings and swatches one after the other; each scale starts a new line if it does not fit."""
    marks: list[_Mark] = []
    left, line = GAP, 0
    for heading, classes in legend:
        parts = [(heading, None), *classes]
        lengths = [
            round(font.getlength(text)) + (4 * GAP if colour is None else SWATCH + 3 * GAP)
            for text, colour in parts
        ]
        if left > GAP and left + sum(lengths) > width:
            left, line = GAP, line + 1
        for (text, colour), length in zip(parts, lengths, strict=True):
            if left > GAP and left + length > width:
                left, line = GAP, line + 1
            marks.append(_Mark(left, line, 0 if colour is None else SWATCH + GAP, text, colour))
            left += length
        left += 2 * GAP
    return marks


CAPTURE_COLUMNS = (
    "before", "after", "cover before", "cover after", "buildings", "damage", "height before", "height after",
    "flood depth", "burnt", "debris", "passability", "change",
)  # fmt: skip
HIGH, DEEP = 15.0, 3.0  # what is white in the pictures of heights and depths [m]


def _classes(kind: type[IntEnum]) -> list[tuple[str, tuple[int, int, int]]]:
    """The names and colours of a scale, without its 0."""
    return [(code.name.lower().replace("_", " "), PALETTES[kind][code]) for code in kind if code]


CAPTURE_LEGEND: Legend = (
    ("cover:", _classes(LandCover)),
    ("damage:", _classes(Damage)),
    ("passability:", _classes(Passability)),
    ("change:", _classes(Change)),
    ("height:", [("0 m", (0, 0, 0)), (f"{HIGH:g} m and more", (255, 255, 255))]),
    ("depth:", [("0 m", (0, 0, 0)), (f"{DEEP:g} m and more", (255, 255, 255))]),
)


def capture_row(capture: Capture) -> list[np.ndarray]:
    """The layers of a capture as pictures (3, H, W) uint8, in the order of `CAPTURE_COLUMNS`."""
    layers = capture.layers

    def classes(name: str, kind: type[IntEnum]) -> np.ndarray:
        return paint(layers[name], kind).transpose(2, 0, 1)

    return [
        layers["image_pre"],
        layers["image_post"],
        classes("land_cover_pre", LandCover),
        classes("land_cover_post", LandCover),
        _instances(layers["building"]),
        classes("damage", Damage),
        _ramp(layers["height_pre"], HIGH),
        _ramp(layers["height_post"], HIGH),
        _ramp(layers["flood_depth"], DEEP),
        _ramp(layers["burnt"].astype(np.float32), 1.0),
        _ramp(layers["debris"].astype(np.float32), 1.0),
        classes("passability", Passability),
        classes("change", Change),
    ]


def _instances(labels: np.ndarray) -> np.ndarray:
    """Each instance in a colour of its own, spread by the golden ratio."""
    hue = (labels * 0.61803398875) % 1.0
    colour = 0.55 + 0.45 * np.cos(2 * np.pi * (hue + np.array([0, 1 / 3, 2 / 3])[:, None, None]))
    return (255 * colour * (labels > 0)).astype(np.uint8)


def _ramp(values: np.ndarray, full: float) -> np.ndarray:
    """Black at 0 to white at `full` and above, in the values' unit."""
    grey = np.clip(values / full, 0, 1) ** 0.6
    return np.repeat((255 * grey).astype(np.uint8)[None], 3, axis=0)

"""Sheets of pictures with captions: what a person looks at before trusting a number."""

from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rasters.capture import Capture
from rasters.classes import Change, Damage, LandCover, Passability, paint
from rasters.files import atomic_path

GAP = 6  # pixels between pictures
LINE = 24  # pixels of a line of text
INK, PAPER, NOTE = (25, 33, 43), (255, 255, 255), (150, 80, 0)


def write_sheet(
    path: Path,
    rows: Sequence[Sequence[np.ndarray]],
    *,
    columns: Sequence[str],
    names: Sequence[str] = (),
    title: str = "",
    note: str = "",
    side: int = 256,
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
    """
    below = LINE if names else 0
    top = (LINE if title or note else 0) + LINE
    width = len(columns) * (side + GAP) + GAP
    sheet = Image.new("RGB", (width, top + len(rows) * (side + GAP + below) + GAP), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
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
    with atomic_path(path) as partial:
        sheet.save(partial, "PNG")


CAPTURE_COLUMNS = (
    "before", "after", "cover before", "cover after", "buildings", "damage", "height before", "height after",
    "flood depth", "burnt", "passability", "change",
)  # fmt: skip


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
        _ramp(layers["height_pre"], 15.0),
        _ramp(layers["height_post"], 15.0),
        _ramp(layers["flood_depth"], 3.0),
        _ramp(layers["burnt"].astype(np.float32), 1.0),
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

"""One picture of a map: before, after, and the damage over the image after, side by side."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mapping.inference import UNKNOWN, MapFiles
from mapping.page import Caption
from mapping.picture import mapped_part, read_shown, shown_grid
from mapping.scene import Scene, open_scene
from mapping.vectors import DAMAGE_NAMES
from rasters.classes import PALETTES, Damage, paint
from rasters.files import atomic_path
from rasters.grid import Window

LONGEST = 720  # pixels of a panel's longer side
LEAST_WIDTH = 600  # pixels the legend takes
GAP = 8  # pixels between panels and around them
LINE = 26  # pixels of a line of text
PLAIN = Caption(title="")
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont
INK, PAPER, WARNING = (23, 33, 43), (255, 255, 255), (150, 90, 0)


def write_quicklook(
    path: Path, scene: Scene, files: MapFiles, caption: Caption = PLAIN, *, longest: int = LONGEST
) -> None:
    """Writes a PNG of three panels, each at most `longest` pixels a side, with the caption and a legend."""
    shown = shown_grid(mapped_part(files.damage), longest)
    whole = Window(row=0, col=0, height=shown.height, width=shown.width)
    with open_scene(scene, shown) as mosaics:
        pre, post = (_on_paper(*mosaic.read(whole)) for mosaic in mosaics)
    damage = over_grey(post, read_shown(files.damage, shown))
    font, width = ImageFont.load_default(16), max(3 * shown.width + 4 * GAP, LEAST_WIDTH)
    heading = " - ".join(text for text in (caption.title, caption.place) if text)
    texts = ((heading, INK), (caption.note, WARNING))
    lines = [(line, ink) for text, ink in texts for line in wrap(text, font, width - 2 * GAP)]
    names = len(lines) * LINE  # where the panels' names stand, below the caption
    sheet = Image.new("RGB", (width, names + shown.height + 2 * LINE + 3 * GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (line, ink) in enumerate(lines):
        draw.text((GAP, number * LINE + GAP // 2), line, ink, font)
    for number, (name, panel) in enumerate(
        zip(("before", "after", "damage"), (pre, post, damage), strict=True)
    ):
        left = GAP + number * (shown.width + GAP)
        draw.text((left, names + GAP // 2), name, INK, font)
        sheet.paste(Image.fromarray(np.ascontiguousarray(panel)), (left, names + LINE + GAP))
    _draw_legend(draw, font, top=names + LINE + shown.height + 2 * GAP)
    with atomic_path(path) as partial:
        sheet.save(partial, "PNG", optimize=True)


def wrap(text: str, font: Font, width: float) -> list[str]:
    """Lines of at most `width` [px] that hold all of a text, broken between words, or in a longer word."""
    lines: list[str] = []
    for word in text.split():
        if lines and font.getlength(f"{lines[-1]} {word}") <= width:
            lines[-1] += f" {word}"
            continue
        lines.append("")
        for letter in word:
            if lines[-1] and font.getlength(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def _on_paper(image: np.ndarray, known: np.ndarray) -> np.ndarray:
    """An image (3, H, W) as (H, W, 3), unknown pixels as the paper."""
    return np.where(known[..., None], image.transpose(1, 2, 0), np.array(PAPER, np.uint8))


def over_grey(image: np.ndarray, damage: np.ndarray) -> np.ndarray:
    """Damage (H, W) in its colours over a greyed image (H, W, 3) uint8."""
    grey = image.mean(axis=2, keepdims=True).repeat(3, axis=2)
    levelled = (damage != Damage.BACKGROUND) & (damage != UNKNOWN)
    mixed = np.where(levelled[..., None], 0.35 * grey + 0.65 * paint(damage, Damage), grey)
    return np.rint(mixed).astype(np.uint8)


def _draw_legend(draw: ImageDraw.ImageDraw, font: Font, *, top: int) -> None:
    left = float(GAP)
    for level in list(Damage)[1:]:
        draw.rectangle((left, top + 3, left + 16, top + 19), fill=PALETTES[Damage][level], outline=INK)
        draw.text((left + 22, top), DAMAGE_NAMES[level], INK, font)
        left += 22 + draw.textlength(DAMAGE_NAMES[level], font) + 3 * GAP

"""A fitted sensor on one page: transfer, noise against signal, and the histogram of a block coefficient."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rasters.files import atomic_path
from rasters.pictures import INK, NOTE, PAPER
from rasters.sensing.fitting.blocks import block_dct, luminance, steps_of
from rasters.sensing.fitting.fit import SensorFit, noise_at
from rasters.sensing.fitting.sharpness import transfer
from rasters.sensing.product import LOSSLESS

SIDE, PAD = 360, 50  # [pixels]
BLUE = (40, 90, 170)
FREQUENCY = (0, 1)  # of the coefficient whose histogram is drawn


def write_page(path: Path, fit: SensorFit, image: np.ndarray) -> None:
    """Writes a PNG of a fit and the block histogram of its first picture (3, H, W) uint8."""
    page = Image.new("RGB", (3 * (SIDE + PAD) + PAD, SIDE + 3 * PAD), PAPER)
    draw = ImageDraw.Draw(page)
    f = np.linspace(0, 0.5, 80)
    sharpening = sum(fit.profile.sharpening) / 2
    curves = [
        (f, transfer(f, m, sharpening), colour)
        for m, colour in ((fit.values["mtf"], INK), *((m, BLUE) for m in fit.intervals["mtf"]))
    ]
    _plot(draw, 0, "MTF with sharpening; blue: 95 %", "cycles/pixel", curves, [])
    seen = np.array([(g.level, g.luma**0.5) for s in fit.samples for g in s.grain if g.luma > 0])
    shot, read = (sum(r) / 2 for r in (fit.profile.shot_noise, fit.profile.read_noise))
    levels = np.linspace(20, 240, 60)
    model = [noise_at(fit.profile, fit.values["correction"], shot, read, float(level)) for level in levels]
    told = "shot_noise" not in fit.missing
    title = "luma noise [grey levels]" + ("" if told else ", not seen: the base's")
    _plot(draw, 1, title, "grey level", [(levels, np.array(model), INK)], seen.reshape(-1, 2).tolist())
    compression = fit.samples[0].compression
    values = block_dct(luminance(image), compression.grid)[:, *FREQUENCY]
    counts, limits = np.histogram(values, bins=np.arange(-30.25, 30.5, 0.5))
    quality = compression.quality
    step = "no grid" if quality >= LOSSLESS else f"quality {quality}, step {steps_of(quality)[FREQUENCY]}"
    bars = np.repeat(counts, 2), np.repeat(limits, 2)[1:-1]
    _plot(draw, 2, f"first image, block coefficient: {step}", "coefficient", [(bars[1], bars[0], INK)], [])
    with atomic_path(path) as partial:
        page.save(partial, "PNG")


def _plot(
    draw: ImageDraw.ImageDraw,
    column: int,
    title: str,
    label: str,
    curves: list[tuple[np.ndarray, np.ndarray, tuple[int, int, int]]],
    points: list[list[float]],
) -> None:
    """Axes, curves (x, y, colour) and points in one of the three columns."""
    font = ImageFont.load_default(13)
    left, top = PAD + column * (SIDE + PAD), PAD
    low = min(float(x.min()) for x, _, _ in curves)
    high = max(float(x.max()) for x, _, _ in curves)
    most = max([float(y.max()) for _, y, _ in curves] + [y for _, y in points]) * 1.05 + 1e-9

    def at(x: float, y: float) -> tuple[float, float]:
        return left + (x - low) / (high - low) * SIDE, top + SIDE - y / most * SIDE

    draw.rectangle((left, top, left + SIDE, top + SIDE), outline=INK)
    for tick in np.linspace(0, 1, 6):
        x, y = low + tick * (high - low), tick * most
        draw.text((left + tick * SIDE - 8, top + SIDE + 4), f"{x:.3g}", INK, font)
        draw.text((left - 34, top + SIDE - tick * SIDE - 8), f"{y:.3g}", INK, font)
    draw.text((left, top - 24), title, INK, font)
    draw.text((left + SIDE / 2 - 30, top + SIDE + 24), label, INK, font)
    for x, y in points:
        px, py = at(x, y)
        if left <= px <= left + SIDE:
            draw.ellipse((px - 1.5, py - 1.5, px + 1.5, py + 1.5), fill=NOTE)
    for xs, ys, colour in curves:
        draw.line([at(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], colour, 2)

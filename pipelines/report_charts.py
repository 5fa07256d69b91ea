"""Line charts as SVG, legible on a telephone too: the legend is text below, which wraps."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 720, 320
LEFT, RIGHT, TOP, BOTTOM = 64, 14, 32, 58  # room for the figures in the size that telephones get


@dataclass(frozen=True, kw_only=True)
class Line:
    """A curve: its name and colour in the legend, and its points."""

    name: str
    colour: str
    x: Sequence[float]
    y: Sequence[float]


def chart(
    lines: Sequence[Line],
    *,
    band: tuple[Sequence[float], Sequence[float], Sequence[float]] | None,
    labels: tuple[str, str],
) -> str:
    """An SVG element with its legend.

    Args:
        lines: Curves.
        band: What is shaded behind them: x, lower and upper edge.
        labels: Of the axes, across and up.
    """
    xs = np.concatenate([line.x for line in lines])
    ys = np.concatenate([*(line.y for line in lines), *((band[1], band[2]) if band else ())])
    (left, right), (low, high) = ((float(v.min()), float(v.max())) for v in (xs, ys))
    high = high if high > low else low + 1

    def at(x: float, y: float) -> str:
        across = LEFT + (x - left) / (right - left) * (WIDTH - LEFT - RIGHT)
        return f"{across:.1f},{HEIGHT - BOTTOM - (y - low) / (high - low) * (HEIGHT - TOP - BOTTOM):.1f}"

    parts = []
    for y in ticks(low, high):
        a, b = at(left, y), at(right, y)
        parts.append(f'<path d="M{a} L{b}" stroke="#d9dee5"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{float(a.split(",")[1]) + 5:.1f}" text-anchor="end">{y:g}</text>'
        )
    for x in ticks(left, right):
        across = at(x, low).split(",")[0]
        parts.append(f'<text x="{across}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{x:g}</text>')
    if band is not None:
        x, lower, upper = band
        ring = [at(*p) for p in zip(x, upper, strict=True)] + [
            at(*p) for p in reversed(list(zip(x, lower, strict=True)))
        ]
        parts.append(f'<polygon points="{" ".join(ring)}" fill="#333" opacity="0.18"/>')
    legend = []
    for line in lines:
        points = " ".join(at(*p) for p in zip(line.x, line.y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"/>')
        legend.append(f'<span style="border-color: {line.colour}">{html.escape(line.name)}</span>')
    across, up = (html.escape(label) for label in labels)
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 8}" text-anchor="end">{across}</text>')
    parts.append(f'<text x="4" y="20">{up}</text>')
    return (
        f'<div class="chart"><svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{up} by {across}">'
        f'{"".join(parts)}</svg><div class="legend">{"".join(legend)}</div></div>'
    )


def ticks(low: float, high: float) -> list[float]:
    """Three to eight round numbers from `low` to `high`."""
    rough = (high - low) / 3
    power = 10.0 ** math.floor(math.log10(rough))
    step = max(factor * power for factor in (1, 2, 5) if factor * power <= rough)
    return [float(f"{k * step:.6g}") for k in range(math.ceil(low / step), math.floor(high / step) + 1)]

"""Line charts as SVG."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 26, 40


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
    """An SVG element.

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
    for y in np.linspace(low, high, 5):
        a, b = at(left, y), at(right, y)
        parts.append(f'<path d="M{a} L{b}" stroke="#d9dee5"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{float(a.split(",")[1]) + 4:.1f}" text-anchor="end">{y:.3g}</text>'
        )
    for x in np.linspace(left, right, 5):
        across = at(x, low).split(",")[0]
        parts.append(f'<text x="{across}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{x:.2g}</text>')
    if band is not None:
        x, lower, upper = band
        ring = [at(*p) for p in zip(x, upper, strict=True)] + [
            at(*p) for p in reversed(list(zip(x, lower, strict=True)))
        ]
        parts.append(f'<polygon points="{" ".join(ring)}" fill="#333" opacity="0.18"/>')
    mark = LEFT
    for line in lines:
        points = " ".join(at(*p) for p in zip(line.x, line.y, strict=True))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{line.colour}" stroke-width="2"/>')
        parts.append(f'<path d="M{mark},12 h18" stroke="{line.colour}" stroke-width="3"/>')
        parts.append(f'<text x="{mark + 24}" y="16">{html.escape(line.name)}</text>')
        mark += 40 + 8 * len(line.name)
    across, up = (html.escape(label) for label in labels)
    parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 6}" text-anchor="end">{across}</text>')
    parts.append(f'<text x="{WIDTH - RIGHT}" y="16" text-anchor="end">{up}</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{up}">{"".join(parts)}</svg>'

"""Writes what `benchmarks.engines` measured into docs/performance.md: `python -m benchmarks.engine_tables`.

Each part of benchmarks/results/engines.json has a table of its own between two marks of the page; what was
not measured keeps what stands there.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.pages import put_between
from benchmarks.run import RESULTS

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
Figures = dict[str, Any]

TARGETS: dict[tuple[str, str], tuple[float, float | None]] = {
    ("city 512", "fast, 4 samples"): (0.9, 28.0),
    ("city 512", "high, 4 samples"): (2.2, 29.0),
    ("city 512", "labels"): (0.06, None),
    ("city 1024", "fast, 4 samples"): (3.2, None),
}
"""CPU-seconds at most, and decibels at least."""


def spread(row: Figures) -> str:
    """A median, and the least and the greatest of several runs, in three significant digits."""
    median, least, greatest = (f"{row[key]:.3g}" for key in ("median", "least", "greatest"))
    return f"{median} ({least} to {greatest})"


def verdict(row: Figures, target: tuple[float, float | None] | None) -> str:
    """The target of a row and whether it was met; empty without one."""
    if target is None:
        return ""
    seconds, decibels = target
    wanted = f"{seconds:g}" + (f" at {decibels:g} dB" if decibels else "")
    met = row["median"] <= seconds and (decibels is None or row.get("decibel", 0.0) >= decibels)
    return f"{wanted}: {'met' if met else '**missed**'}"


def city_table(figures: Figures, name: str) -> str:
    """Qualities and labels at one size."""
    head = ["", "CPU-seconds", "first labels, with the tree", "dB", "target"]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for kind, row in figures[name].items():
        build = f"{row['build']:.2f}" if "build" in row else ""
        decibels = f"{row['decibel']:.1f}" if "decibel" in row else ""
        lines.append(
            f"| {kind} | {spread(row)} | {build} | {decibels} | {verdict(row, TARGETS.get((name, kind)))} |"
        )
    return "\n".join([*lines, "", conditions(figures, name)])


def size_table(figures: Figures, name: str) -> str:
    """Building and drawing scenes of several sizes."""
    lines = ["| million triangles | first labels, with the tree | frame |", "|---|---|---|"]
    lines += [f"| {row['millions']:g} | {row['build']:.2f} | {row['frame']:.2f} |" for row in figures[name]]
    return "\n".join([*lines, "", conditions(figures, name)])


def workers_table(figures: Figures, name: str) -> str:
    """A frame with several processes at work."""
    lines = ["| workers | CPU-seconds a frame |", "|---|---|"]
    lines += [f"| {row['workers']} | {row['frame']:.2f} |" for row in figures[name]]
    return "\n".join([*lines, "", conditions(figures, name)])


def conditions(figures: Figures, name: str) -> str:
    """The machine and the way a part was measured."""
    at = figures[f"conditions of {name}"]
    threads = "a thread" if at["threads"] == 1 else f"{at['threads']} threads"
    return (
        f"{at['processor']}, {at['cores']} cores, load {at['load']:.0f}, {threads}; "
        f"sorting 3 million numbers took {at['yardstick']:.2f} CPU-seconds there."
    )


TABLES: dict[str, Callable[[Figures, str], str]] = {
    "city 512": city_table,
    "city 1024": city_table,
    "size": size_table,
    "workers": workers_table,
}


def main() -> None:
    """Replaces the tables of what has been measured."""
    figures = json.loads((RESULTS / "engines.json").read_text(encoding="utf-8"))["figures"]
    for name, table in TABLES.items():
        if name in figures:
            put_between(PAGE, (f"<!-- {name} -->", f"<!-- end of {name} -->"), table(figures, name))


if __name__ == "__main__":
    main()

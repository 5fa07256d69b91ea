"""Share of the buildings at each degree of damage against the intensity at them, over seeds and styles.

    python -m benchmarks.damage_census --kind earthquake --seeds 4

Any disaster has a census: it needs `damage`, `cause` and `intensity` of its aftermaths only. An earthquake's
is also told by macroseismic intensity, as published shares are; an eruption's leaves those out that lava has
reached. Prints tables in Markdown and writes JSON.
"""

import argparse
import itertools
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rasters.classes import Damage
from rasters.files import write_json
from rasters.provenance import provenance
from simulator.city.city import generate_city
from simulator.city.model import City
from simulator.city.style import load_style
from simulator.disasters.aftermath import Aftermath, Cause
from simulator.disasters.apply import sample_parameters, strike
from simulator.disasters.shaking import macroseismic_intensity

HERE = Path(__file__).parent
STYLES = ("latin_american_metropolis", "mediterranean_hill_town", "south_asian_town", "north_american_suburb")
LEVELS = (Damage.NO_DAMAGE, Damage.MINOR, Damage.MAJOR, Damage.DESTROYED)
UNITS = {
    "flood": "depth [m]",
    "earthquake": "peak ground acceleration [g]",
    "fire": "share burnt around",
    "storm": "gust [m/s]",
    "volcano": "tephra [kPa]",
}
EDGES: dict[str, tuple[float, ...]] = {
    "flood": (0.0, 0.01, 0.61, 1.22, 2.13, 3.0, 4.0, 99.0),  # 2, 4 and 7 feet
    "earthquake": (0.0, 0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 9.0),
    "fire": (0.0, 0.01, 0.25, 0.5, 0.75, 1.01),
    "storm": (0.0, 25.0, 35.0, 45.0, 55.0, 65.0, 200.0),
    "volcano": (0.0, 0.1, 1.5, 3.0, 4.5, 6.0, 9.0, 100.0),
}
"""Of the bins of each kind's intensity, in its unit."""

Census = list[dict[str, Any]]
"""A row a bin: low, high, buildings, and the share at each level."""


def census(intensity: np.ndarray, damage: np.ndarray, edges: Sequence[float]) -> Census:
    """The share of each damage level in each bin of intensity; empty bins are left out.

    Args:
        intensity: (N,) at each building.
        damage: (N,) `Damage` codes.
        edges: Of the bins; a bin has its lower edge.
    """
    rows: Census = []
    for low, high in itertools.pairwise(edges):
        inside = damage[(intensity >= low) & (intensity < high)]
        if len(inside):
            shares = {level.name.lower(): float((inside == level).mean()) for level in LEVELS}
            rows.append({"low": low, "high": high, "buildings": len(inside), **shares})
    return rows


def by_construction(buildings: Sequence[str], damage: np.ndarray) -> dict[str, dict[str, float]]:
    """The share of each level among all buildings of each construction."""
    kinds = np.array(buildings)
    return {
        kind: {level.name.lower(): float((damage[kinds == kind] == level).mean()) for level in LEVELS}
        for kind in sorted(set(buildings))
    }


def by_cause(cause: np.ndarray, damage: np.ndarray) -> dict[str, dict[str, int]]:
    """The number of struck buildings at each level, for each cause that struck any."""
    return {
        Cause(code).name.lower(): {
            level.name.lower(): int(((cause == code) & (damage == level)).sum()) for level in LEVELS[1:]
        }
        for code in np.unique(cause[cause != Cause.NONE])
    }


def aftermaths(kind: str, styles: Sequence[str], seeds: int, size: float) -> list[tuple[str, int, Aftermath]]:
    """Style, seed and aftermath, each of its own city and its own sampled disaster."""
    found = []
    for style in styles:
        for seed in range(seeds):
            rng = np.random.default_rng([seed, *style.encode()])
            city: City = generate_city(load_style(style), size, rng)
            start = time.process_time()
            result = strike(city, kind, sample_parameters(kind, rng), rng)
            used = time.process_time() - start
            print(f"{style} {seed}: {len(city.buildings)} buildings, {used:.1f} CPU-s", flush=True)
            found.append((style, seed, result))
    return found


def table(rows: Census, head: str, text: Callable[[dict[str, Any]], str]) -> str:
    """The rows in Markdown, shares in per cent."""
    names = [level.name.lower() for level in LEVELS]
    lines = [f"| {head} | buildings | {' | '.join(n.replace('_', ' ') + ' [%]' for n in names)} |"]
    lines.append("|---" * (len(names) + 2) + "|")
    for row in rows:
        shares = " | ".join(f"{100 * row[name]:.0f}" for name in names)
        lines.append(f"| {text(row)} | {row['buildings']} | {shares} |")
    return "\n".join(lines)


def main(words: Sequence[str] | None = None) -> None:
    """Prints the tables and writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", default="earthquake", choices=sorted(EDGES))
    parser.add_argument("--styles", nargs="+", default=list(STYLES))
    parser.add_argument("--seeds", type=int, default=4, help="cities a style")
    parser.add_argument("--size", type=float, default=400.0, help="side of a city [m]")
    parser.add_argument("--out", type=Path, help="JSON; benchmarks/results/census_KIND.json if not given")
    given = parser.parse_args(words)
    found = aftermaths(given.kind, given.styles, given.seeds, given.size)
    damage = np.concatenate([result.damage for *_, result in found])
    intensity = np.concatenate([result.intensity for *_, result in found])
    cause = np.concatenate([result.cause for *_, result in found])
    built = [b.construction for *_, result in found for b in result.before.buildings]
    told = cause != Cause.LAVA
    rows = census(intensity[told], damage[told], EDGES[given.kind])
    figures: dict[str, Any] = {
        "intensity": rows,
        "construction": by_construction(built, damage),
        "cause": by_cause(cause, damage),
        "buildings": len(damage),
    }
    print(table(rows, UNITS[given.kind], lambda row: f"{row['low']:g} to {row['high']:g}"))
    if given.kind == "earthquake":
        macroseismic = macroseismic_intensity(intensity)
        figures["macroseismic"] = census(np.round(macroseismic), damage, range(1, 12))
        print()
        print(table(figures["macroseismic"], "modified Mercalli intensity", lambda row: f"{row['low']:g}"))
    print(figures["cause"])
    options = {key: value for key, value in vars(given).items() if key != "out"}
    made = provenance("damage_census", options)
    path = given.out or HERE / "results" / f"census_{given.kind}.json"
    write_json(path, {**made, **figures})
    print(path)


if __name__ == "__main__":
    main()

"""Fidelity of adapted captures by date: before a disaster against real images before, after against after."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from adaptation.fidelity import FidelityReport, Structure, fidelity
from pipelines.lazy import Lazy
from pipelines.views import PICTURES, See, View

DATES = {"pre": "before", "post": "after"}  # phases of captures


def fidelity_by_date(
    simulated: Sequence[Path],
    adapted: Sequence[Path],
    real: Mapping[str, Sequence[Path]],
    rng: np.random.Generator,
    draws: int = 10,
    view: View = PICTURES,
) -> dict[str, FidelityReport]:
    """Of captures' images before ("pre") or after ("post"), for each date that there are real images of."""

    def images(see: See, folders: Sequence[Path], phase: str) -> Lazy[np.ndarray]:
        return Lazy(folders, lambda folder: see(folder, phase))

    return {
        phase: fidelity(
            {
                "simulated": images(view.simulated, simulated, phase),
                "adapted": images(view.adapted, adapted, phase),
            },
            Lazy(paths, view.real),
            rng=rng,
            draws=draws,
        )
        for phase, paths in real.items()
    }


def fidelity_json(reports: Mapping[str, FidelityReport]) -> dict[str, object]:
    """Of images before the disaster, and within it, if there is one, of those "after"."""
    after = {"after": reports["post"].to_json()} if "post" in reports else {}
    return {**reports["pre"].to_json(), **after}


def fidelity_text(reports: Mapping[str, FidelityReport], kept: Sequence[Structure], note: str) -> str:
    titles = {"pre": "Before the disaster:", "post": "After it:"} if len(reports) > 1 else {"pre": ""}
    parts = [
        part for phase, title in titles.items() for part in (title, reports[phase].to_markdown()) if part
    ]
    if kept:
        correlation = np.array([k.gradient_correlation for k in kept])
        shift = np.array([np.hypot(*k.shift) for k in kept])
        parts.append(
            "Label edges: gradient maps before and after adaptation correlate by "
            f"{np.median(correlation):.2f} (median; least {correlation.min():.2f}); edges moved by "
            f"{np.median(shift):.3f} pixels (median; most {shift.max():.3f})."
        )
    else:
        parts.append("No capture holds a label edge to look at.")
    return "\n".join([*parts, *([note] if note else [])]) + "\n"

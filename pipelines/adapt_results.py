"""What `mage adapt` says of its result: fidelity as JSON and as a table, and a contact sheet."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adaptation.fidelity import Structure, structure
from pipelines.dated_fidelity import DATES, fidelity_by_date, fidelity_json, fidelity_text
from pipelines.views import View, labelled
from rasters.files import write_json, write_text
from rasters.pictures import write_sheet

SHOWN, SIDE = 6, 320  # rows of a view on the contact sheet, and the pixels a side of each picture


@dataclass(frozen=True, slots=True, kw_only=True)
class LookedAt:
    """What fidelity and sheet look at: captures, held-out images of each phase, a source of randomness."""

    captures: list[Path]
    real: dict[str, list[Path]]
    rng: np.random.Generator


def write_results(
    out: Path, looked_at: LookedAt, views: Sequence[View], *, shown: Sequence[View], note: str
) -> None:
    """Writes fidelity.json, fidelity.md and the contact sheet; the JSON last: all is done.

    Args:
        out: What `mage adapt` writes, with the adapted captures.
        looked_at: The images.
        views: Three bands each that are measured, the first ones as the target's picture.
        shown: Those on the contact sheet, the rows of one below those of the other.
        note: Said on every figure.
    """
    some, held = looked_at.captures, looked_at.real
    adapted = [out / "captures" / folder.name for folder in some]
    texts, found = [], []
    for view in views:
        reports = fidelity_by_date(some, adapted, held, looked_at.rng, view=view)
        kept = _edges(view, some, adapted)
        text = fidelity_text(reports, kept, note)
        texts.append(text if len(views) == 1 else f"## {view.title.capitalize()}\n\n{text}")
        edges = [
            {"gradient_correlation": k.gradient_correlation, "shift_pixels": list(k.shift)} for k in kept
        ]
        found.append({**fidelity_json(reports), "label_edges": edges, "note": note})
    write_text(out / "fidelity.md", "\n".join(texts))
    _write_sheet(out / "sheet.png", looked_at, adapted, shown, note)
    further = {view.title: one for view, one in zip(views[1:], found[1:], strict=True)}
    write_json(out / "fidelity.json", {**found[0], **({"composites": further} if further else {})})


def _edges(view: View, some: Sequence[Path], adapted: Sequence[Path]) -> list[Structure]:
    """What became of the edges of captures that have any."""
    pairs = (
        (labelled(view.simulated, a, "pre"), view.adapted(b, "pre"))
        for a, b in zip(some, adapted, strict=True)
    )
    structures = (structure(image, made, cover) for (image, cover), made in pairs)
    return [found for found in structures if found is not None]


def _write_sheet(
    path: Path, looked_at: LookedAt, adapted: Sequence[Path], views: Sequence[View], note: str
) -> None:
    some, held = looked_at.captures, looked_at.real
    count = min(SHOWN // len(held), len(some))
    shown = [(view, phase, i) for view in views for phase in held for i in range(count)]
    rows = [
        [view.simulated(some[i], phase), view.adapted(adapted[i], phase),
         view.real(held[phase][i * len(held[phase]) // count])]
        for view, phase, i in shown
    ]  # fmt: skip
    side = min(SIDE, *(n for row in rows for image in row for n in image.shape[1:]))
    dates = DATES if len(held) > 1 else dict.fromkeys(DATES, "")
    columns = ("simulated", "adapted", "real, held out" if not note else "stand-in target, held out")
    names = [f"{some[i].name} {dates[phase]}" for _, phase, i in shown]
    title = "Adaptation"
    if len(views) > 1:
        names = [
            f"{name} false colour" if view != views[0] else name
            for name, (view, _, _) in zip(names, shown, strict=True)
        ]
        title += f" (false colour: {views[1].title})"
    write_sheet(
        path,
        [[_centre(image, side) for image in row] for row in rows],
        columns=columns,
        names=names,
        title=title,
        note=note,
        side=side,
    )


def _centre(image: np.ndarray, side: int) -> np.ndarray:
    """The middle pixels of an image that has at least so many a side."""
    top, left = ((n - side) // 2 for n in image.shape[1:])
    return image[:, top : top + side, left : left + side]

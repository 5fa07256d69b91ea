"""What `mage adapt report` looks at: captures and real images, chosen and seen as pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from adaptation.checkpoint import load_multiband
from pipelines.bands import fitted_bands, target_bands
from pipelines.lazy import Lazy
from pipelines.targets import check_content, check_images, split_target, target_images
from pipelines.views import PICTURES, View
from rasters.capture import read_capture
from rasters.catalogue import finished, list_captures
from rasters.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What the report compares: captures before and after adaptation, real images of the fit and held out.

    Real images are those before the disaster where the target tells dates, but for `held_after`. Of more
    bands than three it is red, green and blue that are seen, which the note says.
    """

    before: list[Path]
    after: list[Path]
    fit: list[Path]
    held: list[Path]
    held_after: list[Path]
    view: View
    note: str

    def simulated(self, phase: str) -> Lazy[np.ndarray]:
        return Lazy(self.before, lambda folder: self.view.simulated(folder, phase))

    def adapted(self, phase: str) -> Lazy[np.ndarray]:
        return Lazy(self.after, lambda folder: self.view.adapted(folder, phase))


def look(
    adapted: Path, captures: Path, target: Path, named: Sequence[str], *, images: int, seed: int
) -> Compared:
    """Chooses what is looked at.

    Args:
        adapted: What `mage adapt` wrote.
        captures: Captures before adaptation.
        target: Folder of real images.
        named: Their bands, if they were named.
        images: Captures, and held-out images, at most.
        seed: Of what is drawn.

    Raises:
        InputError: Captures are missing, or the images are none to compare with.
    """
    before = {folder.name: folder for folder in list_captures(captures)}
    after = finished(adapted / "captures")
    missing = [folder.name for folder in after if folder.name not in before]
    if missing:
        raise InputError(f"{captures} does not hold {missing[0]}, which was adapted; give --captures")
    paths = target_images(target)
    check_images(paths, named)
    view, note = _view(adapted, paths, named, next(iter(before.values())))
    check_content(paths, view.real)
    (fit, _), (held, later) = split_target(paths, target)
    rng = np.random.default_rng([seed, 3])
    some = sorted(int(i) for i in rng.permutation(len(after))[:images])
    after = [after[i] for i in some]
    judges, judges_after = (
        [paths[i] for i in sorted(rng.permutation(len(paths))[:images])] for paths in (held, later)
    )
    teachers = [fit[i] for i in sorted(rng.permutation(len(fit))[: 3 * images])]
    return Compared(
        before=[before[f.name] for f in after],
        after=after,
        fit=teachers,
        held=judges,
        held_after=judges_after,
        view=view,
        note=note,
    )


def _view(adapted: Path, images: Sequence[Path], named: Sequence[str], capture: Path) -> tuple[View, str]:
    """How images are seen, and what a reader is told of it."""
    stored = target_bands(images, named)
    if not stored:
        return PICTURES, ""
    there = tuple(read_capture(capture, []).bands)
    bands = fitted_bands(load_multiband(adapted / "adapter.pt", there), there, stored, images[0])
    note = f"Of {len(bands.names)} bands red, green and blue alone, in the coding of the fit."
    return bands.views()[0], note

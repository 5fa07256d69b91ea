"""Adapters of more bands than three: bands coded as pictures, three by three, an `Adapter` each.

Of B bands the first three, red, green and blue, make one composite and each further three one more.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adaptation.adapter import Adapter
from adaptation.coding import BandCoding, own_pixels
from adaptation.colours import Pair
from adaptation.config import AdaptConfig
from adaptation.fitting import Progress, fit_adapter
from adaptation.material import Labelled
from adaptation.noise import quantise
from adaptation.textures import SIBLINGS
from rasters.layers import RGB

Composite = tuple[int, int, int]


def composites(count: int) -> list[Composite]:
    """Three bands by three of so many, at least three; the last is filled up with the first ones."""
    bands = [*range(count), *range(-count % 3)]
    return [(bands[k], bands[k + 1], bands[k + 2]) for k in range(0, len(bands), 3)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """What a composite is fitted to, (3, H, W) uint8 each; see `fit_adapter`."""

    source: Sequence[Labelled]
    target: Sequence[np.ndarray]
    aftermath: Sequence[Labelled] = ()
    target_after: Sequence[np.ndarray] = ()
    pairs: Sequence[Pair] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MultibandAdapter:
    """Makes simulated bands look like the target's. Bands of wider pixels stay of wider pixels.

    Attributes:
        bands: Their names, red, green and blue first.
        source: Coding of the simulated side.
        target: Coding of the target.
        widths: Side of each band's own pixels on the simulated side [pixels], (B,).
        adapters: Of each of the `composites`.
    """

    bands: tuple[str, ...]
    source: BandCoding
    target: BandCoding
    widths: tuple[int, ...]
    adapters: tuple[Adapter, ...]

    def translate_pair(
        self, before: Labelled, after: Labelled, *, position: tuple[int, int], rng: np.random.Generator
    ) -> tuple[tuple[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
        """Translates (values, land cover) before and after, of one look and one grain in all bands.

        Args:
            before: Simulated values (B, H, W) and codes of `LandCover` (H, W).
            after: The same after the disaster.
            position: (row, col) of the first pixel on the ground grid that the grain is keyed on.
            rng: Draws the looks.

        Returns:
            Of each date the values (B, H, W) uint16 in the target's unit, not rounded to 8 bits between, and
            their picture (3, H, W) uint8 of red, green and blue in the target's coding.

        Raises:
            ValueError: The values have another number of bands, or land cover another shape.
        """
        seed = int(rng.integers(2**63))
        for values, _ in (before, after):
            if len(values) != len(self.bands):
                raise ValueError(f"values must be of {len(self.bands)} bands, got shape {values.shape}")
        made = [np.empty(values.shape, np.float32) for values, _ in (before, after)]
        coded = [(self.source.encode(values), cover) for values, cover in (before, after)]
        for number, (adapter, composite) in enumerate(
            zip(self.adapters, composites(len(self.bands)), strict=True)
        ):
            own = [(k, band) for k, band in enumerate(composite) if band >= 3 * number]  # others fill up
            styles = adapter.draw_pair_styles(np.random.default_rng(seed))
            models = (adapter, adapter.after or adapter)
            for out, (image, cover), model, style in zip(made, coded, models, styles, strict=True):
                three = model.translate_float(image[list(composite)], cover, position=position, style=style)
                for k, band in own:
                    out[band] = own_pixels(three[k], self.widths[band])
        first, second = (
            (self.target.decode(out), np.maximum(quantise(out[:3]), 1))  # black is no data
            for out in made
        )
        return first, second


def fit_multiband(
    sides: Sequence[Sides],
    *,
    bands: Sequence[str],
    source: BandCoding,
    target: BandCoding,
    widths: tuple[int, ...],
    gsd: float,
    config: AdaptConfig,
    rng: np.random.Generator,
    base: Adapter | None = None,
    progress: Progress | None = None,
    method: str = "flow",
) -> MultibandAdapter:
    """An adapter from simulated to real bands.

    The flow of red, green and blue is fitted as `fit_adapter` does, those of the other composites go on from
    it in a fifth of the steps. A sibling, which begins anew, is fitted to each in all of them.

    Args:
        sides: What is fitted to, of each of the `composites` of the coded bands.
        bands: Names of the bands, red, green and blue first.
        source: Coding of the simulated side.
        target: Coding of the target.
        widths: As of `MultibandAdapter`.
        gsd: Of both [m].
        config: How to fit.
        rng: Source of all randomness.
        base: As of `fit_adapter`, for red, green and blue.
        progress: As of `fit_adapter`, of each composite in turn.
        method: As of `fit_adapter`.

    Raises:
        ValueError: The bands do not begin with red, green and blue.
        InputError: As `fit_adapter`.
    """
    if tuple(bands[:3]) != RGB:
        raise ValueError(f"bands must begin with {', '.join(RGB)}, got {', '.join(bands)}")
    adapters: list[Adapter] = []
    for side, of_fit in zip(sides, rng.spawn(len(composites(len(bands)))), strict=True):
        made = fit_adapter(
            side.source,
            side.target,
            gsd=gsd,
            config=config,
            rng=of_fit,
            aftermath=side.aftermath,
            target_after=side.target_after,
            base=adapters[0] if adapters and method not in SIBLINGS else base,
            pairs=side.pairs,
            progress=progress,
            method=method,
            compressed=False,  # reflectance is not, and repeated pixels of coarse bands look like its blocks
        )
        adapters.append(made)
    return MultibandAdapter(
        bands=tuple(bands), source=source, target=target, widths=widths, adapters=tuple(adapters)
    )

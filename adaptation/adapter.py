"""A fitted realism adapter: colours, texture, calibration. Images change, labels stay valid: nothing moves.

   deblocking   the captures' own JPEG, where it shows            (adaptation.deblocking)
   denoising    their own grain, beyond what the target has      (adaptation.optics)
A  radiometry   a colour map a land-cover class, a tone curve     (adaptation.radiometry)
   optics       blur, where simulated edges are too sharp         (adaptation.optics)
B  texture      wavelet details through a normalizing flow        (adaptation.flows; adaptation.textures)
   smoothing    of grain, where the target's calm places have less (adaptation.optics)
C  calibration  a zero-phase radial filter                        (adaptation.calibration)
   residue      of the captures' blocks, which texture brings out (adaptation.deblocking)

Stage B sees the image alone, never the labels: a generator that sees the class map writes it into
the texture, and what learns from such images fails on real ones.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from adaptation.calibration import filter_image
from adaptation.config import AdaptConfig
from adaptation.deblocking import deblock
from adaptation.flows.wavelet import from_opponent, to_opponent
from adaptation.looks import draw_pair_styles, draw_style
from adaptation.material import to_grey
from adaptation.noise import dequantised_source, quantise
from adaptation.optics import denoise, excess_grain, smooth
from adaptation.radiometry import Radiometry, recolour
from adaptation.textures import Texture, apply_texture
from rasters.grid import Window, windows

HALO = 64  # pixels a window sees beyond its edge: more than the flow's receptive field carries visibly
BORDER = 16  # pixels mirrored beyond the edge of the image itself


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """What makes one adapted image differ from another.

    Attributes:
        shift: Of all colours (3,), in [0, 1] units: sun, haze, season, sensor.
        seed: Of the grain; a before/after pair shares it.
    """

    shift: np.ndarray
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Makes simulated images look like the target's.

    Attributes:
        config: As fitted.
        gsd: Ground sample distance of both sides [m].
        deblocking: Strength with which the captures' blocks are smoothed [grey levels]; 0 for none.
        grain: Standard deviation of the grain that each capture may keep of its own, in [0, 1]; what is
            beyond it is smoothed first. Infinite where all of it stays.
        radiometry: Stage A.
        flow: Stage B, in eval mode: the flow or a sibling.
        kernels: Stage C, (3, TAPS, TAPS), for opponent colours.
        smoothing: Standard deviation of the grain that is smoothed before stage C, in [0, 1]; 0 for none.
        residue: As `deblocking`, of the adapted image.
        grey: Whether the target is panchromatic; adapted images then have three equal bands.
        summary: What is known of the fit: counts, losses, seed; JSON values.
        after: For images after a disaster, where the target's are acquisitions of another look; else None. Of
            one colour map for all classes.
    """

    config: AdaptConfig
    gsd: float
    deblocking: float
    grain: float
    radiometry: Radiometry
    flow: Texture
    kernels: np.ndarray
    smoothing: float
    residue: float
    grey: bool
    summary: dict[str, object]
    after: "Adapter | None" = None

    def draw_style(self, rng: np.random.Generator) -> Style:
        """The look of one image."""
        return Style(shift=draw_style(self.radiometry.style_root, rng), seed=int(rng.integers(2**63)))

    def draw_pair_styles(self, rng: np.random.Generator) -> tuple[Style, Style]:
        """The looks of the images before and after: correlated colours, one grain."""
        roots = (self.radiometry.style_root, (self.after or self).radiometry.style_root)
        shifts = draw_pair_styles(roots, self.radiometry.correlation, rng)
        seed = int(rng.integers(2**63))
        return Style(shift=shifts[0], seed=seed), Style(shift=shifts[1], seed=seed)

    def translate(
        self, image: np.ndarray, land_cover: np.ndarray, *, position: tuple[int, int], style: Style
    ) -> np.ndarray:
        """The image (3, H, W) uint8 as the target's sensor might have seen it, uint8.

        Args:
            image: (3, H, W) uint8, simulated; whole, for compression blocks are counted from its corner and
                its own grain is measured on it.
            land_cover: (H, W) codes of `LandCover`.
            position: (row, col) of the image's first pixel on the ground grid that the grain is keyed on.
            style: From `draw_style` or `draw_pair_styles`.

        Raises:
            ValueError: Shapes or types are others.
        """
        out = np.empty(image.shape, dtype=np.uint8)
        for core, made in self._pieces(image, land_cover, position, style):
            out[(slice(None), *core.slices)] = quantise(made)
        return deblock(out, self.config.strength * self.residue)

    def translate_pair(
        self,
        before: tuple[np.ndarray, np.ndarray],
        after: tuple[np.ndarray, np.ndarray],
        *,
        position: tuple[int, int],
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Translates (image, land cover) before and after; unchanged ground gets the same grain."""
        first, second = self.draw_pair_styles(rng)
        return (
            self.translate(*before, position=position, style=first),
            (self.after or self).translate(*after, position=position, style=second),
        )

    def translate_float(
        self, image: np.ndarray, land_cover: np.ndarray, *, position: tuple[int, int], style: Style
    ) -> np.ndarray:
        """As `translate`, float32 in about [0, 1], not clipped, not rounded, with the blocks' residue."""
        out = np.empty(image.shape, dtype=np.float32)
        for core, made in self._pieces(image, land_cover, position, style):
            out[(slice(None), *core.slices)] = made
        return out

    def _pieces(
        self, image: np.ndarray, land_cover: np.ndarray, position: tuple[int, int], style: Style
    ) -> Iterator[tuple[Window, np.ndarray]]:
        """Windows that cover the image and what is made of each, float32 (3, h, w)."""
        _check(image, land_cover)
        image = deblock(to_grey(image) if self.grey else image, self.deblocking)
        excess = excess_grain(image, self.grain)
        for core in windows(*land_cover.shape, size=self.config.tile):
            outer = _outer(core, land_cover.shape, position, 2**self.config.levels)
            rows = _mirror(outer.row, outer.height, land_cover.shape[0])
            cols = _mirror(outer.col, outer.width, land_cover.shape[1])
            place = Window(
                row=outer.row + position[0],
                col=outer.col + position[1],
                height=outer.height,
                width=outer.width,
            )
            seen = denoise(image[:, rows[:, None], cols], excess)
            made = self._window(seen, land_cover[rows[:, None], cols], place, style)
            top, left = core.row - outer.row, core.col - outer.col
            made = made[:, top : top + core.height, left : left + core.width]
            yield core, np.repeat(made.mean(axis=0, keepdims=True), 3, axis=0) if self.grey else made

    def _window(self, image: np.ndarray, land_cover: np.ndarray, place: Window, style: Style) -> np.ndarray:
        """One cleaned window (3, H, W), sizes and position multiples of 2**levels, through stages A to C."""
        coloured = recolour(self.radiometry, image, land_cover, style.shift)
        if self.config.strength == 0:
            return coloured
        x = torch.from_numpy(dequantised_source(coloured, place, style.seed))[None]
        with torch.inference_mode():
            x = to_opponent(x.to(self.config.device))
            made = apply_texture(self.flow, x, self.config, place=place, seed=style.seed)
            made = filter_image(smooth(made, self.smoothing), self.kernels)
            made = from_opponent(made)[0].cpu().numpy()
        return coloured + np.float32(self.config.strength) * (made - coloured)


def _outer(core: Window, shape: tuple[int, int], position: tuple[int, int], multiple: int) -> Window:
    """The window that is computed for a core: wider by the halo, on multiples of the wavelet's step."""
    spans = []
    for start, size, length, origin in zip(
        (core.row, core.col), (core.height, core.width), shape, position, strict=True
    ):
        first = max(start - HALO, -BORDER) + origin
        last = min(start + size + HALO, length + BORDER) + origin
        first, last = first // multiple * multiple, -(-last // multiple) * multiple
        spans.append((first - origin, last - first))
    (row, height), (col, width) = spans
    return Window(row=row, col=col, height=height, width=width)


def _mirror(start: int, size: int, length: int) -> np.ndarray:
    """Indices start to start + size of an axis of `length` that is mirrored at its ends."""
    folded = np.arange(start, start + size) % (2 * length)
    return np.minimum(folded, 2 * length - 1 - folded)


def _check(image: np.ndarray, land_cover: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[0] != 3:
        raise ValueError(f"image must be uint8 of shape (3, H, W), got {image.dtype} of {image.shape}")
    if land_cover.shape != image.shape[1:]:
        raise ValueError(f"land cover must be of shape {image.shape[1:]}, got {land_cover.shape}")

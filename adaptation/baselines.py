"""What an adapter has to beat: plain methods that need no training, behind one signature.

Each is fitted to simulated and real images and gives a `Translate`, which changes colours alone or, FDA, also
the coarsest structure; none of them moves an edge.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from adaptation.colours import apply_table, transport_table
from adaptation.config import AdaptConfig
from adaptation.material import Labelled, Material, gather
from adaptation.noise import quantise
from adaptation.radiometry import gaussian_transport
from adaptation.spectrum import valid_pixels

Translate = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""A simulated image (3, H, W) uint8 as the target's sensor might have seen it, uint8 of the same shape. The
generator draws its look; before and after of one place are given generators in the same state."""

FDA_SHARE = 0.02  # of the spectrum's side: of 0.01, 0.05 and 0.09 in the paper, the quiet end
KNOTS = (np.arange(256) + 0.5) / 256


def unchanged(material: Material, rng: np.random.Generator) -> Translate:
    """The simulated image as it is."""
    return lambda image, rng: image


def histograms(material: Material, rng: np.random.Generator) -> Translate:
    """Each band's histogram over all simulated images is carried to that over all real ones."""
    quantiles = [np.quantile(colours, KNOTS, axis=0) for colours in _colours(material)]
    levels = np.arange(256) / 255
    tables = [np.interp(levels, quantiles[0][:, band], quantiles[1][:, band]) for band in range(3)]
    table = np.rint(np.clip(tables, 0, 1) * 255).astype(np.uint8)
    return lambda image, rng: np.stack([table[band][image[band]] for band in range(3)])


def gaussian(material: Material, rng: np.random.Generator) -> Translate:
    """The Monge map between the Gaussians of all colours (Pitie and Kokaram 2007)."""
    source, target = _colours(material)
    matrix = gaussian_transport(np.cov(source, rowvar=False), np.cov(target, rowvar=False))
    offset = target.mean(axis=0) - matrix @ source.mean(axis=0)

    def translate(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        x = image.reshape(3, -1).astype(np.float32) / 255
        return quantise((matrix @ x + offset[:, None]).reshape(image.shape))

    return translate


def sliced(material: Material, rng: np.random.Generator) -> Translate:
    """Sliced optimal transport of all colours (Pitie et al. 2007), as a table of 64^3 colours."""
    table = transport_table(material, rng)
    return lambda image, rng: quantise(apply_table(image, table))


def fourier(material: Material, rng: np.random.Generator) -> Translate:
    """FDA: the lowest frequencies' amplitudes are a real image's (Yang and Soatto 2020, arXiv:2004.05498)."""

    def translate(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        style = material.target[int(rng.integers(len(material.target)))].astype(np.float64) / 255
        spectrum = np.fft.fft2(image / 255)
        size = max(1, round(FDA_SHARE * min(image.shape[1:])))
        rows, cols = (np.r_[:size, -size + 1 : 0] if size > 1 else np.r_[:1] for _ in range(2))
        wanted = np.abs(np.fft.fft2(style)) / style[0].size * image[0].size
        low = np.ix_(range(3), rows, cols)
        spectrum[low] = wanted[low] * np.exp(1j * np.angle(spectrum[low]))
        return quantise(np.fft.ifft2(spectrum).real)

    return translate


BASELINES: Mapping[str, Callable[[Material, np.random.Generator], Translate]] = {
    "none": unchanged,
    "histogram": histograms,
    "gaussian": gaussian,
    "sliced": sliced,
    "fda": fourier,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """A fitted plain method in the place of an `adaptation.adapter.Adapter`."""

    translate: Translate

    def translate_pair(
        self, before: Labelled, after: Labelled, *, position: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Translates (image, land cover) before and after alike; labels and position are not looked at."""
        del position
        seed = int(rng.integers(2**63))
        first, second = (self.translate(image, np.random.default_rng(seed)) for image, _ in (before, after))
        return first, second


def fit_baseline(
    name: str,
    source: Sequence[Labelled],
    target: Sequence[np.ndarray],
    *,
    config: AdaptConfig,
    rng: np.random.Generator,
) -> Baseline:
    """One of `BASELINES`, fitted to the images an adapter would be fitted to.

    Args:
        name: Of the method.
        source: Simulated images (3, H, W) uint8 with land cover, before any disaster.
        target: Real images (3, H, W) uint8.
        config: `max_images` and `crop` are looked at.
        rng: Source of all randomness.

    Raises:
        InputError: Too few or too small images.
    """
    of_material, of_method = rng.spawn(2)
    return Baseline(translate=BASELINES[name](gather(source, (), target, config, of_material), of_method))


def _colours(material: Material) -> tuple[np.ndarray, np.ndarray]:
    """Every seventh valid pixel of the simulated and the real images, (N, 3) in [0, 1]."""
    sides = ([image for image, _ in material.ordinary], material.target)
    source, target = (
        np.concatenate([i[:, valid_pixels(i)][:, ::7] for i in images], axis=1).T / 255 for images in sides
    )
    return source, target

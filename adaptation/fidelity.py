"""Is an adapted image closer to real ones, and are its labels still true? Numbers with floor and spread.

Feature distances are named KD-lite0: kernel distances (Binkowski et al. 2018, arXiv:1801.01401) on
EfficientNet-lite0 features, standardised by the real images. They order methods on one data set and
compare with no published KID. A better distance does not promise better training: test that too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from adaptation.descriptors import PERIODS, Descriptor, describe
from adaptation.sliced import sliced_distance
from adaptation.spectrum import bin_centres
from backbones import lite0_encoder
from rasters.errors import InputError

HALVES = 50  # of the real images, that the band of spectra is measured on

METRICS: Mapping[str, str] = {
    "kd_lite0_deep": "KD-lite0, deep features",
    "kd_lite0_texture": "KD-lite0, texture features",
    "colour_w1": "Colour, sliced W1 [grey levels]",
    "gradient_w1": "Gradient, W1 [grey levels]",
    "spectrum_db": "Radial spectrum, mean error [dB]",
    **{f"block_ratio_{p}": f"Block ratio at {p} px (1 = no grid)" for p in PERIODS},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A number and how much it varies when other images are drawn.

    Attributes:
        value: On the images at hand.
        spread: Standard deviation over bootstrap draws of images (of the floor: over half splits).
    """

    value: float
    spread: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Whether an adapted image still lies under its labels.

    Attributes:
        gradient_correlation: Of the gradient maps before and after adaptation, 1 if all edges are kept.
        shift: Displacement at label edges, (row, col) [px].
    """

    gradient_correlation: float
    shift: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class FidelityReport:
    """Distances of sets of images to held-out real ones.

    Attributes:
        measures: Set name -> metric -> measure.
        floor: Metric -> what two halves of the real images measure against each other.
        images: Set name -> number of images; "real" among them.
        spectra: Set name -> mean radial power of the luminance (BINS,) [dB]; "real" among them.
        spectrum_band: What 95 % of halves of the real images keep within (2, BINS) [dB].
    """

    measures: Mapping[str, Mapping[str, Measure]]
    floor: Mapping[str, Measure]
    images: Mapping[str, int]
    spectra: Mapping[str, np.ndarray]
    spectrum_band: np.ndarray

    def to_json(self) -> dict[str, object]:
        """Plain values for a JSON file."""
        plain = {
            name: {k: [m.value, m.spread] for k, m in row.items()} for name, row in self.measures.items()
        }
        floor = {k: [m.value, m.spread] for k, m in self.floor.items()}
        spectra = {
            "cycles_per_pixel": bin_centres().tolist(),
            "sets": {name: np.round(line, 3).tolist() for name, line in self.spectra.items()},
            "real_halves": np.round(self.spectrum_band, 3).tolist(),
        }
        return {
            "measures": plain,
            "floor": floor,
            "images": dict(self.images),
            "metrics": dict(METRICS),
            "spectra": spectra,
        }

    def to_markdown(self) -> str:
        """A table, a metric a row."""
        names = list(self.measures)
        lines = [
            "| metric | " + " | ".join([*names, "real against real"]) + " |",
            "|---" * (len(names) + 2) + "|",
        ]
        for key, title in METRICS.items():
            cells = [*(self.measures[name][key] for name in names), self.floor[key]]
            lines.append(
                f"| {title} | " + " | ".join(f"{m.value:.3g} ± {m.spread:.2g}" for m in cells) + " |"
            )
        counts = ", ".join(f"{name} {n}" for name, n in self.images.items())
        lines += ["", f"Images: {counts}. ±: standard deviation over bootstrap draws of images."]
        return "\n".join(lines) + "\n"


def fidelity(
    sets: Mapping[str, Sequence[np.ndarray]],
    real: Sequence[np.ndarray],
    *,
    rng: np.random.Generator,
    draws: int = 10,
) -> FidelityReport:
    """How far each set of images is from real ones.

    Args:
        sets: Name (such as "simulated", "adapted") -> images (3, H, W) uint8.
        real: Held-out real images, none of which the adapter was fitted to.
        rng: Chooses pixels, patches, and draws.
        draws: Bootstrap draws and half splits.

    Raises:
        InputError: Fewer than four real images, or two in a set, with enough data.
    """
    encoder = lite0_encoder()
    reference = describe(real, encoder, rng)
    if len(reference) < 4:
        raise InputError(f"fidelity needs at least 4 real images with data, got {len(reference)}")
    measures, counts, spectra = {}, {"real": len(reference)}, {"real": _spectrum(reference)}
    for name, images in sets.items():
        described = describe(images, encoder, rng)
        if len(described) < 2:
            raise InputError(f"fidelity needs at least 2 images, got {len(described)} named {name!r}")
        counts[name], spectra[name] = len(described), _spectrum(described)
        drawn = [_resampled(described, rng) for _ in range(draws)]
        values = [_distances(images, reference, reference, rng) for images in (described, *drawn)]
        measures[name] = {
            k: Measure(value=values[0][k], spread=float(np.std([v[k] for v in values[1:]]))) for k in METRICS
        }
    return FidelityReport(
        measures=measures,
        floor=_floor(reference, rng, draws),
        images=counts,
        spectra=spectra,
        spectrum_band=_spectrum_band(reference, rng),
    )


def _spectrum(images: list[Descriptor]) -> np.ndarray:
    return 10 * np.log10(np.mean([d.spectrum for d in images], axis=0))


def _spectrum_band(real: list[Descriptor], rng: np.random.Generator) -> np.ndarray:
    """Halves of the images scatter as much as sets of their number do (the delete-half jackknife)."""
    halves = [
        _spectrum([real[i] for i in rng.permutation(len(real))[: len(real) // 2]]) for _ in range(HALVES)
    ]
    return _spectrum(real) + 1.96 * np.std(halves, axis=0) * np.array([[-1.0], [1.0]])


def _floor(real: list[Descriptor], rng: np.random.Generator, draws: int) -> dict[str, Measure]:
    values = []
    for _ in range(draws):
        order = rng.permutation(len(real))
        halves = [[real[i] for i in part] for part in np.array_split(order, 2)]
        values.append(_distances(halves[0], halves[1], real, rng))
    return {
        k: Measure(value=float(np.mean([v[k] for v in values])), spread=float(np.std([v[k] for v in values])))
        for k in METRICS
    }


def _resampled(items: list[Descriptor], rng: np.random.Generator) -> list[Descriptor]:
    return [items[i] for i in rng.integers(len(items), size=len(items))]


def _distances(
    images: list[Descriptor], real: list[Descriptor], scale: list[Descriptor], rng: np.random.Generator
) -> dict[str, float]:
    """All metrics between two sets; features are standardised by `scale`."""
    values = {}
    for name in ("deep", "texture"):
        a, b, c = (np.concatenate([getattr(d, name) for d in side]) for side in (images, real, scale))
        mean, std = c.mean(axis=0), c.std(axis=0) + 1e-6
        values[f"kd_lite0_{name}"] = kernel_distance((a - mean) / std, (b - mean) / std)
    colours = [np.concatenate([d.colours for d in side]) for side in (images, real)]
    values["colour_w1"] = sliced_distance(colours[0], colours[1], rng)
    quantiles = (np.arange(1024) + 0.5) / 1024
    gradients = [
        np.quantile(np.concatenate([d.gradients for d in side]), quantiles) for side in (images, real)
    ]
    values["gradient_w1"] = float(np.abs(gradients[0] - gradients[1]).mean())
    spectra = [np.mean([d.spectrum for d in side], axis=0) for side in (images, real)]
    values["spectrum_db"] = float(np.abs(10 * np.log10(spectra[0] / spectra[1])).mean())
    blocks = np.sum([d.blocks for d in images], axis=0)
    for period, ((on, on_count), (off, off_count)) in zip(PERIODS, blocks, strict=True):
        values[f"block_ratio_{period}"] = float((on / on_count) / max(off / off_count, 1e-9))
    return values


def kernel_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Unbiased squared MMD of a (N, d) and b (M, d), kernel (x.y / d + 1)^3; may be negative."""

    def mean(x: np.ndarray, y: np.ndarray, *, same: bool) -> float:
        kernel = (x @ y.T / x.shape[1] + 1) ** 3
        if same:
            return float((kernel.sum() - np.trace(kernel)) / (len(x) * (len(x) - 1)))
        return float(kernel.mean())

    return mean(a, a, same=True) + mean(b, b, same=True) - 2 * mean(a, b, same=False)


def structure(original: np.ndarray, adapted: np.ndarray, land_cover: np.ndarray) -> Structure | None:
    """How well adapted (3, H, W) uint8 keeps the edges of original, at the borders of land_cover (H, W).

    None if there is no label edge to look at: one class everywhere, or an image that is flat around them.
    """
    maps = [gradient(image) for image in (original, adapted)]
    border = cv2.morphologyEx(land_cover, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    near = cv2.GaussianBlur(border.astype(np.float64), (9, 9), 2)
    if not border.any() or any(np.ptp(m[near > 0]) == 0 for m in maps):
        return None
    correlation = float(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1])
    centred = [(m - np.average(m, weights=near + 1e-9)) * near for m in maps]
    return Structure(gradient_correlation=correlation, shift=displacement(*centred))


def displacement(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """By how much (row, col) b (H, W) lies further than a [px], at most a quarter of the image.

    The peak of their correlation, refined by a parabola. Phase correlation is left alone: it weighs all
    frequencies alike, and where one image is blurred, noise decides.
    """
    padded = [np.pad(x, [(0, n // 4) for n in x.shape]) for x in (a, b)]
    spectrum = np.conj(np.fft.rfft2(padded[0])) * np.fft.rfft2(padded[1])
    correlation = np.fft.irfft2(spectrum, s=padded[0].shape)
    peak = np.unravel_index(int(correlation.argmax()), correlation.shape)
    shift = []
    for axis, (at, size) in enumerate(zip(peak, correlation.shape, strict=True)):
        line = np.take(correlation, peak[1 - axis], axis=1 - axis)
        low, top, high = line[at - 1], line[at], line[(at + 1) % size]
        refined = at + 0.5 * (low - high) / (low - 2 * top + high)
        shift.append(float(refined - size if refined > size / 2 else refined))
    return shift[0], shift[1]


def gradient(image: np.ndarray) -> np.ndarray:
    """Size of the gradient of the mean colour, float64 (H, W)."""
    grey = image.mean(axis=0)
    return np.hypot(cv2.Sobel(grey, cv2.CV_64F, 1, 0), cv2.Sobel(grey, cv2.CV_64F, 0, 1))

"""Fitting stage A: class colours of the target without labels of the target.

Simulated images are brought near the target by sliced optimal transport, and a light classifier is taught on
them. Its confident answers on the real images and on the simulated ones give each class's colours on both
sides, and those the class maps. Like is compared with like: which pixels it is sure of, and what it takes for
something else, is the same on both sides and moves no colour. Several are taught, on halves of the patches;
what they agree on in the mean is measured, and where they scatter, a class is not believed to differ.
"""

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from adaptation.config import AdaptConfig
from adaptation.knothe import ColourFlow
from adaptation.knothe_fit import fit_flow
from adaptation.material import Labelled, Material, patch
from adaptation.pseudolabels import (
    CELL,
    CellClassifier,
    cell_features,
    cell_labels,
    fit_classifier,
    jitter,
    pseudo_label,
)
from adaptation.radiometry import (
    MIN_PIXELS,
    Radiometry,
    believed_pixels,
    class_colours,
    departures,
    fit_radiometry,
)
from adaptation.sliced import apply_transport, transport_colours
from adaptation.spectrum import valid_pixels
from adaptation.statistics import MAPPED, PairStyle, colour_stats, pair_style
from adaptation.tones import LONGEST_TOE, LONGEST_TOE_OF_ALL, ToneCurve, fit_toe, tone_inverse
from backbones import lite0_encoder
from rasters.classes import LandCover
from rasters.errors import InputError

Pair = tuple[np.ndarray, np.ndarray]

_SIDE = 256  # pixels, of the patches that are labelled
_PATCHES = 64  # a side
_CLASSIFIERS = 6  # each taught on half of the patches and asked on half, against mistakes of a single one
_PAIRS = 48  # at most that looks are measured on
# Of the deepest shadow under the thickest haze, and a white roof's brightest band in the dullest picture:
# assumptions.
DARKEST_GREY, BRIGHTEST_GREY = 0.15, 0.75
_CLASS_PIXELS = 20_000  # of each class and side that the flow's splines are fitted to
_THIN = 9  # of so many pixels, one is looked at in finding the tone curve, which refits the maps each time
_COLOURS = 40_000  # pixels a side that the colour transport is fitted on


def fit_colours(
    material: Material, config: AdaptConfig, rng: np.random.Generator, pairs: Sequence[Pair] = ()
) -> tuple[Radiometry, dict[str, int]]:
    """Class colour maps, and how many target pixels each class's own colours count for.

    Args:
        material: Of both sides.
        config: How to fit.
        rng: Source of all randomness.
        pairs: Real images (3, H, W) uint8 of one place before and after each, to measure looks on.
    """
    encoder = lite0_encoder()
    table = transport_table(material, rng)
    classifiers = _classifiers(material.ordinary, table, encoder, rng)
    theirs = _Side(config.confidence, [
        (image, cell_features(encoder, image / np.float32(255))) for image in _patches(material.target, rng)
    ])  # fmt: skip
    ours = _Side(config.confidence, [
        (image, cell_features(encoder, apply_table(image, table)))
        for image in _patches([image for image, _ in material.ordinary], rng)
    ])  # fmt: skip
    halves = []
    for model in classifiers:
        our_half, their_half = (
            side.samples([model], _half(len(side.patches), rng), CELL) for side in (ours, theirs)
        )
        halves.append((colour_stats(our_half), their_half))
    simulated, real = (side.samples(classifiers, range(len(side.patches))) for side in (ours, theirs))
    source = colour_stats(simulated)

    def fitted(
        seen: Sequence[Labelled], tones: ToneCurve, looks: PairStyle | None = None
    ) -> tuple[Radiometry, np.ndarray, np.ndarray]:
        """The maps, and of each class the target's pixels and those its own colours count for."""
        target = colour_stats(_linear(seen, tones))
        draws = [departures(half, colour_stats(_linear(their_half, tones))) for half, their_half in halves]
        believed = believed_pixels(np.stack(draws), target.count)
        made = fit_radiometry(
            source,
            target,
            believed=believed,
            tones=tones,
            style=config.style,
            by_class=config.class_colour,
            looks=looks,
        )
        return made, target.count, believed

    tones = _tone_curve(lambda *how: fitted(*how)[0], simulated, real, _ends(material), config)

    def label(image: np.ndarray) -> np.ndarray:
        """Pseudo-labels (H, W) of a real image (3, H, W) uint8, 0 where there are none."""
        features = cell_features(encoder, image / np.float32(255))
        found = pseudo_label(classifiers, features, confidence=config.confidence)
        return np.where(valid_pixels(image), found, np.uint8(0))

    looks = pair_style([_labelled_pair(pair, tones, label, rng) for pair in _some(pairs, rng)], MAPPED)
    radiometry, count, believed = fitted(real, tones, looks)
    if config.style_correlation is not None:
        radiometry = dataclasses.replace(radiometry, correlation=config.style_correlation)
    if config.radiometry == "spline":
        flow = _fit_flow(simulated, _linear(real, tones), (count, believed), config, rng)
        radiometry = dataclasses.replace(radiometry, flow=flow)
    return radiometry, {c.name.lower(): int(believed[c]) for c in MAPPED if count[c]}


@dataclass(frozen=True, slots=True)
class _Side:
    """Patches (3, H, W) uint8 of the simulated or the real images with the features of their cells."""

    confidence: float
    patches: list[tuple[np.ndarray, Tensor]]

    def samples(
        self, models: Sequence[CellClassifier], chosen: Iterable[int], step: int = 1
    ) -> list[Labelled]:
        """Colours and classes of every `step`-th pixel of patches, in rows and columns, that holds data."""
        found = []
        for image, features in (self.patches[i] for i in chosen):
            classes = pseudo_label(models, features, confidence=self.confidence)
            wanted = np.zeros(classes.shape, dtype=bool)
            wanted[::step, ::step] = valid_pixels(image)[::step, ::step]
            colours, classes = _pixels(image, classes, wanted)
            found.append((colours, classes))
        return found


def _classifiers(
    labelled: Sequence[Labelled], table: np.ndarray, encoder: nn.Module, rng: np.random.Generator
) -> list[CellClassifier]:
    """Each taught on the cells of half of the patches."""
    generator = torch.Generator().manual_seed(int(rng.integers(2**63)))
    teaching = _teaching_cells(labelled, table, encoder, rng)
    made = []
    for _ in range(_CLASSIFIERS):
        features, labels = zip(*(teaching[i] for i in _half(len(teaching), rng)), strict=True)
        made.append(fit_classifier(torch.cat(features), torch.cat(labels), generator))
    return made


def _half(count: int, rng: np.random.Generator) -> list[int]:
    """Half of so many things, at random, at least one."""
    return [int(i) for i in rng.permutation(count)[: max(1, count // 2)]]


def _patches(images: Sequence[np.ndarray], rng: np.random.Generator) -> Iterator[np.ndarray]:
    """`_PATCHES` random squares of images in turn, (3, `_SIDE`, `_SIDE`) or smaller."""
    for k in range(_PATCHES):
        image = images[k % len(images)]
        yield image[(slice(None), *patch(image.shape, _SIDE, rng))]


def _some(pairs: Sequence[Pair], rng: np.random.Generator) -> list[Pair]:
    """At most `_PAIRS` pairs, at random."""
    return [pairs[int(i)] for i in np.sort(rng.permutation(len(pairs))[:_PAIRS])]


def _labelled_pair(
    pair: Pair,
    tones: ToneCurve,
    label: Callable[[np.ndarray], np.ndarray],
    rng: np.random.Generator,
) -> tuple[Labelled, Labelled]:
    """Colours and classes of a patch before and after, where both are known to be of one class."""
    if pair[0].shape != pair[1].shape:
        raise InputError(
            f"target images before and after one place must be of one shape, got {pair[0].shape} and "
            f"{pair[1].shape}; bring them onto one grid, or give names that do not pair them"
        )
    where = patch(pair[0].shape, _SIDE, rng)
    images = [image[(slice(None), *where)] for image in pair]
    covers = [label(image) for image in images]
    agreed = np.where(covers[0] == covers[1], covers[0], 0)
    before, after = (_pixels(image, agreed, agreed > 0) for image in images)
    return (tone_inverse(before[0], tones), before[1]), (tone_inverse(after[0], tones), after[1])


def _fit_flow(
    simulated: Sequence[Labelled],
    real: Sequence[Labelled],
    pixels: tuple[np.ndarray, np.ndarray],
    config: AdaptConfig,
    rng: np.random.Generator,
) -> ColourFlow:
    """The flow of class colours, from those of the images of both sides.

    `pixels` of each class in the target, and those that its own colours count for.
    """
    sides = [
        {c: x[rng.permutation(len(x))[:_CLASS_PIXELS]] for c, x in _by_class(side).items()}
        for side in (simulated, real)
    ]
    both = [c for c in MAPPED if all(len(side[c]) >= MIN_PIXELS for side in sides)]
    source, target = ({int(c): side[c] for c in both} for side in sides)
    counts, believed = ({int(c): float(side[c]) for c in both} for side in pixels)
    return fit_flow(source, target, counts, believed=believed, by_class=config.class_colour, rng=rng)


def _by_class(samples: Sequence[Labelled]) -> dict[LandCover, np.ndarray]:
    """Colours of each trusted class over all images, (N, 3)."""
    colours, classes = (np.concatenate(parts) for parts in zip(*samples, strict=True))
    return {c: colours[classes == c] for c in MAPPED}


def _ends(material: Material) -> tuple[float, float]:
    """The 0.2 % quantile of the target's grey and the 99.8 % one of its brightest band, in [0, 1], within
    what pictures can be like."""
    colours = np.concatenate([i[:, valid_pixels(i)][:, ::11] for i in material.target], axis=1)
    darkest = float(np.quantile(colours.mean(axis=0), 0.002)) / 255
    brightest = float(np.quantile(colours.max(axis=0), 0.998)) / 255
    return min(darkest, DARKEST_GREY), max(brightest, BRIGHTEST_GREY)


def _linear(samples: Sequence[Labelled], tones: ToneCurve) -> list[Labelled]:
    """Real colours as a sensor without a tone curve would have seen them."""
    return [(tone_inverse(colours, tones), classes) for colours, classes in samples]


def _tone_curve(
    fitted: Callable[[Sequence[Labelled], ToneCurve], Radiometry],
    simulated: Sequence[Labelled],
    real: Sequence[Labelled],
    ends: tuple[float, float],
    config: AdaptConfig,
) -> ToneCurve:
    """The curve between two ends [0, 1] whose toe fits, by the maps that are affine.

    Maps are fitted to one of `_THIN` pixels for it, where there are enough.
    """
    step = _THIN if _common(simulated, real, _THIN * MIN_PIXELS) else 1
    ours, theirs = ([(x[::step], classes[::step]) for x, classes in side] for side in (simulated, real))
    seen = _common(ours, theirs, MIN_PIXELS)
    sides = [_by_class(side) for side in (ours, theirs)]

    def made(toe: float) -> list[np.ndarray]:
        radiometry = fitted(theirs, ToneCurve(*ends, toe))
        return [class_colours(radiometry, sides[0][c], c) for c in seen]

    longest = LONGEST_TOE if config.class_colour else LONGEST_TOE_OF_ALL
    return ToneCurve(*ends, fit_toe(made, [sides[1][c] for c in seen], longest))


def _common(simulated: Sequence[Labelled], real: Sequence[Labelled], least: int) -> list[LandCover]:
    """Trusted classes that have so many pixels on both sides."""
    sides = [_by_class(side) for side in (simulated, real)]
    return [c for c in MAPPED if min(len(side[c]) for side in sides) >= least]


def _pixels(image: np.ndarray, classes: np.ndarray, wanted: np.ndarray) -> Labelled:
    """Colours (N, 3) in [0, 1] and classes (N,), 0 where none is sure, of the wanted pixels (H, W)."""
    return image[:, wanted].T.astype(np.float32) / 255, classes[wanted]


def transport_table(material: Material, rng: np.random.Generator) -> np.ndarray:
    """How the sliced transport shifts each of 64^3 colours, float32 (64, 64, 64, 3)."""
    sides = []
    for images in ([image for image, _ in material.ordinary], material.target):
        pixels = np.concatenate([i[:, valid_pixels(i)][:, ::7] for i in images], axis=1).T / 255
        sides.append(pixels[rng.integers(len(pixels), size=_COLOURS)])
    steps = transport_colours(sides[0], sides[1], rng)
    axis = (np.arange(64) * 4 + 1.5) / 255
    grid = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1)
    moved = apply_transport(grid.reshape(-1, 3), steps).reshape(grid.shape)
    return (moved - grid).astype(np.float32)


def apply_table(image: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Image (3, H, W) uint8 shifted by `transport_table`, float32 in about [0, 1]."""
    return image.astype(np.float32) / 255 + table[tuple(image >> 2)].transpose(2, 0, 1)


def _teaching_cells(
    labelled: Sequence[Labelled], table: np.ndarray, encoder: nn.Module, rng: np.random.Generator
) -> list[tuple[Tensor, Tensor]]:
    """Features (N, K) and classes (N,) of the cells of each recoloured, jittered simulated patch."""
    cells = []
    for k in range(_PATCHES):
        image, cover = labelled[k % len(labelled)]
        where = patch(image.shape, _SIDE, rng)
        image, cell = image[(slice(None), *where)], torch.from_numpy(cell_labels(cover[where]))
        made = cell_features(encoder, jitter(apply_table(image, table), rng))
        cells.append((made[cell > 0], cell[cell > 0]))
    return cells

"""Stage A: colours. An affine map for each land-cover class carries its simulated colours to its real ones.

Per class c the Gaussian optimal transport (the Monge map between Gaussians; Pitie and Kokaram 2007,
doi:10.1049/cp:20070055)

    x -> M_c (x - mu_source,c) + mu_target,c,   M_c = S^-1/2 (S^1/2 T S^1/2)^1/2 S^-1/2

with the statistics of a class with few pixels shrunk to what the common map predicts. A disaster must
survive this: gains are bounded, so that contrast stays; a colour that is unlike its class, such as a burnt
meadow's, takes the common map and not the meadow's; and so do the classes that have no target statistics. A
chroma that is wholly unlike its class, such as a tarpaulin's on a roof, takes the spared map, the common one
with the contrast of luminance in all colours: that is the sensor's, while ordinary ground may be duller in
the target for what it is made of.
What comes out too dark or too bright is not cut off but pressed towards the target's darkest and brightest
grey by a tone curve, which the target's statistics are measured through.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch

from adaptation.flows.wavelet import OPPONENT
from adaptation.knothe import ColourFlow, quick_forward
from adaptation.looks import CORRELATION, style_root
from adaptation.optics import blur
from adaptation.statistics import CLASSES, MAPPED, ColourStats, PairStyle
from adaptation.tones import PLAIN, ToneCurve, tone
from rasters.classes import LandCover
from rasters.errors import InputError

SHRINKAGE = 300.0  # pixels that a class prior weighs; an assumption that measured well on two targets
MIN_PIXELS = 30
GAIN_RANGE = (0.55, 1.8)  # of a map's principal gains: contrast is kept within this
# Of the luminance's gain or of 1: the least gain of the one map for all classes, as after a disaster. Rubble,
# ash and tarpaulins differ from other ground in chroma, and a target that is duller than the simulation may
# not take that from them, though it may be hazier. An assumption.
LEAST_SHARE = 1.0
OWN_GAIN_RANGE = (0.75, 1.33)  # of a class map's gains beyond the common map's
MIX_RANGE = (0.67, 1.5)  # of the factor on a class's share in the simulated images; an assumption
TYPICAL = 3.0  # deviations from a class at which a colour is given half to the common map
# Deviations of chroma from its class at which it is given half to the spared map: shadows under trees, blue
# with sky, are 2 to 3 away, tarpaulins on roofs 5.
STRANGE = 4.0
# How far a class may go its own way from the common map, along luminance, red-green and yellow-blue [opponent
# units]. A sensor and a sky change all classes alike: more is a mistaken pseudo-label (roads of trees, say).
# An assumption.
DEPARTURE = np.array([45.0, 9.0, 9.0]) / 255
EDGE_SIGMA = 0.6  # [px] of the blur of the class weights, against halos at class borders


@dataclass(frozen=True, slots=True, kw_only=True)
class Radiometry:
    """An affine colour map for every land-cover class; RGB in [0, 1].

    Attributes:
        matrix: (C, 3, 3) float64, symmetric positive definite; the first is the common map's.
        offset: (C, 3): the map is x -> matrix x + offset.
        spared_matrix: (3, 3), of the map of colours whose chroma is unlike their class's.
        spared_offset: (3,).
        centre: Of each class's simulated colours (C, 3).
        whitening: (C, 3, 3), W with |W (x - centre)| the distance of a colour from its class [deviations].
        tones: Towards whose ends colours are pressed.
        style_root: (3, 3), A with A A^T the covariance of an image's style, a shift of all its colours.
        blur: Standard deviation of the blur of each opponent colour [px], (3,); see `adaptation.optics`.
        correlation: Of the styles of the images before and after one disaster, in [0, 1].
        flow: Takes the place of all the affine maps, if there is one.
    """

    matrix: np.ndarray
    offset: np.ndarray
    spared_matrix: np.ndarray
    spared_offset: np.ndarray
    centre: np.ndarray
    whitening: np.ndarray
    tones: ToneCurve
    style_root: np.ndarray
    blur: np.ndarray
    correlation: float = CORRELATION
    flow: ColourFlow | None = None


def gaussian_transport(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """The symmetric matrix that carries N(0, source) to N(0, target), gains held in `GAIN_RANGE`; (3, 3)."""
    ridge = 1e-5 * np.eye(3)  # (0.8 / 255)^2: less spread than this is no colour statistic
    values, vectors = np.linalg.eigh(source + ridge)
    root = (vectors * np.sqrt(values)) @ vectors.T
    inverse_root = (vectors / np.sqrt(values)) @ vectors.T
    inner, basis = np.linalg.eigh(root @ (target + ridge) @ root)
    matrix = inverse_root @ (basis * np.sqrt(np.maximum(inner, 0))) @ basis.T @ inverse_root
    gains, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    return (axes * np.clip(gains, *GAIN_RANGE)) @ axes.T


def _common_map(
    source: ColourStats, target: ColourStats, least_share: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Matrix (3, 3) and offset (3,) of the map for all colours, of classes seen on both sides.

    What no class is sure for (code 0) is included. The matrix is the mean of the transports within each
    class, by logarithms (Arsigny et al. 2006, doi:10.1002/mrm.20965) and weighed by the geometric mean of its
    shares: how contrasty a sensor is shows within classes, while white roofs beside black cars are layout.
    The offset carries the mean of the simulated classes, once they got the target's shares, to the target's:
    another mix of classes there (more trees, say) moves no colour, unless it is beyond `MIX_RANGE`. No gain
    is less than `least_share` of the luminance's, or of 1 if that is less.
    """
    both = (source.count >= MIN_PIXELS) & (target.count >= MIN_PIXELS)
    given, wanted = ((s.count * both) / (s.count * both).sum() for s in (source, target))
    ratio = np.divide(wanted, given, out=np.ones(CLASSES), where=both)
    share = given * np.clip(ratio, *MIX_RANGE)
    weight = np.sqrt(given * wanted)
    seen = np.flatnonzero(both)
    logs = [_matrix_function(np.log, gaussian_transport(source.within[c], target.within[c])) for c in seen]
    matrix = _matrix_function(np.exp, np.average(logs, axis=0, weights=weight[seen]))
    least = least_share * min(1.0, OPPONENT[0] @ matrix @ OPPONENT[0])
    matrix = _matrix_function(lambda gains: np.maximum(gains, least), matrix)
    return matrix, target.mean.T @ wanted - matrix @ (source.mean.T @ share) / share.sum()


def _spared_map(matrix: np.ndarray, offset: np.ndarray, source: ColourStats) -> tuple[np.ndarray, np.ndarray]:
    """A map with no gain less than the luminance's, which moves the mean simulated colour as the given."""
    seen = source.count >= MIN_PIXELS
    middle = np.average(source.mean[seen], axis=0, weights=source.count[seen])
    contrast = OPPONENT[0] @ matrix @ OPPONENT[0]
    spared = _matrix_function(lambda gains: np.maximum(gains, contrast), matrix)
    return spared, matrix @ middle + offset - spared @ middle


def departures(source: ColourStats, target: ColourStats) -> np.ndarray:
    """How far each class's mean colour lies from where the common map carries it, (C, 3); NaN if unseen."""
    unseen = (source.count < MIN_PIXELS) | (target.count < MIN_PIXELS)
    if unseen.all():
        return np.full((CLASSES, 3), np.nan)
    matrix, offset = _common_map(source, target)
    return np.where(unseen[:, None], np.nan, target.mean - (source.mean @ matrix.T + offset))


def believed_pixels(draws: np.ndarray, count: np.ndarray) -> np.ndarray:
    """Pixels that each class's statistics count for, (C,), at most as many as there are.

    A departure is believed by the share of its square that is no scatter, after the positive part of James
    and Stein (1961): a class that one classifier finds bright and the next one dark keeps the common map.
    The scatter counts twice, for classifiers that were taught on the same captures share mistakes.

    Args:
        draws: Of `departures`, by classifiers that were taught and asked on halves of the patches, (K, C, 3);
            NaN where one was sure of too few pixels, which a third of them may be.
        count: Pixels of the class in the target, (C,).
    """
    believed = np.zeros(len(count))
    for c in range(len(count)):
        seen = draws[~np.isnan(draws[:, c]).any(axis=-1), c]
        square = np.square(seen.mean(axis=0)).sum() if len(seen) else 0.0
        if 3 * len(seen) >= 2 * len(draws) and square > 0:
            share = np.clip(1 - 2 * seen.var(axis=0, ddof=1).sum() / square, 0, 1 - 1e-6)
            believed[c] = min(count[c], SHRINKAGE * share / (1 - share))
    return believed


def fit_radiometry(
    source: ColourStats,
    target: ColourStats,
    *,
    believed: np.ndarray | None = None,
    tones: ToneCurve = PLAIN,
    style: float,
    by_class: bool = True,
    looks: PairStyle | None = None,
) -> Radiometry:
    """Maps of every class, without blur.

    Args:
        source: Of the simulated images by pseudo-label.
        target: Of the real images by pseudo-label, measured through `tone_inverse` with `tones`.
        believed: Pixels that each class's statistics count for, (C,), from `believed_pixels`; None for all
            there are.
        tones: As of `Radiometry`.
        style: Factor on the spread of the styles drawn; 0 for none.
        by_class: Whether classes have maps of their own; else all take the common one, of gains no less than
            `LEAST_SHARE` of the luminance's.
        looks: As measured on pairs of the target's images; None takes what differs between all of them, and
            `CORRELATION`.

    Raises:
        InputError: No class is seen on both sides.
    """
    sides = [np.isin(np.arange(CLASSES), MAPPED) & (s.count >= MIN_PIXELS) for s in (source, target)]
    seen = sides[0] & sides[1]
    if not seen.any():
        found = [
            ", ".join(LandCover(int(c)).name.lower() for c in np.flatnonzero(s)) or "none" for s in sides
        ]
        raise InputError(
            "no land-cover class is seen both in the simulated and in the target images (simulated: "
            f"{found[0]}; target: {found[1]}); give target images of the same kind of place, or more of them"
        )
    believed = target.count if believed is None else believed
    common, shift = _common_map(source, target, 0.0 if by_class else LEAST_SHARE)
    matrix, offset = np.repeat(common[None], CLASSES, axis=0), np.repeat(shift[None], CLASSES, axis=0)
    for c in np.flatnonzero(seen & by_class):
        trust = believed[c] / (believed[c] + SHRINKAGE)
        predicted = common @ source.within[c] @ common
        own = gaussian_transport(source.within[c], trust * target.within[c] + (1 - trust) * predicted)
        matrix[c] = _near(own, common)
        expected = common @ source.mean[c] + offset[0]
        mean = expected + trust * _limited(target.mean[c] - expected)
        offset[c] = mean - matrix[c] @ source.mean[c]
    spared_matrix, spared_offset = _spared_map(common, shift, source)
    known = (source.count >= MIN_PIXELS)[:, None, None]
    spread = np.where(known, source.total, 1e4 * np.eye(3))  # any colour is like a class that is not known
    return Radiometry(
        matrix=matrix,
        offset=offset,
        spared_matrix=spared_matrix,
        spared_offset=spared_offset,
        centre=source.mean,
        whitening=np.stack([_inverse_root(total + 4e-4 * np.eye(3)) for total in spread]),
        tones=tones,
        style_root=style * style_root(source.style, target.style, looks),
        blur=np.zeros(3),
        correlation=CORRELATION if looks is None else looks.correlation,
    )


def _inverse_root(matrix: np.ndarray) -> np.ndarray:
    """matrix^-1/2 of a symmetric positive definite one."""
    return _matrix_function(lambda values: values**-0.5, matrix)


def _matrix_function(function: Callable[[np.ndarray], np.ndarray], matrix: np.ndarray) -> np.ndarray:
    """A function of a symmetric matrix: of its eigenvalues."""
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * function(values)) @ vectors.T


def _near(own: np.ndarray, common: np.ndarray) -> np.ndarray:
    """A class's matrix, its gains beyond the common one's held in `OWN_GAIN_RANGE`; symmetric."""
    root, inverse = _matrix_function(np.sqrt, common), _inverse_root(common)
    gains, axes = np.linalg.eigh(inverse @ own @ inverse)
    return root @ (axes * np.clip(gains, *OWN_GAIN_RANGE)) @ axes.T @ root


def _limited(departure: np.ndarray) -> np.ndarray:
    """A colour difference (3,) within `DEPARTURE`."""
    return OPPONENT.T @ np.clip(OPPONENT @ departure, -DEPARTURE, DEPARTURE)


def radiometry_state(radiometry: Radiometry) -> dict[str, object]:
    """Plain values and tensors for a file."""

    def plain(value: object) -> object:
        if isinstance(value, dict):
            return {name: plain(part) for name, part in value.items()}
        return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value

    state = {name: plain(value) for name, value in dataclasses.asdict(radiometry).items()}
    return {**state, "tones": tuple(radiometry.tones)}  # a file is to hold plain values


def radiometry_from_state(state: Mapping[str, Any]) -> Radiometry:
    """The inverse of `radiometry_state`."""

    def arrays(part: Mapping[str, Any]) -> dict[str, Any]:
        return {name: v.numpy() if isinstance(v, torch.Tensor) else v for name, v in part.items()}

    values = arrays(state)
    if values["flow"] is not None:
        values["flow"] = ColourFlow(**arrays(values["flow"]))
    values["tones"] = ToneCurve(*values["tones"])
    return Radiometry(**values)


def recolour(
    radiometry: Radiometry, image: np.ndarray, land_cover: np.ndarray, shift: np.ndarray
) -> np.ndarray:
    """Stage A: recoloured and blurred image, float32 (3, H, W) in [0, 1].

    Args:
        radiometry: Of the target.
        image: (3, H, W) uint8.
        land_cover: (H, W) codes of `LandCover`.
        shift: Of all colours (3,), in [0, 1] units: the image's style.
    """
    x = image.reshape(3, -1).astype(np.float32) / 255
    shares = {int(c): _share(land_cover, c) for c in np.unique(land_cover) if c in MAPPED}
    if radiometry.flow is None:
        mapped = _affine_maps(radiometry, x, shares)
    else:
        turn = OPPONENT.astype(np.float32)
        mapped = turn.T @ quick_forward(radiometry.flow, x.T @ turn.T, shares).T
    mapped += shift.astype(np.float32)[:, None]
    return blur(tone(mapped, radiometry.tones).reshape(image.shape), radiometry.blur)


def class_colours(radiometry: Radiometry, colours: np.ndarray, code: int) -> np.ndarray:
    """Colours (N, 3) in [0, 1] of one class as the affine maps and the tone curve make them, (N, 3)."""
    whole = {code: np.ones(len(colours), np.float32)}
    return tone(_affine_maps(radiometry, colours.T, whole), radiometry.tones).T


def _share(land_cover: np.ndarray, code: int) -> np.ndarray:
    """Of a class in each pixel's surroundings, float32 (H * W,)."""
    weight = (land_cover == code).astype(np.float32)
    return cv2.GaussianBlur(weight, (5, 5), EDGE_SIGMA, borderType=cv2.BORDER_REPLICATE).ravel()


def _affine_maps(radiometry: Radiometry, x: np.ndarray, shares: dict[int, np.ndarray]) -> np.ndarray:
    """Colours x (3, N) through the common map and, where like their class, through that of the class; where
    their chroma is unlike their class's, through the spared map."""
    common = _affine(radiometry.matrix[0], radiometry.offset[0], x)
    spared = _affine(radiometry.spared_matrix, radiometry.spared_offset, x) - common
    mapped = common.copy()
    for c, share in shares.items():
        whitening = radiometry.whitening[c]
        departure = x - radiometry.centre[c].astype(np.float32)[:, None]
        alike = _alike(whitening.astype(np.float32) @ departure, TYPICAL)
        mapped += share * alike * (_affine(radiometry.matrix[c], radiometry.offset[c], x) - common)
        strange = 1 - _alike(_of_chroma(whitening).astype(np.float32) @ departure, STRANGE)
        mapped += share * strange * spared
    return mapped


def _alike(deviations: np.ndarray, limit: float) -> np.ndarray:
    """How much a colour so far from its class, (K, N) [deviations], is like it, (N,): half at the limit."""
    return 1 / (1 + np.square(np.square(deviations).sum(axis=0) / limit**2))


def _of_chroma(whitening: np.ndarray) -> np.ndarray:
    """The whitening (2, 3) of chroma alone, given that (3, 3) of all colours."""
    chroma = OPPONENT[1:]
    return _inverse_root(chroma @ np.linalg.inv(whitening @ whitening) @ chroma.T) @ chroma


def _affine(matrix: np.ndarray, offset: np.ndarray, x: np.ndarray) -> np.ndarray:
    """matrix x + offset, float32 (3, N)."""
    return matrix.astype(np.float32) @ x + offset.astype(np.float32)[:, None]

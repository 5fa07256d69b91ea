"""From the few bands that an engine draws to the bands of a sensor.

A surface's spectrum is a line through anchors: the engine's blue, green, red and near infrared, and what
follows from them beyond. A sensor's band is its average under a Gaussian response.
"""

import numpy as np

BLUE, GREEN, RED, NEAR_INFRARED = 0.48, 0.56, 0.66, 0.83
"""Wavelengths [um] of what engines draw: the centres of WorldView-2's blue, green and red, and of the
materials' near infrared."""
DRAWN = 0.06
"""Width of the engine's bands [um]."""
COASTAL, RED_EDGE, SHOULDER, SHORT_1, SHORT_2 = 0.44, 0.705, 0.75, 1.61, 2.19
ANCHORS = np.array([COASTAL, BLUE, GREEN, RED, RED_EDGE, SHOULDER, NEAR_INFRARED, SHORT_1, SHORT_2])
# Of the near infrared, the share in the short-wave infrared of leaves and of everything else. Rounded from
# the spectra of green vegetation (about 0.45, 0.22, 0.10) and of soils and mineral building materials in
# the ECOSTRESS library (Meerdink et al. 2019, doi:10.1016/j.rse.2019.05.015)
LEAVES, OTHERS = (0.5, 0.25), (1.1, 1.0)
EDGE, RISE = (
    0.25,
    0.85,
)  # of the step from red to near infrared, what leaves have climbed at the red edge, the shoulder
SPARSE, DENSE = (
    0.15,
    0.75,
)  # vegetation index (NIR - R) / (NIR + R) of no leaves and of nothing but leaves: assumptions


def response_weights(bands: np.ndarray) -> np.ndarray:
    """(B, 9): share of each anchor in bands (B, 2), each a centre and a full width at half maximum [um].

    An anchor is itself the average over a band of `DRAWN`, so a band is that much narrower between them.
    """
    weights = np.zeros((len(bands), len(ANCHORS)))
    for row, (centre, width) in zip(weights, np.asarray(bands, np.float64), strict=True):
        beyond = max(width**2 - DRAWN**2, 1e-8) ** 0.5
        offsets = np.linspace(-0.75, 0.75, 61) * beyond  # filters end where a Gaussian's tail goes on
        response = np.exp(-4 * np.log(2) * (offsets / beyond) ** 2)
        for column in range(len(ANCHORS)):
            tent = np.interp(centre + offsets, ANCHORS, np.eye(len(ANCHORS))[column])
            row[column] = (tent * response).sum() / response.sum()
    return weights


def band_reflectance(drawn: np.ndarray, bands: np.ndarray) -> np.ndarray:
    """Reflectance (B, H, W) float32 in a sensor's bands of what an engine drew.

    Args:
        drawn: (3, H, W) R, G, B, or (4, H, W) with near infrared, >= 0.
        bands: (B, 2) centres and full widths at half maximum [um]; beyond 0.7 um they need four.

    Raises:
        ValueError: A band lies beyond the red and there is no near infrared.
    """
    weights = response_weights(bands)
    if len(drawn) == 3:
        beyond = weights[:, 5:].sum(axis=1)
        if (beyond > 0.05).any():
            raise ValueError(
                f"bands beyond the red need a near-infrared picture, got {drawn.shape} for {bands}"
            )
        weights = weights[:, :5] / weights[:, :5].sum(axis=1, keepdims=True)
    spectrum = _spectrum(drawn)
    flat = weights.astype(np.float32) @ spectrum.reshape(len(spectrum), -1)
    return flat.reshape(len(bands), *drawn.shape[1:])


def needs_near_infrared(bands: np.ndarray) -> bool:
    """Whether any band (B, 2) sees more than a trace beyond the red."""
    return bool((response_weights(bands)[:, 5:].sum(axis=1) > 0.05).any())


def _spectrum(drawn: np.ndarray) -> np.ndarray:
    """The anchors (9, H, W) float32, or the first five of them without near infrared."""
    red, green, blue = drawn[:3]
    coastal = np.maximum(blue - 0.5 * (green - blue), 0.5 * blue)
    if len(drawn) == 3:
        return np.stack([coastal, blue, green, red, red])
    infrared = drawn[3]
    index = (infrared - red) / np.maximum(infrared + red, 1e-4)
    leafy = np.clip((index - SPARSE) / (DENSE - SPARSE), 0, 1)
    step = infrared - red
    straight = [(at - RED) / (NEAR_INFRARED - RED) for at in (RED_EDGE, SHOULDER)]
    edge = red + step * (leafy * EDGE + (1 - leafy) * straight[0])
    shoulder = red + step * (leafy * RISE + (1 - leafy) * straight[1])
    short = [
        infrared * (leafy * leaf + (1 - leafy) * other) for leaf, other in zip(LEAVES, OTHERS, strict=True)
    ]
    return np.stack([coastal, blue, green, red, edge, shoulder, infrared, *short]).astype(np.float32)

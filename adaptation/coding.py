"""Bands of reflectance or raw counts as pictures, and back.

Colours, texture and calibration know bands of 8 bits that are display-encoded. Others are brought there by
the square root, after which shot noise is even (Anscombe 1948, doi:10.2307/2332343).
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

BRIGHTEST = 0.999  # quantile of a band's valid pixels that is white; above it is cut off. An assumption
WIDEST = 8  # pixels of the grid that a band's own may be wide; Sentinel-2's widest are 6
_PIXELS = 20_000  # of each image, about, that quantiles are taken of


@dataclass(frozen=True, slots=True, kw_only=True)
class BandCoding:
    """How the bands of one side become a picture's grey levels 1 to 255, and 0 without data.

    Of 8-bit bands these are the values; of others 255 sqrt(v / white). That keeps one step in 255 of the
    root, for a value v a precision of 2 sqrt(v white) / 255: 0.8 % of white there, half as much at a quarter
    of it. The noise that undoes the rounding in an adapter is as large; what comes out of it is not rounded
    to 8 bits again.

    Attributes:
        white: Value of each band that is 255, (B,).
        dtype: Of the values: "uint8", "uint16" or "int16".
    """

    white: np.ndarray
    dtype: str

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Values (B, H, W) as grey levels uint8; 0 where all bands are 0 or below, which is no data."""
        valid = (values > 0).any(axis=0)
        if self.dtype == "uint8":
            coded = values.astype(np.float32)
        else:
            share = values.astype(np.float32) / self.white.astype(np.float32)[:, None, None]
            coded = 255 * np.sqrt(np.clip(share, 0, 1))
        return (np.clip(np.rint(coded), 1, 255) * valid).astype(np.uint8)

    def decode(self, coded: np.ndarray) -> np.ndarray:
        """The inverse of pictures (B, H, W) float in [0, 1], what is beyond cut off: values, uint16.

        At least 1, for 0 is no data.
        """
        coded = np.clip(coded, 0, 1)
        share = coded if self.dtype == "uint8" else np.square(coded)
        return np.maximum(np.rint(share * self.white.astype(np.float32)[:, None, None]), 1).astype(np.uint16)


def fit_coding(images: Iterable[np.ndarray], dtype: str) -> BandCoding:
    """The coding of images (B, H, W), whose white is the `BRIGHTEST` of each band; of 8 bits it is 255."""
    samples = []
    for image in images:
        valid = image[:, (image > 0).any(axis=0)]
        samples.append(valid[:, :: 1 + valid.shape[1] // _PIXELS])
    pixels = np.concatenate(samples, axis=1)
    if dtype == "uint8" or not pixels.size:
        white = np.full(len(pixels), 255.0)
    else:
        white = np.maximum(np.quantile(pixels, BRIGHTEST, axis=1), 1.0)
    return BandCoding(white=white, dtype=dtype)


def pixel_widths(images: Iterable[np.ndarray]) -> tuple[int, ...]:
    """Side of each band's own pixels, repeated onto the grid from its corner [pixels], (B,).

    Args:
        images: (B, H, W) of integers each; at least one.
    """
    fits = np.all([_repeated(x) for image in images for x in (image, image.transpose(0, 2, 1))], axis=0)
    widths = np.arange(WIDEST, 0, -1)[fits.argmax(axis=0)]  # the largest; 1 fits all
    widths[fits.all(axis=0)] = 1  # of bands that are flat everywhere
    return tuple(int(width) for width in widths)


def _repeated(image: np.ndarray) -> np.ndarray:
    """Whether pixels of a side of `WIDEST` to 1 would explain where rows of bands change, (`WIDEST`, B).

    Any would where a band is flat.
    """
    changes = (image[:, :, 1:] != image[:, :, :-1]).any(axis=1)  # (B, W - 1)
    at = np.arange(1, image.shape[2])
    return np.stack([~(changes & (at % side != 0)).any(axis=1) for side in range(WIDEST, 0, -1)])


def own_pixels(band: np.ndarray, width: int) -> np.ndarray:
    """A band (H, W) float32 whose pixels of this side [pixels] are each of one value, their mean."""
    if width == 1:
        return band
    sums, counts = (
        np.add.reduceat(np.add.reduceat(x, np.arange(0, x.shape[0], width), axis=0),
                        np.arange(0, x.shape[1], width), axis=1)
        for x in (band, np.ones_like(band))
    )  # fmt: skip
    mean = (sums / counts).repeat(width, axis=0).repeat(width, axis=1)
    return mean[: band.shape[0], : band.shape[1]]

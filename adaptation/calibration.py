"""Stage C: the last decibels. A zero-phase radial filter an opponent colour, fitted so that the spectrum
of adapted images rolls off as the target's does. Gains are positive, so the filter is invertible."""

import numpy as np
import torch
from torch import Tensor

from adaptation.spectrum import WINDOW, bin_centres, radius

TAPS = 15  # pixels, the side of the kernel
# Of amplitudes: a flow that was fitted by likelihood is nearer than that, and what is missing beyond it is
# layout, such as white roofs and parked cars. Ground that was amplified for it taught worse. Above the
# frequency [cycles/pixel] hardly anything is layout: simulated edges may be far too sharp, and a texture of a
# temperature below 1 is too soft; amplified with its edges it drowns rubble less than more grain would.
# Assumptions.
GAIN_RANGE = (0.8, 1.25)
FINE_FREQUENCY, FINE_RANGE = 0.28, (0.5, 1.7)
# Below the first frequency [cycles/pixel] contrast is layout, which no filter can mend; above the second
# it is optics and texture. Between them the filter fades in. Assumptions.
FADE = (1 / 32, 1 / 10)


def fit_gains(adapted: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Amplitude gains by radius, float64 (K, BINS), from two radial power spectra (K, BINS)."""
    wanted = 0.5 * np.log(np.maximum(target, 1e-12) / np.maximum(adapted, 1e-12))
    weight = np.clip((bin_centres() - FADE[0]) / (FADE[1] - FADE[0]), 0, 1)
    padded = np.pad(wanted, ((0, 0), (1, 1)), mode="edge")
    smooth = (padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]) / 4
    low, high = np.log(
        np.where(bin_centres() > FINE_FREQUENCY, np.transpose([FINE_RANGE]), np.transpose([GAIN_RANGE]))
    )
    return np.exp(np.clip(weight * smooth, low, high))


def radial_kernel(gains: np.ndarray) -> np.ndarray:
    """The FIR kernels (K, TAPS, TAPS) with these gains (K, BINS), by the window method; 1 at frequency 0."""
    r = radius(WINDOW)
    window = np.hanning(TAPS + 2)[1:-1]
    centre, half = WINDOW // 2, TAPS // 2
    kernels = []
    for gain in gains:
        response = np.interp(r, bin_centres(), gain)
        kernel = np.fft.fftshift(np.fft.ifft2(response).real)
        kernel = kernel[centre - half : centre + half + 1, centre - half : centre + half + 1]
        kernel = kernel * np.outer(window, window)
        kernel[half, half] += 1 - kernel.sum()
        kernels.append(kernel)
    return np.stack(kernels)


def filter_image(x: Tensor, kernels: np.ndarray) -> Tensor:
    """x (B, K, H, W) filtered channel by channel; 0 is assumed outside, which spoils 7 pixels at the edge.

    By FFT, on a CPU a fifth of the time of a convolution of so many taps.
    """
    half, size = TAPS // 2, [-(-(n + TAPS - 1) // 32) * 32 for n in x.shape[2:]]  # quick lengths
    response = torch.fft.rfft2(torch.from_numpy(kernels).to(x), s=size)
    made = torch.fft.irfft2(torch.fft.rfft2(x, s=size) * response, s=size)
    return made[:, :, half : half + x.shape[2], half : half + x.shape[3]]

"""Overlapping windows of predictions as one seamless raster, with one strip of it in memory."""

import numpy as np


def window_weight(height: int, width: int) -> np.ndarray:
    """How much a prediction counts by its place in the window, (height, width) float32, above 0.

    Hann's window in both directions: a network knows least at its window's edge.
    """
    rows, cols = (np.sin(np.pi * (np.arange(n) + 0.5) / n) ** 2 for n in (height, width))
    return np.outer(rows, cols).astype(np.float32)


class Strip:
    """Weighted sums of predictions for the rows that are being worked on.

    A prediction is added wherever it touches the strip; when no further window will touch the upper
    rows, their means are taken and the strip moves down.

    Attributes:
        top: Raster row of the strip's first row.
        sums: (channels, rows, width) float32.
        weights: (rows, width) float32.
    """

    def __init__(self, *, channels: int, rows: int, width: int) -> None:
        self.top = 0
        self.sums = np.zeros((channels, rows, width), np.float32)
        self.weights = np.zeros((rows, width), np.float32)

    def add(self, values: np.ndarray, weight: np.ndarray, *, row: int, col: int) -> None:
        """Adds values (channels, h, w) of weight (h, w) whose first pixel is the raster's (row, col)."""
        height, width = weight.shape
        where = (slice(row - self.top, row - self.top + height), slice(col, col + width))
        self.weights[where] += weight
        for total, value in zip(self.sums, values, strict=True):  # by channel: no (channels, h, w) temporary
            total[where] += value * weight

    def means(self, count: int) -> np.ndarray:
        """Weighted means (channels, count, width) of the uppermost rows, a view; 0 where nothing was added.

        The rows are spent by it: `advance` must follow.
        """
        weights = self.weights[:count]
        np.copyto(weights, 1.0, where=weights == 0)
        for total in self.sums:
            total[:count] /= weights
        return self.sums[:, :count]

    def advance(self, count: int) -> None:
        """Moves down by `count` rows."""
        kept = len(self.weights) - count
        for plane in (*self.sums, self.weights):  # by channel: overlapping copies need a temporary
            plane[:kept] = plane[count:]
            plane[kept:] = 0
        self.top += count

"""Contact sheets: simulated, adapted and real side by side, because people would rather look than read."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from rasters.files import atomic_path

_BAR = 22  # pixels, the height of the captions
_GAP = 4


def contact_sheet(
    columns: Sequence[Sequence[np.ndarray]], captions: Sequence[str], *, size: int = 320
) -> np.ndarray:
    """A picture (H, W, 3) uint8 with a captioned column of images each.

    Args:
        columns: Of images (3, h, w) uint8, equally many each; their centres are shown pixel by pixel.
        captions: One a column.
        size: Side of each picture [px].

    Raises:
        ValueError: Columns of unequal length, or not one caption each.
    """
    rows = {len(column) for column in columns}
    if len(rows) != 1 or len(captions) != len(columns):
        raise ValueError(
            "columns must be equally long with a caption each, "
            f"got {sorted(rows)} rows and {len(captions)} captions"
        )
    step = size + _GAP
    sheet = np.full((_BAR + rows.pop() * step, len(columns) * step, 3), 255, dtype=np.uint8)
    for c, (column, caption) in enumerate(zip(columns, captions, strict=True)):
        cv2.putText(sheet, caption, (c * step + 4, 16), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1)
        for r, image in enumerate(column):
            top, left = ((n - min(n, size)) // 2 for n in image.shape[1:])
            shown = image[:, top : top + size, left : left + size].transpose(1, 2, 0)
            row, col = _BAR + r * step, c * step
            sheet[row : row + shown.shape[0], col : col + shown.shape[1]] = shown
    return sheet


def write_sheet(path: Path, sheet: np.ndarray) -> None:
    """Writes a picture (H, W, 3) uint8 as PNG, whole or not at all."""
    _, encoded = cv2.imencode(".png", np.ascontiguousarray(sheet[..., ::-1]))
    with atomic_path(path) as partial:
        partial.write_bytes(encoded.tobytes())

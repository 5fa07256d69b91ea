"""The two mosaics that a map is made of, on one grid and laid over each other."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mapping.registration import Shift, estimate_shift
from rasters.grid import Grid
from rasters.mosaic import Mosaic, common_grid, open_mosaic


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """The same ground before and after.

    Attributes:
        pre: Files of the mosaic before.
        post: Files of the mosaic after.
        grid: The grid that both are read on.
        shift: How far the after mosaic lies off the before mosaic; taken out on reading where it is
            significant.
    """

    pre: tuple[Path, ...]
    post: tuple[Path, ...]
    grid: Grid
    shift: Shift


def align(pre: Sequence[Path], post: Sequence[Path], *, gsd: float | None = None) -> Scene:
    """The scene of two mosaics, on the ground both show, with their residual shift measured.

    Args:
        pre: Files of the mosaic before.
        post: Files of the mosaic after.
        gsd: Pixel side to map at [m]; the coarser mosaic's own if None.

    Raises:
        InputError: A file is unreadable, lies nowhere, or the mosaics do not overlap; it is named.
    """
    grid = common_grid(pre, post, gsd)
    with open_mosaic(pre, grid) as before, open_mosaic(post, grid) as after:
        shift = estimate_shift(before, after)
    return Scene(pre=tuple(pre), post=tuple(post), grid=grid, shift=shift)


@contextmanager
def open_scene(scene: Scene, grid: Grid | None = None) -> Generator[tuple[Mosaic, Mosaic]]:
    """Opens (before, after) on the scene's grid or on another one, such as a coarser one for a picture."""
    grid = scene.grid if grid is None else grid
    with (
        open_mosaic(scene.pre, grid) as before,
        open_mosaic(scene.post, grid, shift=scene.shift.correction(scene.grid.gsd)) as after,
    ):
        yield before, after

"""Long lists of images that are read when they are looked at."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, overload

T = TypeVar("T")


class Lazy(Sequence[T]):
    """A sequence that reads item i from path i each time it is asked for."""

    def __init__(self, paths: Sequence[Path], read: Callable[[Path], T]) -> None:
        self._paths = tuple(paths)
        self._read = read

    def __len__(self) -> int:
        return len(self._paths)

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> "Lazy[T]": ...
    def __getitem__(self, index: int | slice) -> "T | Lazy[T]":
        if isinstance(index, slice):
            return Lazy(self._paths[index], self._read)
        return self._read(self._paths[index])

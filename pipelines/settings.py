"""A stage's resolved settings beside its result: what a rerun is compared with."""

import hashlib
import os
import shutil
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from rasters.capture import PARTIAL
from rasters.catalogue import finished
from rasters.errors import InputError
from rasters.folders import holds_masks, labelled_masks, labelled_pairs
from rasters.provenance import PROVENANCE, difference, same_config, write_provenance

PEEK = 65_536  # bytes at each end of a file that tell whether it is still the same


def settings(config: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON values; paths as given, tuples as lists, dataclasses as objects."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if is_dataclass(value):
            return settings(value)
        return [plain(v) for v in value] if isinstance(value, tuple | list) else value

    return {field.name: plain(getattr(config, field.name)) for field in fields(config)}


def settle(folder: Path, stage: str, values: Mapping[str, Any], inputs: Iterable[Path] = ()) -> None:
    """Writes the provenance of a stage into its folder, or checks the one that is there.

    Call it when everything that was given has been checked: it is the first thing that is written.

    Args:
        folder: Where the stage writes.
        stage: Its name.
        values: Its settings, as from `settings`.
        inputs: The files that it reads; other files under the same names are another result.

    Raises:
        InputError: The folder holds the result of another stage, of other settings, inputs or version.
    """
    told = {**values, "inputs": fingerprint(inputs)}
    if folder.is_dir():
        for leftover in folder.glob(f"{PARTIAL}*"):  # of a run that was killed
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        begun = {path.name for path in folder.iterdir()}
        if PROVENANCE in begun and same_config(folder, stage, told):
            return
        if PROVENANCE in begun and len(begun) > 1:
            raise InputError(
                f"{folder} holds another result ({difference(folder, stage, told)}); "
                f"see {PROVENANCE} there, choose another --out or delete the folder"
            )
        if begun - {PROVENANCE}:
            raise InputError(f"{folder} holds files that no stage of MAGE wrote; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_provenance(folder, stage, told)


@contextmanager
def leaves_nothing(folder: Path | None) -> Generator[None]:
    """A block whose `InputError` leaves no folder behind that holds its settings alone.

    Some input can only be judged by reading it, after `settle`; a refusal then looks like one before.
    """
    there = folder is not None and folder.is_dir()
    try:
        yield
    except InputError:
        if folder is not None and folder.is_dir() and [p.name for p in folder.iterdir()] == [PROVENANCE]:
            (folder / PROVENANCE).unlink()
            if not there:
                folder.rmdir()
        raise


def fingerprint(paths: Iterable[Path]) -> str:
    """A digest (hexadecimal) of files: their names, sizes, and the first and last `PEEK` bytes of each."""
    digest = hashlib.sha256()
    for path in paths:
        size = path.stat().st_size
        digest.update(f"{path.name}\n{size}\n".encode())
        with path.open("rb") as file:
            digest.update(file.read(PEEK))
            if size > PEEK:
                file.seek(max(size - PEEK, PEEK), os.SEEK_SET)
                digest.update(file.read())
    return digest.hexdigest()


def capture_files(root: Path) -> list[Path]:
    """The files that tell one set of captures from another: its provenance and its STAC items."""
    items = [folder / f"{folder.name}.json" for folder in finished(root)]
    return [path for path in (root / PROVENANCE, root.parent / PROVENANCE) if path.is_file()][:1] + items


def labelled_files(folder: Path) -> list[Path]:
    """The files of a labelled folder: captures, pairs in xBD's layout with their targets, or road masks.

    Raises:
        InputError: It is neither, or a twin is missing.
    """
    if finished(folder):
        return capture_files(folder)
    if holds_masks(folder):
        return [path for row in labelled_masks(folder) for path in row]
    pairs = labelled_pairs(folder)
    files = [(pair.pre, pair.post, pair.pre_target, pair.post_target) for pair in pairs]
    return [path for row in files for path in row if path is not None]

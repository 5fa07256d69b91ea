"""A stage's resolved settings beside its result: what a rerun is compared with."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from rasters.errors import InputError
from rasters.provenance import PROVENANCE, same_config, write_provenance


def settings(config: Any) -> dict[str, Any]:
    """The fields of a dataclass as JSON values; paths as given, tuples as lists, dataclasses as objects."""

    def plain(value: Any) -> Any:
        if isinstance(value, Path):
            return str(value)
        if is_dataclass(value):
            return settings(value)
        return [plain(v) for v in value] if isinstance(value, tuple | list) else value

    return {field.name: plain(getattr(config, field.name)) for field in fields(config)}


def settle(folder: Path, stage: str, values: Mapping[str, Any]) -> None:
    """Writes the provenance of a stage into its folder, or checks the one that is there.

    Raises:
        InputError: The folder holds the result of another stage, of other settings or of another version.
    """
    if (folder / PROVENANCE).is_file():
        if not same_config(folder, stage, values):
            raise InputError(
                f"{folder} holds a result of other settings or another version (see {folder / PROVENANCE}); "
                "choose another --out or delete the folder"
            )
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds files that no stage of MAGE wrote; choose another --out")
    folder.mkdir(parents=True, exist_ok=True)
    write_provenance(folder, stage, values)

"""Where a result came from, written beside it."""

import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rasters.files import read_json, write_json

PROVENANCE = "provenance.json"
PACKAGES = (
    "mage-mapping",
    "numpy",
    "torch",
    "lightning",
    "mitsuba",
    "drjit",
    "rasterio",
    "kornia",
    "opencv-python-headless",
)


def provenance(stage: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What made a result: stage, resolved config (with its seed), versions, commit.

    There is no clock and no host name in it: equal runs write equal bytes.
    """
    return {"stage": stage, "config": dict(config), "commit": _commit(), "versions": _versions()}


def write_provenance(folder: Path, stage: str, config: Mapping[str, Any]) -> None:
    """Writes `provenance.json` into `folder`."""
    write_json(folder / PROVENANCE, provenance(stage, config))


def same_config(folder: Path, stage: str, config: Mapping[str, Any]) -> bool:
    """Whether `folder` holds the result of the same stage with the same config and commit."""
    path = folder / PROVENANCE
    return path.is_file() and read_json(path) == provenance(stage, config)


def difference(folder: Path, stage: str, config: Mapping[str, Any]) -> str:
    """What sets the result in `folder` apart from that of a stage with this config, in words."""
    there, here = read_json(folder / PROVENANCE), provenance(stage, config)
    if there.get("stage") != stage:
        return f"of mage {there.get('stage')}"
    was = {**there.get("config", {}), **{k: there.get(k) for k in ("commit", "versions")}}
    now = {**here["config"], **{k: here[k] for k in ("commit", "versions")}}
    names = [name for name in {**was, **now} if was.get(name) != now.get(name)]
    long = ("inputs", "commit", "versions")
    said = [
        f"other {name}" if name in long else f"{name}: {was.get(name)} there, {now.get(name)} now"
        for name in names
    ]
    return ", ".join(said)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _commit() -> str:
    """The commit of the source tree, with "+changes" where files differ from it; "unknown" outside git."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        result = subprocess.run(
            ["git", "-C", str(here), *words], capture_output=True, text=True, timeout=20, check=True
        )
        return result.stdout.strip()

    try:
        commit = git("rev-parse", "HEAD")
        return commit + ("+changes" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"

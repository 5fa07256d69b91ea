"""A folder of captures as a self-contained STAC catalogue (STAC 1.1, stacspec.org)."""

import os
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

import pystac

from rasters.capture import PARTIAL, read_capture
from rasters.errors import InputError
from rasters.files import atomic_path, json_text

CATALOGUE = "catalog.json"


def list_captures(root: Path) -> list[Path]:
    """The finished capture folders under `root`, sorted by name.

    Raises:
        InputError: `root` is no folder or holds no capture.
    """
    if not root.is_dir():
        raise InputError(f"{root} is not a folder; run `mage simulate --out {root}` first")
    found = finished(root)
    if not found:
        near = [folder for folder in (root / "captures", root.parent) if finished(folder)]
        meant = f"did you mean {near[0]}?" if near else "give the folder that `mage simulate` wrote"
        raise InputError(f"{root} holds no capture; {meant}")
    return found


def finished(root: Path) -> list[Path]:
    """As `list_captures`, but an empty or missing folder is an empty list."""
    return sorted(_finished(root))


def count_finished(root: Path) -> int:
    """How many finished captures lie in `root`."""
    return sum(1 for _ in _finished(root))


def is_finished(folder: Path) -> bool:
    """Whether a capture is whole."""
    return (folder / f"{folder.name}.json").is_file()


def _finished(root: Path) -> Iterator[Path]:
    if root.is_dir():
        for entry in os.scandir(root):
            if not entry.name.startswith(PARTIAL) and entry.is_dir() and is_finished(root / entry.name):
                yield root / entry.name


def write_catalogue(root: Path, *, title: str, vectors: Sequence[Path] = ()) -> Path:
    """Writes `root/catalog.json` with a relative link to each capture and to vector files below `root` that
    belong to them; whole or not at all.

    Link by link: of a million captures only the names are held in memory.
    """
    catalogue = pystac.Catalog(id=root.resolve().name, description=title, title=title)
    catalogue.add_link(pystac.Link("root", "./catalog.json", media_type=pystac.MediaType.JSON))
    text = json_text(catalogue.to_dict(include_self_link=False))
    head, mark, tail = text.partition("\n  ],\n")
    with atomic_path(root / CATALOGUE) as partial, partial.open("w", encoding="utf-8") as file:
        file.write(head)
        for link in _links(root, vectors):
            file.write(",\n" + textwrap.indent(json_text(link.to_dict()).rstrip("\n"), "    "))
        file.write(mark + tail)
    return root / CATALOGUE


def _links(root: Path, vectors: Sequence[Path]) -> Iterator[pystac.Link]:
    for folder in list_captures(root):
        href = f"./{folder.name}/{folder.name}.json"
        yield pystac.Link("item", href, media_type=pystac.MediaType.GEOJSON, title=folder.name)
    for path in vectors:
        href = f"./{path.relative_to(root).as_posix()}"
        yield pystac.Link("related", href, media_type=pystac.MediaType.GEOPACKAGE, title=path.stem)


def common_gsd(folders: Sequence[Path]) -> float:
    """The ground sample distance that captures share [m].

    Raises:
        InputError: One of them has another; it is named.
    """
    gsd = read_capture(folders[0], []).grid.gsd
    for folder in folders[1:]:
        other = read_capture(folder, []).grid.gsd
        if other != gsd:
            raise InputError(
                f"{folder} has pixels of {other} m, {folders[0]} of {gsd} m; "
                "use captures of one ground sample distance"
            )
    return gsd

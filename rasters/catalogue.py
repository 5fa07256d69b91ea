"""A folder of captures as a self-contained STAC catalogue (STAC 1.1, stacspec.org)."""

from collections.abc import Sequence
from pathlib import Path

import pystac

from rasters.capture import PARTIAL, read_capture
from rasters.errors import InputError
from rasters.files import write_json

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
    if not root.is_dir():
        return []
    folders = (p for p in root.iterdir() if p.is_dir() and not p.name.startswith(PARTIAL))
    return sorted(p for p in folders if (p / f"{p.name}.json").is_file())


def write_catalogue(root: Path, *, title: str, vectors: Sequence[Path] = ()) -> Path:
    """Writes `root/catalog.json` with a relative link to each capture and to vector files below `root` that
    belong to them; whole or not at all."""
    catalogue = pystac.Catalog(id=root.resolve().name, description=title, title=title)
    catalogue.add_link(pystac.Link("root", "./catalog.json", media_type=pystac.MediaType.JSON))
    for folder in list_captures(root):
        href = f"./{folder.name}/{folder.name}.json"
        catalogue.add_link(pystac.Link("item", href, media_type=pystac.MediaType.GEOJSON, title=folder.name))
    for path in vectors:
        href = f"./{path.relative_to(root).as_posix()}"
        catalogue.add_link(
            pystac.Link("related", href, media_type=pystac.MediaType.GEOPACKAGE, title=path.stem)
        )
    write_json(root / CATALOGUE, catalogue.to_dict(include_self_link=False))
    return root / CATALOGUE


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

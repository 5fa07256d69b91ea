"""What the tags of a mapped feature say (wiki.openstreetmap.org/wiki/Map_features)."""

import re
from collections.abc import Mapping
from typing import Literal, TypeVar

from rasters.errors import InputError
from simulator.city.tag_tables import AREAS, BARRIERS, PATHS, STREAMS, WATER, WIDTHS, AreaUse

Tags = Mapping[str, str]
Role = Literal["building", "street", "path", "rail", "barrier", "stream", "water", "area", "tree"]
Value = TypeVar("Value")

LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(m|metre|metres|meter|meters|ft|feet|foot|')?", re.IGNORECASE)
FOOT = 0.3048  # [m]
HIGHEST = 900.0  # [m]; the tallest building has 828
NO = ("no", "none", "false", "0")


def normal(key: str) -> str:
    """A key in lower case with colons: formats that have no colons in their columns write `roof_shape`."""
    return key.lower().replace("_", ":")


def role_of(tags: Tags, geometry: str) -> Role | None:
    """What a feature with these tags is; `geometry` is its type, such as "LineString"."""
    line, area = geometry.endswith("LineString"), geometry.endswith("Polygon")
    highway = first(tags.get("highway"))
    under = tags.get("tunnel", "no") not in NO or tags.get("location") == "underground"
    if tags.get("building", "no") not in NO and not under:
        return "building"
    if highway is not None and not area:
        return None if under else "street" if highway in WIDTHS else "path" if highway in PATHS else None
    if tags.get("railway") in ("rail", "light_rail", "narrow_gauge", "tram") and not area:
        return None if under else "rail"
    if tags.get("natural") == "tree":
        return "tree"
    if line and tags.get("waterway") in STREAMS:
        return None if under else "stream"
    if line and tags.get("barrier") in BARRIERS:
        return "barrier"
    if any(tags.get(key) == value for key, value in WATER):
        return "water"
    return "area" if area_use(tags) is not None and not line else None


def area_use(tags: Tags) -> AreaUse | None:
    """The use of an area; None if no tag tells one."""
    if tags.get("highway") is not None:
        return "plaza"
    for key in ("leisure", "amenity", "landuse", "natural"):
        if tags.get(key) in AREAS[key]:
            return AREAS[key][tags[key]]
    return None


def first(value: str | None) -> str | None:
    """The first of several values: `residential;service`, or a list as osmnx writes it."""
    if value is None:
        return None
    return value.strip("[]").replace("'", "").replace(",", ";").split(";")[0].strip()


def length(tags: Tags, name: str, *keys: str, high: float = HIGHEST) -> float | None:
    """A length in (0, high] metres from the first of the keys that is there; None if none is.

    Raises:
        InputError: It is not a number of metres or feet, or out of range.
    """
    for key in keys:
        text = tags.get(key)
        if text is None:
            continue
        match = LENGTH.fullmatch(text.strip())
        unit = "" if match is None or match[2] is None else match[2].lower()
        value = (
            0.0 if match is None else float(match[1]) * (FOOT if unit in ("ft", "feet", "foot", "'") else 1.0)
        )
        if not 0 < value <= high:
            raise InputError(
                f"{name}: {key} must be metres in (0, {high:g}] such as 12 or '12 m', got {text!r}"
            )
        return value
    return None


def count(tags: Tags, name: str, *keys: str, high: int) -> float | None:
    """A number in [0, high] from the first of the keys that is there; None if none is.

    Raises:
        InputError: It is not a number, or out of range.
    """
    for key in keys:
        text = first(tags.get(key))
        if text is None:
            continue
        try:
            value = float(text)
        except ValueError:
            value = -1.0
        if not 0 <= value <= high:  # so written, NaN fails too
            raise InputError(f"{name}: {key} must be a number in [0, {high}], got {text!r}")
        return value
    return None


def word(tags: Tags, table: Mapping[str, Value], *keys: str) -> Value | None:
    """What the table says of the first key whose value it knows; None if it knows none."""
    for key in keys:
        if (value := tags.get(key)) is not None and value.lower() in table:
            return table[value.lower()]
    return None

"""Single things on a map: what their tags say of them, in the words of a city."""

from dataclasses import dataclass

import shapely

from rasters.errors import InputError
from simulator.city.features import Feature
from simulator.city.model import ROOFINGS, WALLINGS, Barrier, Construction, Ground, Roof, TreeKind, Use
from simulator.city.plots import YEARS
from simulator.city.tag_tables import (
    BARRIERS,
    LANE,
    ONE_WAY,
    PATHS,
    ROOFS,
    STREAMS,
    SURFACES,
    TOLD_ROOFINGS,
    USES,
    WALLS,
    WIDTHS,
    AreaUse,
)
from simulator.city.tags import NO, Tags, area_use, count, first, length, word

AGAINST = ("-1", "reverse")  # traffic runs against the line's direction
SIDEWALK = 1.8  # [m], an assumption
EXACT = 0.005  # corners that a straight side does without are left out [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A building as it is mapped; None where nothing is known.

    Attributes:
        number: Of its feature in the file.
        shape: With its courtyards [m].
        height: From the ground to the top of the roof [m].
        eave: Height of the walls [m].
        rise: Of the roof above them [m].
        levels: Storeys below the roof.
        roof, roof_material, wall_material, construction, use, year: As those of `Building`.
    """

    number: int
    shape: shapely.Polygon
    height: float | None = None
    eave: float | None = None
    rise: float | None = None
    levels: float | None = None
    roof: Roof | None = None
    roof_material: str | None = None
    wall_material: str | None = None
    construction: Construction | None = None
    use: Use | None = None
    year: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """A street as it is mapped.

    Attributes:
        line: Through every junction [m].
        width: Of the carriageway [m].
        kind, lanes, oneway, roundabout, surface: As those of `Street`.
        sidewalk: Its width, 0 for none [m]; None where nothing is known.
    """

    line: shapely.LineString
    width: float
    kind: str
    lanes: int
    oneway: bool
    roundabout: bool
    surface: Ground
    sidewalk: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A piece of land as it is mapped; `number` is that of its feature in the file."""

    number: int
    shape: shapely.Polygon
    use: AreaUse


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenTree:
    """A tree as it is mapped, in metres; None where nothing is known."""

    x: float
    y: float
    radius: float | None
    height: float | None
    kind: TreeKind | None


def outline_of(feature: Feature) -> Outline:
    """A building from its tags.

    Raises:
        InputError: A tag is not the number that it must be.
    """
    name, tags = feature.name, feature.tags
    shape = shapely.simplify(feature.shape, EXACT)
    if shape.area < 0.1:
        raise InputError(f"{name}: this building has an area of {shape.area:.3f} m2; draw it or delete it")
    wall = word(tags, WALLS, "building:material", "building:facade:material")
    year = _year(tags.get("start:date", tags.get("year", "")))
    return Outline(
        number=feature.number,
        shape=shape,
        height=length(tags, name, "height", "building:height"),
        eave=length(tags, name, "eave"),
        rise=length(tags, name, "roof:height"),
        levels=count(tags, name, "building:levels", "levels", high=200),
        roof=word(tags, ROOFS, "roof:shape", "building:roof:shape", "roof"),
        roof_material=word(tags, TOLD_ROOFINGS, "roof:material", "building:roof:material")
        or _own(tags, name, "roof:material", ROOFINGS),
        wall_material=_own(tags, name, "wall:material", WALLINGS) if wall is None else wall[0],
        construction=word(tags, {v[1]: v[1] for v in WALLS.values()}, "construction")
        if wall is None
        else wall[1],
        use=word(tags, USES, "building", "use", "building:use"),
        year=year,
    )


def _own(tags: Tags, name: str, key: str, known: tuple[str, ...]) -> str | None:
    """A material by its name in the scene's table, as `mage simulate` exports it.

    Raises:
        InputError: It has such a name, but there is no such material.
    """
    value = tags.get(key)
    if value is None or not value.startswith(("roof_", "wall_")):
        return None
    if value not in known:
        raise InputError(f"{name}: {key} must be one of {known} or OpenStreetMap's, got {value!r}")
    return value


def _year(text: str) -> int | None:
    """The year that a date begins with, within `YEARS`; None for "unknown", "C19" and the like."""
    digits = text[:4]
    if len(digits) != 4 or not digits.isdecimal():
        return None
    return min(max(int(digits), YEARS[0]), YEARS[1])


def way_of(feature: Feature) -> Way:
    """A street from its tags.

    Raises:
        InputError: A tag is not the number that it must be.
    """
    name, tags = feature.name, feature.tags
    kind = first(tags["highway"]) or "road"
    told = count(tags, name, "lanes", high=16)
    lanes = max(1, round(told)) if told else None
    roundabout = tags.get("junction") in ("roundabout", "circular", "mini_roundabout")
    direction = tags.get("oneway", "yes" if roundabout or kind in ONE_WAY else "no").lower()
    oneway = direction not in NO
    line = shapely.remove_repeated_points(feature.shape, 0.01)
    width = length(tags, name, "width", high=80.0)
    if width is None:
        width = lanes * LANE if lanes else WIDTHS[kind] * (0.65 if oneway and kind not in ONE_WAY else 1.0)
    return Way(
        line=line.reverse() if direction in AGAINST else line,
        width=width,
        kind=kind,
        lanes=lanes or (1 if oneway or width < 4.5 else 2),
        oneway=oneway,
        roundabout=roundabout,
        surface=word(tags, SURFACES, "surface") or (Ground.DIRT_ROAD if kind == "track" else Ground.ASPHALT),
        sidewalk=_sidewalk(tags, name),
    )


def _sidewalk(tags: Tags, name: str) -> float | None:
    """Its width [m]: a number, or the usual one for "both", "left" and the like."""
    told = tags.get("sidewalk", tags.get("sidewalk:both"))
    if told is None:
        return None
    if told[:1].isdigit():
        return count(tags, name, "sidewalk", "sidewalk:both", high=20)
    return 0.0 if told.lower() in (*NO, "separate") else SIDEWALK


def path_of(feature: Feature) -> tuple[shapely.LineString, float]:
    """A way without cars, and its width [m].

    Raises:
        InputError: A tag is not the number that it must be.
    """
    width = length(feature.tags, feature.name, "width", high=80.0)
    return feature.shape, PATHS[first(feature.tags["highway"]) or "path"] if width is None else width


def stream_width(feature: Feature) -> float:
    """Width of a waterway that is a line [m].

    Raises:
        InputError: A tag is not the number that it must be.
    """
    width = length(feature.tags, feature.name, "width", high=1000.0)
    return STREAMS[feature.tags["waterway"]] if width is None else width


def area_of(feature: Feature) -> Area:
    """A piece of land from its tags."""
    use = area_use(feature.tags)
    return Area(number=feature.number, shape=feature.shape, use="vacant" if use is None else use)


def tree_of(feature: Feature) -> GivenTree:
    """A tree from its tags.

    Raises:
        InputError: A tag is not the number that it must be.
    """
    name, tags = feature.name, feature.tags
    across = length(tags, name, "diameter:crown", high=60.0)
    radius = across / 2 if across is not None else length(tags, name, "crown:radius", high=30.0)
    kinds: dict[str, TreeKind] = {str(k.name).lower(): k for k in TreeKind}
    kinds |= {"needleleaved": TreeKind.CONIFER, "broadleaved": TreeKind.BROADLEAF}
    return GivenTree(
        x=feature.shape.x,
        y=feature.shape.y,
        radius=radius,
        height=length(tags, name, "height", high=120.0),
        kind=word(tags, kinds, "kind", "leaf:type"),
    )


def barrier_of(feature: Feature) -> Barrier:
    """A hedge, wall or fence from its tags.

    Raises:
        InputError: A tag is not the number that it must be.
    """
    kind, height, width = BARRIERS[feature.tags["barrier"]]
    told = length(feature.tags, feature.name, "height", high=30.0)
    wide = length(feature.tags, feature.name, "width", high=30.0)
    return Barrier(
        line=shapely.get_coordinates(feature.shape),
        kind=kind,
        height=height if told is None else told,
        width=width if wide is None else wide,
    )

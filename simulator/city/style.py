"""What a region's towns look like: ranges to draw each town and district from. Data files, read safely."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml

from rasters.errors import InputError
from simulator.city.model import ROOFINGS, Construction, Ground, Roof, Season

Key = TypeVar("Key", bound=str)
STYLES = Path(__file__).parent / "styles"

Range = tuple[float, float]
Fabric = Literal["detached", "row", "perimeter", "estate", "halls", "informal", "compound"]
OpenUse = Literal[
    "park", "forest", "meadow", "crop", "sport", "parking", "vacant", "civic", "worship", "cemetery",
    "construction", "market", "orchard", "pond", "scrub",
]  # fmt: skip
BuiltUse = Literal["residential", "commercial", "industrial"]
Water = Literal["none", "river", "coast", "lake", "canal"]
Skeleton = Literal["grid", "radial", "organic"]
Pattern = Literal["grid", "organic", "radial", "cul_de_sac", "informal"]
Plan = Literal["rectangle", "l", "t", "u", "courtyard", "cross"]
Boundary = Literal["none", "hedge", "wall", "fence"]
Species = Literal["broadleaf", "conifer", "palm", "column", "shrub", "fruit"]
SHAPES: tuple[Roof, ...] = ("flat", "gable", "hip", "mansard", "shed", "sawtooth", "dome", "barrel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Covering:
    """One kind of roof.

    Attributes:
        shape: One of `SHAPES`.
        material: A name in the scene's material table.
        weight: How common it is, against the district's other coverings.
        tints: Linear albedo multipliers to choose from.
    """

    shape: Roof
    material: str
    weight: float
    tints: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A kind of neighbourhood; each pair is the range that one neighbourhood is drawn from.

    Attributes:
        name: For people.
        fabric: "detached" houses in gardens, "row" houses filling their lots, "perimeter" blocks around
            courts, "estate" of apartment blocks, "halls" with yards, "informal" huts where they find room,
            "compound" of a villa with outhouses behind a wall.
        use: "residential", "commercial" or "industrial".
        weight: How common it is, against the style's other districts.
        pattern: Weight of each way in which local streets divide the land.
        block_length, block_depth: Between street axes [m].
        street_width: Of the local carriageways [m].
        sidewalk, verge: Width of the paved and of the green strip beside the carriageway [m].
        dead_end: Share of cross streets that end blind.
        alley: Share of blocks with a service alley behind the lots.
        unpaved: Share of the local streets that are earth.
        lot_width, lot_depth: [m].
        setback: From the front lot line to the house [m].
        gap: From the side lot line to the house [m].
        cover: Share of a lot under its main building.
        plan: Weight of each shape of the main buildings' outline.
        eave: Of the main buildings [m].
        pitch: Rise over run of gables and hips.
        eaves: How far they stand out beyond the walls of houses that stand alone [m].
        vacant: Share of lots without a building.
        open_blocks: Share of blocks without buildings.
        tree_cover: Crown area over open private ground.
        street_trees: A 100 m of street side.
        pool, shed, driveway: Share of lots that have one.
        parked: Cars a 100 m of kerb.
        boundary: Weight of what parts a lot from the next.
        clutter: Density of loose things in yards, in [0, 1].
        solar: Share of the roofs with solar panels.
        rooftop: Density of chimneys, tanks and plant on roofs, in [0, 1].
        year: Of construction.
        construction: Of the main buildings.
        brick: Share of brick walls; the others are plastered.
        coverings: Roofs.
        yard: Weight of each `Ground` in the lots' open ground.
        open_uses: Weight of each use of an open block.
    """

    name: str
    fabric: Fabric
    use: BuiltUse
    weight: float
    pattern: Mapping[Pattern, float]
    block_length: Range
    block_depth: Range
    street_width: Range
    sidewalk: Range
    verge: Range
    dead_end: Range
    alley: Range
    unpaved: Range
    lot_width: Range
    lot_depth: Range
    setback: Range
    gap: Range
    cover: Range
    plan: Mapping[Plan, float]
    eave: Range
    pitch: Range
    eaves: Range
    vacant: Range
    open_blocks: Range
    tree_cover: Range
    street_trees: Range
    pool: Range
    shed: Range
    driveway: Range
    parked: Range
    boundary: Mapping[Boundary, float]
    clutter: Range
    solar: Range
    rooftop: Range
    year: Range
    construction: Construction
    brick: Range
    coverings: tuple[Covering, ...]
    yard: Mapping[str, float]
    open_uses: Mapping[OpenUse, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """A region; each pair is the range that one city is drawn from.

    Attributes:
        name: Of the data file.
        relief: Height of the hills [m].
        gradient: Fall of the valley along its axis [m/m].
        water: Weight of each kind of water that a city has.
        river_width: Of rivers [m]; canals are a third as wide.
        lake_size: Diameter of lakes [m].
        turbidity: Of its water, in [0, 1].
        bend: How far streets turn from straight [rad].
        arterials: Weight of each way in which the arterials run.
        arterial_spacing, arterial_width: [m].
        motorway, rail: Probability that one runs through.
        roundabout: Share of the arterials' crossings that are one.
        fringe: Share of the superblocks that is open country.
        country: Weight of each use of the open country.
        rickshaws: Share of three-wheelers among the cars.
        trees: Weight of each kind of tree.
        season: Weight of each state of the leaves.
        districts: Kinds of neighbourhood.
    """

    name: str
    relief: Range
    gradient: Range
    water: Mapping[Water, float]
    river_width: Range
    lake_size: Range
    turbidity: Range
    bend: Range
    arterials: Mapping[Skeleton, float]
    arterial_spacing: Range
    arterial_width: Range
    motorway: float
    rail: float
    roundabout: Range
    fringe: Range
    country: Mapping[OpenUse, float]
    rickshaws: float
    trees: Mapping[Species, float]
    season: Mapping[Season, float]
    districts: tuple[District, ...]


DISTRICT_RANGES = tuple(f.name for f in fields(District) if f.type is Range)
STYLE_RANGES = tuple(f.name for f in fields(Style) if f.type is Range)
SHARES = {"turbidity", "dead_end", "cover", "vacant", "open_blocks", "tree_cover", "pool", "shed", "driveway",
          "brick", "fringe", "alley", "unpaved", "clutter", "solar", "rooftop", "roundabout"}  # fmt: skip
POSITIVE = {"block_length", "block_depth", "street_width", "lot_width", "lot_depth", "eave", "river_width",
            "arterial_spacing", "arterial_width", "lake_size", "year"}  # fmt: skip
MAX_BEND = 0.45  # a larger turn would fold the plane over itself


def style_paths(name: str) -> tuple[Path, ...]:
    """The data files of a style: one, or as many as are mixed.

    Raises:
        InputError: As `load_style` for the name of a mixture.
    """
    return tuple(_path(part) for part, _ in _parts(name))


def style_label(name: str) -> str:
    """A style's name where it is a part of an id: "rural_village", "rural_village_40_south_asian_town_60".

    Raises:
        InputError: As `load_style` for the name of a mixture.
    """
    parts = _parts(name)
    if len(parts) == 1:
        return _path(parts[0][0]).stem
    return "_".join(f"{_path(part).stem}_{100 * share:.0f}" for part, share in parts)


def load_style(name: str) -> Style:
    """A style, or a mixture of styles.

    Args:
        name: A file in `styles/`, the path of a YAML file, or several of them with their shares, such as
            "north_american_suburb*0.6+rural_village*0.4"; the shares need not add up to 1.

    Raises:
        InputError: No such style, a key is unknown, missing or out of range, or a share is not a number.
    """
    (first, total), *others = _parts(name)
    style = _read(first)
    for part, share in others:
        total += share
        style = mix_styles(style, _read(part), share / total)
    return replace(style, name=style_label(name))


def mix_styles(a: Style, b: Style, share: float) -> Style:
    """A region between two: its ranges and probabilities are interpolated, its districts are those of both.

    A district is of one parent, never between two: a house with half a courtyard stands nowhere. It occurs
    as often as in its parent, times the parent's share.

    Args:
        a: One parent; the name stays its.
        b: The other.
        share: Of `b`, in [0, 1]; 0 gives `a` and 1 gives `b`.

    Raises:
        InputError: The share is out of range.
    """
    if not 0 <= share <= 1:
        raise InputError(f"a style's share must be in [0, 1], got {share!r}")
    if share in (0, 1):
        return replace((a, b)[int(share)], name=a.name)
    return replace(
        a,
        motorway=a.motorway + share * (b.motorway - a.motorway),
        rail=a.rail + share * (b.rail - a.rail),
        rickshaws=a.rickshaws + share * (b.rickshaws - a.rickshaws),
        water=_mix(a.water, b.water, share),
        arterials=_mix(a.arterials, b.arterials, share),
        country=_mix(a.country, b.country, share),
        trees=_mix(a.trees, b.trees, share),
        season=_mix(a.season, b.season, share),
        districts=_thinned(a.districts, 1 - share) + _thinned(b.districts, share),
        **{key: _between(getattr(a, key), getattr(b, key), share) for key in STYLE_RANGES},
    )


def _between(a: Range, b: Range, share: float) -> Range:
    return a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])


def _mix(a: Mapping[Key, float], b: Mapping[Key, float], share: float) -> dict[Key, float]:
    """Probabilities, in proportion."""
    first, second = sum(a.values()), sum(b.values())
    return {
        key: (1 - share) * a.get(key, 0.0) / first + share * b.get(key, 0.0) / second for key in {**a, **b}
    }


def _thinned(districts: tuple[District, ...], share: float) -> tuple[District, ...]:
    total = sum(district.weight for district in districts)
    return tuple(replace(district, weight=share * district.weight / total) for district in districts)


def _parts(name: str) -> list[tuple[str, float]]:
    """The names in a style's name with their shares, which add up to 1."""
    if _path(name).is_file() or not ("*" in name or "+" in name):
        return [(name, 1.0)]
    parts = []
    for term in name.split("+"):
        part, _, share = term.rpartition("*")
        try:
            parts.append((part.strip(), float(share)))
        except ValueError:
            raise InputError(f"{name}: a mixture is NAME*SHARE+NAME*SHARE, got {term!r}") from None
    total = sum(share for _, share in parts)
    if not all(part and 0 <= share < math.inf for part, share in parts) or not total > 0:
        raise InputError(f"{name}: the shares must be numbers of at least 0, not all 0")
    return [(part, share / total) for part, share in parts if share > 0]


def _path(name: str) -> Path:
    return Path(name) if name.endswith((".yaml", ".yml")) else STYLES / f"{name}.yaml"


def _read(name: str) -> Style:
    """One data file."""
    path = _path(name)
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        if name.endswith((".yaml", ".yml")):
            raise InputError(f"no file {path}; give a style's file or a name from {STYLES.name}/") from None
        known = sorted(p.stem for p in STYLES.glob("*.yaml"))
        raise InputError(f"no city style {name!r}; there are {known}, or give a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        told = " ".join(str(error).replace('in "<unicode string>", ', "").split())
        raise InputError(f"{path} is not YAML: {told}") from error
    where = str(path)
    _check_keys(table, {f.name for f in fields(Style)} - {"name"}, where)
    entries = table["districts"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{where}: districts must be a list of at least one district, got {entries!r}")
    districts = tuple(_district(entry, where) for entry in entries)
    if not sum(district.weight for district in districts) > 0:
        raise InputError(f"{where}: at least one district must have a weight above 0")
    return Style(
        name=path.stem,
        motorway=_number(table["motorway"], f"{where}: motorway", high=1.0),
        rail=_number(table["rail"], f"{where}: rail", high=1.0),
        rickshaws=_number(table["rickshaws"], f"{where}: rickshaws", high=1.0),
        water=_weights(table["water"], get_args(Water), f"{where}: water"),
        arterials=_weights(table["arterials"], get_args(Skeleton), f"{where}: arterials"),
        trees=_weights(table["trees"], get_args(Species), f"{where}: trees"),
        season=_weights(table["season"], get_args(Season), f"{where}: season"),
        country=_weights(table["country"], get_args(OpenUse), f"{where}: country"),
        districts=districts,
        **{key: _range(table[key], key, where) for key in STYLE_RANGES},
    )


def _district(table: Any, where: str) -> District:
    _check_keys(table, {f.name for f in fields(District)}, f"{where}: district")
    where = f"{where}: district {table['name']}"
    for key, kind in (("fabric", Fabric), ("use", BuiltUse), ("construction", Construction)):
        if table[key] not in get_args(kind):
            raise InputError(f"{where}: {key} must be one of {get_args(kind)}, got {table[key]!r}")
    coverings = table["coverings"]
    if not isinstance(coverings, list) or not coverings:
        raise InputError(f"{where}: coverings must be a list of at least one roof, got {coverings!r}")
    return District(
        name=str(table["name"]),
        fabric=table["fabric"],
        use=table["use"],
        construction=table["construction"],
        weight=_number(table["weight"], f"{where}: weight"),
        pattern=_weights(table["pattern"], get_args(Pattern), f"{where}: pattern"),
        plan=_weights(table["plan"], get_args(Plan), f"{where}: plan"),
        boundary=_weights(table["boundary"], get_args(Boundary), f"{where}: boundary"),
        coverings=tuple(_covering(entry, where) for entry in coverings),
        yard=_weights(table["yard"], tuple(g.name.lower() for g in Ground), f"{where}: yard"),
        open_uses=_weights(table["open_uses"], get_args(OpenUse), f"{where}: open_uses"),
        **{key: _range(table[key], key, where) for key in DISTRICT_RANGES},
    )


def _covering(table: Any, where: str) -> Covering:
    _check_keys(table, {f.name for f in fields(Covering)}, f"{where}: covering")
    if table["shape"] not in SHAPES:
        raise InputError(f"{where}: a covering's shape must be one of {SHAPES}, got {table['shape']!r}")
    try:
        tints = tuple((float(r), float(g), float(b)) for r, g, b in table["tints"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: tints must be triples of numbers ({error})") from error
    if not tints or not all(0 < v < 10 for tint in tints for v in tint):
        raise InputError(f"{where}: tints must be one or more triples in (0, 10), got {tints!r}")
    if table["material"] not in ROOFINGS:
        raise InputError(
            f"{where}: a covering's material must be one of {ROOFINGS}, got {table['material']!r}"
        )
    weight = _number(table["weight"], f"{where}: a covering's weight")
    return Covering(shape=table["shape"], material=table["material"], weight=weight, tints=tints)


def _check_keys(table: Any, keys: set[str], where: str) -> None:
    if not isinstance(table, dict) or set(table) != keys:
        got = set(table) if isinstance(table, dict) else set()
        missing, unknown = sorted(keys - got), sorted(map(str, got - keys))
        raise InputError(f"{where} must hold exactly its keys; missing {missing}, unknown {unknown}")


def _number(value: Any, where: str, high: float = math.inf) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (0 <= value <= high and value < math.inf)
    ):
        raise InputError(f"{where} must be a number in [0, {high:g}], got {value!r}")
    return float(value)


def _range(value: Any, key: str, where: str) -> Range:
    where = f"{where}: {key}"
    if not isinstance(value, list) or len(value) != 2:
        raise InputError(f"{where} must be a pair [low, high], got {value!r}")
    high = 1.0 if key in SHARES else MAX_BEND if key == "bend" else math.inf
    pair = (_number(value[0], where, high), _number(value[1], where, high))
    if pair[0] > pair[1] or (key in POSITIVE and pair[0] <= 0) or not math.isfinite(pair[1]):
        raise InputError(f"{where} must be a finite range, low <= high, got {value!r}")
    return pair


def _weights(value: Any, keys: tuple[Key, ...], where: str) -> dict[Key, float]:
    if not isinstance(value, dict) or not value or not set(value) <= set(keys):
        raise InputError(f"{where} must map some of {sorted(keys)} to weights, got {value!r}")
    weights = {key: _number(value[key], where) for key in keys if key in value}
    if not sum(weights.values()) > 0:
        raise InputError(f"{where}: at least one weight must be positive, got {value!r}")
    return weights

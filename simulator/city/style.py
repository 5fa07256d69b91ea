"""What a region's towns look like: ranges to draw each town and district from. Data files, read safely."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

import yaml

from rasters.errors import InputError
from simulator.city.model import Construction, Ground, Roof

Key = TypeVar("Key", bound=str)
STYLES = Path(__file__).parent / "styles"

Range = tuple[float, float]
Fabric = Literal["detached", "row", "estate", "halls"]
OpenUse = Literal["park", "forest", "meadow", "crop", "sport", "parking", "vacant"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covering:
    """One kind of roof.

    Attributes:
        shape: "flat", "gable" or "hip".
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
        fabric: "detached" houses in gardens, "row" houses filling their lots, "estate" of apartment
            blocks, "halls" with yards.
        weight: How common it is, against the style's other districts.
        organic: Probability that the streets split the land as it comes, instead of a grid.
        block_length, block_depth: Between street axes [m].
        street_width: Of the local carriageways [m].
        sidewalk, verge: Width of the paved and of the green strip beside the carriageway [m].
        dead_end: Share of cross streets that end blind.
        lot_width, lot_depth: [m].
        setback: From the front lot line to the house [m].
        gap: From the side lot line to the house [m].
        cover: Share of a lot under its main building.
        eave: Of the main buildings [m].
        vacant: Share of lots without a building.
        open_blocks: Share of blocks without buildings.
        tree_cover: Crown area over open private ground.
        street_trees: A 100 m of street side.
        pool, shed, driveway: Share of lots that have one.
        parked: Cars a 100 m of kerb.
        construction: Of the main buildings.
        brick: Share of brick walls; the others are plastered.
        coverings: Roofs.
        yard: Weight of each `Ground` in the lots' open ground.
        open_uses: Weight of each use of an open block.
    """

    name: str
    fabric: Fabric
    weight: float
    organic: float
    block_length: Range
    block_depth: Range
    street_width: Range
    sidewalk: Range
    verge: Range
    dead_end: Range
    lot_width: Range
    lot_depth: Range
    setback: Range
    gap: Range
    cover: Range
    eave: Range
    vacant: Range
    open_blocks: Range
    tree_cover: Range
    street_trees: Range
    pool: Range
    shed: Range
    driveway: Range
    parked: Range
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
        river: Probability of a river.
        river_width: [m].
        turbidity: Of its water, in [0, 1].
        bend: How far streets turn from straight [rad].
        arterial_spacing, arterial_width: [m].
        fringe: Share of the superblocks that is open country.
        country: Weight of each use of the open country.
        conifer: Share of the trees.
        districts: Kinds of neighbourhood.
    """

    name: str
    relief: Range
    gradient: Range
    river: float
    river_width: Range
    turbidity: Range
    bend: Range
    arterial_spacing: Range
    arterial_width: Range
    fringe: Range
    country: Mapping[OpenUse, float]
    conifer: Range
    districts: tuple[District, ...]


DISTRICT_RANGES = tuple(f.name for f in fields(District) if f.type is Range)
STYLE_RANGES = tuple(f.name for f in fields(Style) if f.type is Range)
SHARES = {"turbidity", "dead_end", "cover", "vacant", "open_blocks", "tree_cover", "pool", "shed", "driveway",
          "brick", "fringe", "conifer"}  # fmt: skip
POSITIVE = {"block_length", "block_depth", "street_width", "lot_width", "lot_depth", "eave", "river_width",
            "arterial_spacing", "arterial_width"}  # fmt: skip
MAX_BEND = 0.45  # a larger turn would fold the plane over itself


def style_path(name: str) -> Path:
    """The data file of a style: `name` itself if it is a YAML file's."""
    return Path(name) if name.endswith((".yaml", ".yml")) else STYLES / f"{name}.yaml"


def load_style(name: str) -> Style:
    """A style by the name of its file in `styles/`, or by the path of a YAML file.

    Raises:
        InputError: No such style, or a key is unknown, missing or out of range.
    """
    path = style_path(name)
    try:
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError:
        known = sorted(p.stem for p in STYLES.glob("*.yaml"))
        raise InputError(f"no city style {name!r}; there are {known}, or give a YAML file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not YAML: {error}") from error
    where = str(path)
    _check_keys(table, {f.name for f in fields(Style)} - {"name"}, where)
    entries = table["districts"]
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{where}: districts must be a list of at least one district, got {entries!r}")
    return Style(
        name=path.stem,
        river=_number(table["river"], f"{where}: river", high=1.0),
        country=_weights(table["country"], get_args(OpenUse), f"{where}: country"),
        districts=tuple(_district(entry, where) for entry in entries),
        **{key: _range(table[key], key, where) for key in STYLE_RANGES},
    )


def _district(table: Any, where: str) -> District:
    _check_keys(table, {f.name for f in fields(District)}, f"{where}: district")
    where = f"{where}: district {table['name']}"
    if table["fabric"] not in get_args(Fabric):
        raise InputError(f"{where}: fabric must be one of {get_args(Fabric)}, got {table['fabric']!r}")
    if table["construction"] not in get_args(Construction):
        raise InputError(
            f"{where}: construction must be one of {get_args(Construction)}, got {table['construction']!r}"
        )
    coverings = table["coverings"]
    if not isinstance(coverings, list) or not coverings:
        raise InputError(f"{where}: coverings must be a list of at least one roof, got {coverings!r}")
    return District(
        name=str(table["name"]),
        fabric=table["fabric"],
        construction=table["construction"],
        weight=_number(table["weight"], f"{where}: weight"),
        organic=_number(table["organic"], f"{where}: organic", high=1.0),
        coverings=tuple(_covering(entry, where) for entry in coverings),
        yard=_weights(table["yard"], tuple(g.name.lower() for g in Ground), f"{where}: yard"),
        open_uses=_weights(table["open_uses"], get_args(OpenUse), f"{where}: open_uses"),
        **{key: _range(table[key], key, where) for key in DISTRICT_RANGES},
    )


def _covering(table: Any, where: str) -> Covering:
    _check_keys(table, {f.name for f in fields(Covering)}, f"{where}: covering")
    if table["shape"] not in ("flat", "gable", "hip"):
        raise InputError(f"{where}: a covering's shape must be flat, gable or hip, got {table['shape']!r}")
    try:
        tints = tuple((float(r), float(g), float(b)) for r, g, b in table["tints"])
    except (TypeError, ValueError) as error:
        raise InputError(f"{where}: tints must be triples of numbers ({error})") from error
    if not tints or not all(0 < v < 10 for tint in tints for v in tint):
        raise InputError(f"{where}: tints must be one or more triples in (0, 10), got {tints!r}")
    weight = _number(table["weight"], f"{where}: a covering's weight")
    return Covering(shape=table["shape"], material=str(table["material"]), weight=weight, tints=tints)


def _check_keys(table: Any, keys: set[str], where: str) -> None:
    if not isinstance(table, dict) or set(table) != keys:
        got = set(table) if isinstance(table, dict) else set()
        missing, unknown = sorted(keys - got), sorted(map(str, got - keys))
        raise InputError(f"{where} must hold exactly its keys; missing {missing}, unknown {unknown}")


def _number(value: Any, where: str, high: float = math.inf) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= high:
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

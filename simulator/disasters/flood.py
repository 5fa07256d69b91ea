"""Flood: water over the terrain, mud where it stood, cars carried off, houses in water."""

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple, get_args

import numpy as np

from rasters.classes import Passability
from rasters.errors import InputError
from simulator.city.model import City, Field, Street
from simulator.disasters.aftermath import Aftermath, untouched
from simulator.disasters.cells import check_ranges, join_boxes, with_values
from simulator.disasters.flood_damage import (
    drift,
    flood_damage,
    greatest_at_walls,
    greatest_beside_walls,
    left_of,
    lost_spans,
)
from simulator.disasters.flood_flow import Flood, flow_through
from simulator.disasters.flood_forcing import FloodKind, suited_kind
from simulator.disasters.flood_traces import flotsam, muddy
from simulator.disasters.inundation import find_source
from simulator.disasters.recession import crest_surface, depth_on_ground, finer, permanent_water, receded
from simulator.disasters.roads import deck_elevation, depth_on_roads, passability_in_water

SETTLING = 12.0  # days in which two thirds of what a flood carries has settled: an assumption
RANGES = {
    "stage": (0, 50, "m"),
    "rain": (0, 5, "m"),
    "fall": (0, 50, "m/day"),
    "largest_share": (1e-3, 1, ""),
    "turbidity": (0, 1, ""),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class FloodParameters:
    """A flood.

    Attributes:
        kind: "river" (its level rises), "coastal" (that of the sea or lake), "pluvial" (rain that the drains
            do not take), "dam_break" (a wave over the city's highest side); "suited": coastal or river where
            such water leaves the city, else pluvial.
        stage: Crest above the normal surface of the river or sea, or height of the dam's wave [m].
        rain: Of the storm, mostly in forty minutes [m]; pluvial only.
        fall: By which the level falls after the crest [m/day].
        largest_share: Of the land that a river or the sea may reach, in (0, 1]; the crest is lowered to it.
        turbidity: Of the water at the crest, in [0, 1].
    """

    kind: FloodKind | Literal["suited"] = "suited"
    stage: float = 3.0
    rain: float = 0.25
    fall: float = 0.1
    largest_share: float = 0.6
    turbidity: float = 0.9

    def __post_init__(self) -> None:
        kinds = ("suited", *get_args(FloodKind))
        if self.kind not in kinds:
            raise InputError(f"flood: kind must be one of {', '.join(kinds)}, got {self.kind!r}")
        check_ranges("flood", self, RANGES)


class Waters(NamedTuple):
    """The water of a flood on the cells of the ground.

    Attributes:
        depth: What is left [m], 0 in permanent water.
        crest: Greatest [m].
        on_roads, crest_on_roads: The same, on bridges over the deck, and in permanent water too.
        speed: Greatest [m/s].
    """

    depth: Field
    crest: Field
    on_roads: Field
    crest_on_roads: Field
    speed: Field


def sample_flood(rng: np.random.Generator) -> FloodParameters:
    """A flood that reaches houses and leaves some dry; ranges are assumptions."""
    kinds: tuple[FloodKind | Literal["suited"], ...] = ("suited", "pluvial", "dam_break")
    kind = kinds[rng.choice(3, p=[0.65, 0.15, 0.2])]
    return FloodParameters(
        kind=kind,
        stage=float(rng.uniform(2.5, 7.0)) * (0.4 if kind == "dam_break" else 1.0),
        rain=float(rng.uniform(0.12, 0.5)),
        fall=float(np.exp(rng.uniform(np.log(0.01), np.log(0.3)))),
        largest_share=float(rng.uniform(0.2, 0.6)),
        turbidity=float(rng.uniform(0.7, 1.0)),
    )


def flood(city: City, parameters: FloodParameters, rng: np.random.Generator, days: float) -> Aftermath:
    """A flood over `city`, `days` after its crest.

    Raises:
        InputError: The kind needs water that the city does not have.
    """
    drift_rng, mud_rng, house_rng, flotsam_rng = rng.spawn(4)
    source = find_source(city)
    kind = suited_kind(source) if parameters.kind == "suited" else parameters.kind
    limits = {"stage": parameters.stage, "rain": parameters.rain, "largest_share": parameters.largest_share}
    event = flow_through(city, kind, source, **limits)
    left = receded(city, kind, event, fall=parameters.fall, days=days)
    waters = _waters(city, event, left.surface)
    deepest, damage, cause = _harm(city, event, waters.crest)
    states = zip(city.buildings, damage, cause, house_rng.random((len(damage), 2)), strict=True)
    part = (with_values(city.terrain, event.flow.east), with_values(city.terrain, event.flow.north))
    dry = days - finer(left.wet_for, city.ground.values.shape)
    after = replace(
        city,
        water=with_values(city.water, left.surface),
        turbidity=_turbidity(city.turbidity, parameters.turbidity, days),
        ground=muddy(city, waters.crest.values, waters.depth.values, dry, mud_rng),
        buildings=tuple(left_of(*state) for state in states),
        streets=_streets_left(city, waters),
        vehicles=drift(city.vehicles, city, waters.crest_on_roads, part, waters.on_roads, drift_rng),
        debris=join_boxes(city.debris, flotsam(city, waters.on_roads.values, flotsam_rng)),
    )
    return replace(
        untouched(city),
        kind="flood",
        after=after,
        damage=damage,
        cause=cause,
        intensity=deepest.astype(np.float32),
        flood_depth=waters.depth,
        flow_speed=waters.speed,
        passability=_passability(city, after, waters.on_roads.values),
    )


def _waters(city: City, event: Flood, surface: np.ndarray) -> Waters:
    """The water of a flood over the ground, of which `surface` (H, W) [m] on the terrain's cells is left."""
    top, normal = crest_surface(event), permanent_water(city)
    depth, crest = depth_on_ground(surface, city), depth_on_ground(top, city)
    np.minimum(depth, crest, out=depth, where=~normal)
    on_roads, crest_on_roads = (
        depth_on_roads(replace(city, water=with_values(city.water, level)), on_ground)
        for level, on_ground in ((surface, depth.copy()), (top, crest))
    )
    speed = finer(event.flow.fastest, crest.shape) * (crest > 0)
    depth[normal] = 0
    parts = (depth, crest, on_roads, crest_on_roads, speed)
    return Waters(*(with_values(city.ground, part) for part in parts))


def _harm(city: City, event: Flood, crest: Field) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Greatest depth at the walls [m], `Damage` and `Cause` codes, each (N,), of the buildings."""
    deepest = greatest_at_walls(city.buildings, crest)
    damage, cause = flood_damage(
        deepest,
        greatest_beside_walls(city.buildings, with_values(city.terrain, event.flow.strongest)),
        greatest_beside_walls(city.buildings, with_values(city.terrain, event.flow.fastest)),
        np.array([b.eave for b in city.buildings]).reshape(-1),
        [b.construction for b in city.buildings],
    )
    return deepest, damage, cause


def _streets_left(city: City, waters: Waters) -> tuple[Street, ...]:
    """The streets, without the spans that the crest took."""
    deck = np.isfinite(deck_elevation(city))
    over = with_values(city.ground, waters.crest_on_roads.values * deck)
    lost = lost_spans(city.streets, over, waters.speed)
    pairs = zip(city.streets, lost, strict=True)
    return tuple(replace(street, bridge=False) if gone else street for street, gone in pairs)


def _passability(city: City, after: City, depth: np.ndarray) -> Field:
    """`Passability` codes under `depth` (H, W) [m], and where a bridge is gone."""
    roads = passability_in_water(city, depth)
    gone = np.isfinite(deck_elevation(city)) & ~np.isfinite(deck_elevation(after))
    return with_values(city.ground, np.where(gone, np.uint8(Passability.BLOCKED), roads.values))


def _turbidity(normal: float, crest: float, days: float) -> float:
    """Of the water `days` after a crest that was more turbid than usual."""
    return normal + max(crest - normal, 0.0) * float(np.exp(-days / SETTLING))

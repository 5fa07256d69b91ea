"""Flood: water over the terrain, mud where it stood, cars carried off, houses in water."""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import cv2
import numpy as np
from scipy import ndimage

from rasters.classes import Passability
from rasters.errors import InputError
from simulator.city.model import NO_BOXES, Boxes, City, Field, Ground
from simulator.city.noise import smooth_noise
from simulator.disasters.aftermath import Aftermath, untouched
from simulator.disasters.cells import building_cells, check_range, join_boxes, with_values
from simulator.disasters.flood_damage import (
    drift,
    flood_damage,
    greatest_at_walls,
    left_of,
    lost_spans,
)
from simulator.disasters.flood_flow import FloodKind, flow_through, suited_kind
from simulator.disasters.inundation import continued, find_source
from simulator.disasters.recession import crest_surface, depth_on_ground, finer, permanent_water, receded
from simulator.disasters.roads import deck_elevation, passability_in_water

DRYING = 4.0  # days in which mud turns to pale silt: an assumption for warm weather
SETTLING = 12.0  # days in which two thirds of what a flood carries has settled: an assumption
NATURAL = (
    Ground.GRASS, Ground.MEADOW, Ground.SOIL, Ground.CROP, Ground.FOREST_FLOOR, Ground.SPORT, Ground.LAWN,
    Ground.DRY_GRASS, Ground.TILLED, Ground.STUBBLE, Ground.SAND, Ground.CLAY, Ground.DIRT_ROAD,
)  # fmt: skip
# Share of a standard deviation of the noise above which mud lies: less with depth, up to COVERED metres,
# more on what is paved, which the flow and people wash: assumptions
BARE, COVERING, COVERED, PAVED = 0.9, 2.6, 1.2, 1.1
FLOATING = 0.3  # depth from which there is driftwood [m], and the water for one piece [m2]: assumptions
WATER_PER_PIECE = 300.0
WOOD = np.array([0.30, 0.24, 0.17])


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
        check_range("flood", "stage", self.stage, 0, 50, "m")
        check_range("flood", "rain", self.rain, 0, 5, "m")
        check_range("flood", "fall", self.fall, 0, 50, "m/day")
        check_range("flood", "largest_share", self.largest_share, 1e-3, 1, "")
        check_range("flood", "turbidity", self.turbidity, 0, 1, "")


def sample_flood(rng: np.random.Generator) -> FloodParameters:
    """A flood that reaches houses and leaves some dry; ranges are assumptions."""
    kinds: tuple[FloodKind | Literal["suited"], ...] = ("suited", "pluvial", "dam_break")
    return FloodParameters(
        kind=kinds[rng.choice(3, p=[0.65, 0.15, 0.2])],
        stage=float(rng.uniform(2.5, 7.0)),
        rain=float(rng.uniform(0.15, 0.6)),
        fall=float(np.exp(rng.uniform(np.log(0.01), np.log(0.4)))),
        largest_share=float(rng.uniform(0.2, 0.6)),
        turbidity=float(rng.uniform(0.7, 1.0)),
    )


def flood(city: City, parameters: FloodParameters, rng: np.random.Generator, days: float) -> Aftermath:
    """A flood over `city`, `days` after its crest.

    Raises:
        InputError: The kind needs water that the city does not have.
    """
    drift_rng, mud_rng, house_rng = rng.spawn(3)
    source = find_source(city)
    kind = suited_kind(source) if parameters.kind == "suited" else parameters.kind
    event = flow_through(
        city, kind, source, stage=parameters.stage, rain=parameters.rain, largest_share=parameters.largest_share
    )  # fmt: skip
    surface = receded(city, kind, event, fall=parameters.fall, days=days)
    top = crest_surface(event)
    depth, crest = depth_on_ground(surface, city), depth_on_ground(top, city)
    depth = np.minimum(depth, crest, out=depth, where=~permanent_water(city))
    speed = with_values(city.ground, finer(event.flow.fastest, crest.shape) * (crest > 0))
    deepest = greatest_at_walls(city.buildings, with_values(city.ground, crest))
    damage, cause = flood_damage(
        deepest,
        greatest_at_walls(city.buildings, _around(city.terrain, event.flow.strongest)),
        greatest_at_walls(city.buildings, _around(city.terrain, event.flow.fastest)),
        np.array([b.eave for b in city.buildings]).reshape(-1),
        [b.construction for b in city.buildings],
    )
    deck = deck_elevation(city)
    on_decks, over = _over_decks(city, deck, depth, surface), _over_decks(city, deck, crest, top)
    lost = lost_spans(city.streets, with_values(city.ground, over * np.isfinite(deck)), speed)
    part = (with_values(city.terrain, event.flow.east), with_values(city.terrain, event.flow.north))
    left = with_values(city.ground, on_decks)
    after = replace(
        city,
        water=with_values(city.water, surface),
        turbidity=_turbidity(city.turbidity, parameters.turbidity, days),
        ground=_muddy(city, crest, depth, parameters.fall, days, mud_rng),
        buildings=tuple(
            left_of(b, d, c, r)
            for b, d, c, r in zip(
                city.buildings, damage, cause, house_rng.random((len(damage), 2)), strict=True
            )
        ),
        streets=tuple(
            replace(s, bridge=s.bridge and not gone) for s, gone in zip(city.streets, lost, strict=True)
        ),
        vehicles=drift(city.vehicles, city, with_values(city.ground, over), part, left, drift_rng),
        debris=join_boxes(city.debris, flotsam(city, on_decks, house_rng)),
    )
    return replace(
        untouched(city),
        kind="flood",
        after=after,
        damage=damage,
        cause=cause,
        intensity=deepest.astype(np.float32),
        flood_depth=with_values(city.ground, np.where(permanent_water(city), np.float32(0), depth)),
        flow_speed=speed,
        passability=_passability(city, after, on_decks),
    )


def _around(like: Field, values: np.ndarray) -> Field:
    """`values` (H, W) on the cells of `like`, each the greatest of its neighbours': walls stand between cells."""
    return with_values(like, ndimage.maximum_filter(values, 3))


def _over_decks(city: City, deck: np.ndarray, depth: np.ndarray, surface: np.ndarray) -> np.ndarray:
    """`depth` (H, W) [m] on the ground's cells, on bridges that over the `deck` (H, W) [m, NaN elsewhere].

    Args:
        city: Where.
        deck: Elevation of the bridges.
        depth: On the ground, under the bridges too.
        surface: Of the water on the terrain's cells [m], NaN where dry.
    """
    wet = np.isfinite(surface)
    if not wet.any() or not np.isfinite(deck).any():
        return depth
    level = finer(continued(surface, wet).astype(np.float32), depth.shape)
    return np.where(np.isfinite(deck), np.minimum((level - deck).clip(0), depth), depth).astype(np.float32)


def _passability(city: City, after: City, depth: np.ndarray) -> Field:
    """`Passability` codes under `depth` (H, W) [m], and where a bridge is gone."""
    roads = passability_in_water(city, depth)
    gone = np.isfinite(deck_elevation(city)) & ~np.isfinite(deck_elevation(after))
    return with_values(city.ground, np.where(gone, np.uint8(Passability.BLOCKED), roads.values))


def _turbidity(normal: float, crest: float, days: float) -> float:
    """Of the water `days` after a crest that was more turbid than usual."""
    return normal + max(crest - normal, 0.0) * float(np.exp(-days / SETTLING))


def _muddy(
    city: City, crest: np.ndarray, depth: np.ndarray, fall: float, days: float, rng: np.random.Generator
) -> Field:
    """The ground where water stood: mud, in patches the more closed the deeper it was; silt where it dried.

    Args:
        city: Before.
        crest, depth: Greatest depth, and that which is left [m], (H, W).
        fall: Of the level [m/day].
        days: Since the crest.
        rng: Random generator.
    """
    codes = city.ground.values.copy()
    half = tuple(-(-n // 2) for n in codes.shape)
    noise = smooth_noise(half, 2 * city.ground.cell, 14.0, rng, octaves=4)
    noise = cv2.resize(noise, codes.shape[::-1], interpolation=cv2.INTER_LINEAR)
    natural = np.isin(codes, NATURAL)
    bare = BARE - COVERING * np.minimum(crest / COVERED, 1) + np.where(natural, np.float32(0), PAVED)
    mud = (crest > 0) & (noise > bare)
    codes[mud] = Ground.MUD
    dry = days - crest / max(fall, 1e-6)  # since when it lies dry [days]; the highest ground longest
    codes[mud & (depth == 0) & (dry > DRYING * (1 + 0.3 * noise))] = Ground.SILT
    return with_values(city.ground, codes)


def flotsam(city: City, depth: np.ndarray, rng: np.random.Generator) -> Boxes:
    """Boards, branches and bins afloat on water `depth` (H, W) [m] deep, in rafts and alone."""
    open_water = (depth > FLOATING) & (building_cells(city.buildings, city.ground) == 0)
    row, col = np.nonzero(open_water)
    count = int(len(row) * city.ground.cell**2 / WATER_PER_PIECE)
    if count == 0:
        return NO_BOXES
    pick = rng.integers(0, len(row), count)
    raft = rng.random(count) < 0.6  # a piece in four is where another one is
    pick = np.where(raft, pick[rng.integers(0, max(count // 4, 1), count)], pick)
    x, y = city.ground.centres()
    xy = np.stack([x[col[pick]], y[row[pick]]], axis=1) + rng.normal(0, 1.2, (count, 2)) * raft[:, None]
    at = with_values(city.ground, depth).nearest(*xy.T)
    size = np.stack(
        [rng.uniform(0.5, 3.0, count), rng.uniform(0.2, 0.7, count), np.full(count, 0.12)], axis=1
    )
    wood = WOOD * rng.uniform(0.5, 1.5, (count, 1))
    return Boxes(
        centre=np.column_stack([xy, at + 0.03]),
        size=size,
        heading=rng.uniform(0, 2 * np.pi, count),
        tilt=np.zeros(count),
        colour=np.where(rng.random((count, 1)) < 0.08, 0.5, wood),
        kind=np.zeros(count, np.uint8),
    )

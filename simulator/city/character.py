"""One neighbourhood, drawn from a style."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from simulator.city.model import Construction
from simulator.city.style import (
    DISTRICT_RANGES,
    Boundary,
    BuiltUse,
    Covering,
    Fabric,
    OpenUse,
    Pattern,
    Plan,
    Style,
)

Key = TypeVar("Key", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Character:
    """One neighbourhood: the numbers drawn from a `District`, which explains them."""

    fabric: Fabric
    use: BuiltUse
    pattern: Pattern
    block_length: float
    block_depth: float
    street_width: float
    sidewalk: float
    verge: float
    dead_end: float
    alley: float
    unpaved: float
    lot_width: float
    lot_depth: float
    setback: float
    gap: float
    cover: float
    plan: Mapping[Plan, float]
    eave: float
    pitch: float
    vacant: float
    open_blocks: float
    tree_cover: float
    street_trees: float
    pool: float
    shed: float
    driveway: float
    parked: float
    boundary: Boundary
    clutter: float
    solar: float
    rooftop: float
    year: float
    construction: Construction
    brick: float
    coverings: tuple[Covering, ...]
    yard: Mapping[str, float]
    open_uses: Mapping[OpenUse, float]


def draw_district(style: Style, rng: np.random.Generator) -> Character:
    """A neighbourhood: a kind by its weight, then its numbers; the mix of roofs and yards is drawn anew."""
    weights = np.array([d.weight for d in style.districts])
    district = style.districts[rng.choice(len(weights), p=weights / weights.sum())]
    numbers = {name: float(rng.uniform(*getattr(district, name))) for name in DISTRICT_RANGES}
    coverings = tuple(replace(c, weight=c.weight * float(rng.lognormal(0, 0.9))) for c in district.coverings)
    return Character(
        fabric=district.fabric,
        construction=district.construction,
        use=district.use,
        pattern=choose(district.pattern, rng),
        plan=district.plan,
        boundary=choose(district.boundary, rng),
        coverings=coverings,
        yard={key: weight * float(rng.lognormal(0, 0.7)) for key, weight in district.yard.items()},
        open_uses=district.open_uses,
        **numbers,
    )


def choose(weights: Mapping[Key, float], rng: np.random.Generator) -> Key:
    """A key, with probability in proportion to its weight."""
    keys = list(weights)
    return keys[pick(list(weights.values()), rng)]


def pick(weights: Sequence[float], rng: np.random.Generator) -> int:
    """An index, with probability in proportion to its weight; any of them if all weights are 0."""
    level = sum(weights)
    if not level > 0:
        return int(rng.integers(len(weights)))
    level *= rng.random()
    last = 0
    for k, weight in enumerate(weights):
        if weight > 0:
            last = k
            level -= weight
            if level < 0:
                return k
    return last

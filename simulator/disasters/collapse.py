"""What shaking leaves of a building: its geometry for each degree of damage."""

from dataclasses import replace
from typing import Literal

import numpy as np
import shapely

from rasters.classes import Damage
from simulator.city.model import RUINED, Building, Volume
from simulator.disasters.cells import mean_height, ruin

FALLEN_HEIGHT = 0.5
"""A destroyed building is at most this share of its mean height before."""
PITCHED = ("gable", "hip", "mansard", "shed")
SLABBED = ("roof_concrete", "roof_membrane", "roof_gravel", "roof_green")
"""Roofs that lie on a slab of concrete, which comes down in one piece."""
STOREY, STOREY_LEFT = 3.0, 0.62
"""Height of a storey, and what is left of it in a stack of floors [m]: assumptions."""
SLENDER, TALL, TOPPLES = 2.1, 12.0, 0.35
"""Least height over width, and height [m], of what may fall on its side, and the share of the destroyed
that does: assumptions, after Concepcion 2010 and Hatay 2023, where single blocks did."""
PARTIAL, UPPER = 0.65, 0.75
"""Up to these shares of the majors a part has fallen to the ground, then the upper walls are broken and
open; the others have lost a storey under a slab, or much of the roof. Assumptions."""
NARROWEST = 2.5
"""Least side of what falls off a building [m]: an assumption."""
RACKED = 0.6
"""Share of destroyed timber houses whose roof lies on the ground floor, nearly whole: an assumption."""
# What falls lies so far from the walls, in shares of the height, least and most: assumptions of the order
# of the debris widths in Argyroudis et al. 2015, Bulletin of Earthquake Engineering 13, 2371-2395
REACH: dict[str, tuple[float, float]] = {
    "rubble": (0.40, 0.90),
    "pancake": (0.12, 0.32),
    "part": (0.30, 0.60),
    "open": (0.12, 0.28),
    "roof": (0.15, 0.35),
}


def shaken(building: Building, damage: int, draw: np.ndarray, town: shapely.STRtree) -> Building:
    """The building after the shaking.

    Args:
        building: Before.
        damage: A `Damage` code.
        draw: (6,) in [0, 1).
        town: The outlines of all buildings, on which none may topple.
    """
    match damage:
        case Damage.MINOR:
            return _without_tiles(building, draw)
        case Damage.MAJOR:
            return _half_fallen(building, draw)
        case Damage.DESTROYED:
            return _fallen(building, draw, town)
    return building


def sheds(before: Building, after: Building, draw: float) -> tuple[Building, float]:
    """The part of a building that sheds debris, and how far [m]; 0 for none."""
    fallen = next((wing for wing in after.wings if wing.roof in RUINED), None)
    part = after
    if after.roof in ("open", "rubble", "pancake"):
        kind = after.roof
    elif fallen is not None:
        kind, part = "part", replace(after, footprint=fallen.footprint, wings=())
    elif after.eave < 0.5 * before.eave:
        kind = "roof"
    elif after.eave < before.eave:
        kind = "open"
    else:
        return after, 0.0
    low, high = REACH[kind]
    return part, (low + (high - low) * draw) * (before.eave + before.rise)


def _without_tiles(building: Building, draw: np.ndarray) -> Building:
    """Patches of tiles are gone and chimneys have fallen; of flat roofs a little of the covering."""
    if building.roof not in PITCHED:
        return replace(building, roof_loss=max(building.roof_loss, 0.03 + 0.07 * draw[0]))
    rooftop = 0.0 if draw[1] < 0.7 else building.rooftop
    return replace(building, roof_loss=max(building.roof_loss, 0.06 + 0.14 * draw[0]), rooftop=rooftop)


def _half_fallen(building: Building, draw: np.ndarray) -> Building:
    """A wing, an end or a corner has fallen; or the upper walls; or a storey; or much of the roof."""
    if draw[1] < PARTIAL:
        parted = _without_wing(building, draw) if building.wings else _without_end(building, draw)
        if parted is not None:
            return parted
    slab = building.roof == "flat" and building.roof_material in SLABBED
    if slab and building.eave > 1.7 * STOREY:
        left = building.eave - STOREY + STOREY_LEFT
        wings = tuple(replace(w, eave=min(w.eave, left)) for w in building.wings)
        return replace(building, eave=left, wings=wings, roof_loss=max(building.roof_loss, 0.08))
    if draw[1] < UPPER or slab:
        return ruin(building, "open", (0.55 + 0.35 * draw[0]) * building.eave)
    loss = max(building.roof_loss, 0.35 + 0.35 * draw[0])
    return replace(building, roof_loss=loss, rooftop=0.0, solar=0.0)


def _without_wing(building: Building, draw: np.ndarray) -> Building:
    """One of the wings is a heap."""
    k = int(draw[2] * len(building.wings))
    heap = _heap_of(building.wings[k].footprint, building.wings[k], draw)
    return replace(building, wings=(*building.wings[:k], heap, *building.wings[k + 1 :]))


def _without_end(building: Building, draw: np.ndarray) -> Building | None:
    """A corner of a flat roof, or an end of another, has fallen to the ground; None if it has no end."""
    plan, share = building.footprint, 0.3 + 0.25 * draw[3]
    side = np.linalg.norm(np.roll(plan, -1, axis=0) - plan, axis=1)
    if building.roof == "flat" and len(plan) == 4 and side.min() > 2 * NARROWEST and draw[2] < 0.6:
        a, b, c, d = np.roll(plan, -int(4 * draw[4]), axis=0)  # the corner a falls
        cut = 0.35 + 0.3 * draw[5]
        ab, ad = a + share * (b - a), a + cut * (d - a)
        inner = ab + ad - a
        return _parted(building, np.array([ab, b, c, d, ad, inner]), np.array([a, ab, inner, ad]), draw)
    if building.roof == "flat":
        parts = _halves(plan, share, bool(draw[4] < 0.5))
        return None if parts is None else _parted(building, *parts, draw)
    if building.roof not in ("gable", "hip", "barrel") or side.min() < NARROWEST:
        return None
    a, b, c, d = np.roll(plan, -int(side[0] < side[1]) - 2 * int(draw[4] < 0.5), axis=0)  # ab is a long one
    ab, dc = a + share * (b - a), d + share * (c - d)
    return _parted(building, np.array([ab, b, c, dc]), np.array([a, ab, dc, d]), draw)


def _halves(plan: np.ndarray, share: float, first: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """A plan cut across its longest side: what stands and the `share` of its length that falls; None where
    that leaves no two pieces, each `NARROWEST` wide."""
    edge = np.roll(plan, -1, axis=0) - plan
    along = edge[np.argmax((edge**2).sum(axis=1))]
    along = along / np.linalg.norm(along) * (1 if first else -1)
    reach = plan @ along
    line = reach.min() + share * np.ptp(reach)
    across = np.array([-along[1], along[0]]) * 1000
    middle = plan.mean(axis=0)
    foot = middle + (line - middle @ along) * along
    beyond = shapely.Polygon([foot - across, foot + across, foot + across - 1000 * along,
                              foot - across - 1000 * along])  # fmt: skip
    whole = shapely.Polygon(plan)
    falls, stands = whole.intersection(beyond), whole.difference(beyond)
    for part in (falls, stands):
        if part.geom_type != "Polygon" or part.buffer(-NARROWEST / 2).is_empty:
            return None
    stands, falls = (shapely.orient_polygons(part.simplify(0.05)) for part in (stands, falls))
    return shapely.get_coordinates(stands)[:-1], shapely.get_coordinates(falls)[:-1]


def _parted(building: Building, stands: np.ndarray, falls: np.ndarray, draw: np.ndarray) -> Building:
    loss = max(building.roof_loss, 0.05 + 0.2 * draw[0])
    heap = _heap_of(falls, building, draw)
    return replace(building, footprint=stands, wings=(heap,), roof_loss=loss, rooftop=0.0, solar=0.0)


def _heap_of(plan: np.ndarray, body: Building | Volume, draw: np.ndarray) -> Volume:
    height = (0.25 + 0.2 * draw[0]) * (body.eave + body.rise / 2)
    return Volume(footprint=plan, eave=height, rise=0.0, roof="rubble")


def _fallen(building: Building, draw: np.ndarray, town: shapely.STRtree) -> Building:
    """By construction: slabs in a stack or blocks on their side, timber roofs on the ground, else heaps."""
    tall = mean_height(building)
    slab = building.roof == "flat" and (
        building.construction == "concrete" or building.roof_material in SLABBED
    )
    if building.construction in ("concrete", "steel") and draw[1] < TOPPLES:
        lying = _on_its_side(building, draw, town)
        if lying is not None:
            return lying
    if building.construction == "timber" and building.roof in PITCHED and draw[2] < RACKED:
        return _racked(building, draw)
    if slab and draw[2] < (0.8 if building.construction == "concrete" else 0.55):
        storeys = max(1, round(building.eave / STOREY))
        left = STOREY_LEFT * storeys + 0.2 + 0.3 * draw[0]
        return _bare(building, "pancake", min(left, 0.42 * tall), 0.08 * draw[3])
    return _bare(building, "rubble", (0.18 + 0.16 * draw[0]) * tall, 0.0)


def _bare(building: Building, roof: Literal["rubble", "pancake"], eave: float, loss: float) -> Building:
    fallen = ruin(building, roof, eave)
    return replace(fallen, roof_loss=max(loss, building.roof_loss), rooftop=0.0, solar=0.0)


def _racked(building: Building, draw: np.ndarray) -> Building:
    """The walls have given way, the roof lies over them, flatter and with holes."""
    low = 0.1 + 0.12 * draw[0]
    wings = tuple(replace(w, eave=low * w.eave, rise=0.5 * w.rise) for w in building.wings)
    return replace(
        building,
        eave=low * building.eave,
        rise=0.5 * building.rise,
        wings=wings,
        roof_loss=max(building.roof_loss, 0.3 + 0.4 * draw[3]),
        rooftop=0.0,
        solar=0.0,
    )


def _on_its_side(building: Building, draw: np.ndarray, town: shapely.STRtree) -> Building | None:
    """A slender block that lies beside its place, over one of its long walls; None where it cannot."""
    plan, height = building.footprint, building.eave
    side = np.linalg.norm(np.roll(plan, -1, axis=0) - plan, axis=1)
    width = side[:2].min()
    if len(plan) != 4 or building.wings or height < max(TALL, SLENDER * width):
        return None
    first = int(side[0] < side[1])
    for k in (first, first + 2) if draw[2] < 0.5 else (first + 2, first):
        a, b = plan[k % 4], plan[(k + 1) % 4]
        out = np.array([b[1] - a[1], a[0] - b[0]]) / np.linalg.norm(b - a)
        lying = np.array([a, a + height * out, b + height * out, b]) + 0.3 * out
        if len(town.query(shapely.Polygon(lying).buffer(-0.2), predicate="intersects")) == 0:
            block = Volume(footprint=lying, eave=float(width), rise=0.0, roof="toppled")
            return replace(ruin(building, "rubble", 0.05 * height), wings=(block,), rooftop=0.0, solar=0.0)
    return None

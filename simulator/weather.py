"""Clouds over a flight: how many there are, of what kind, and how the sensor stands to them."""

from dataclasses import dataclass, replace

import numpy as np

from simulator.engines.engine import Clouds
from simulator.looks import Look, Visits

Range = tuple[float, float]
LEAST = 0.002  # cover below which the sky is clear


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of cloud; each pair is the range that a sky is drawn from.

    Attributes:
        depth: Optical depth of the cores.
        base: Height above the ground [m].
        size: Of the large ones [m].
    """

    depth: Range
    base: Range
    size: Range


# Depths and heights are classes of ISCCP (Rossow and Schiffer 1999, Bulletin of the American Meteorological
# Society 80: 2261-2287): thin clouds above 440 hPa, thick ones below 680 hPa; sizes are assumptions
CIRRUS = Kind(depth=(0.3, 3.6), base=(6500.0, 11_000.0), size=(1200.0, 5000.0))
CUMULUS = Kind(depth=(3.6, 23.0), base=(600.0, 2500.0), size=(200.0, 900.0))
THIN = 0.5  # share of cloudy skies that are cirrus: an assumption


def sample_clouds(cover: Range, altitude: float, rng: np.random.Generator) -> Clouds | None:
    """The clouds of a flight, or None where the sky is clear.

    Args:
        cover: Least and most share of the sky that they take, in [0, 1).
        altitude: Of the sensor above the ground [m]; below the clouds it sees their shadows alone.
        rng: One sky takes the same draws whatever becomes of it.
    """
    share = float(rng.uniform(*cover))
    kind = CIRRUS if rng.random() < THIN else CUMULUS
    low, high = np.log(kind.depth)
    depth, base, size = (
        float(np.exp(rng.uniform(low, high))),
        rng.uniform(*kind.base),
        rng.uniform(*kind.size),
    )
    seed = int(rng.integers(2**31))
    if share < LEAST:
        return None
    return Clouds(
        cover=share, depth=depth, base=float(base), size=float(size), seed=seed, hides=bool(altitude > base)
    )


def with_clouds(visits: Visits, cover: Range, rng: np.random.Generator) -> Visits:
    """The two flights under clouds, each under its own; the same flights where `cover` is (0, 0)."""
    if cover[1] < LEAST:
        return visits
    first, second = (
        _under(look, sample_clouds(cover, look.altitude, stream))
        for look, stream in zip(visits.looks, rng.spawn(2), strict=True)
    )
    return replace(visits, looks=(first, second))


def _under(look: Look, clouds: Clouds | None) -> Look:
    return replace(look, light=replace(look.light, clouds=clouds))

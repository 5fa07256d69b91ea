"""Value noise and low-discrepancy points in Dr.Jit: functions of place and seed, without state."""

from simulator.engines.drjit_setup import dr, mi

_DEVIATION = 0.2145
"""Of bilinear value noise with smoothstep weights: sqrt((26/35)^2 / 12)."""
R2 = (0.7548776662466927, 0.5698402909980532)
"""Steps of the R2 sequence (Roberts 2018, "The unreasonable effectiveness of quasirandom sequences")."""


def scramble(a: mi.UInt32, b: mi.UInt32) -> mi.UInt32:
    """A hash of two integers (the finaliser `lowbias32`, Wellons 2018)."""
    h = a * mi.UInt32(0x9E3779B1) + b * mi.UInt32(0x85EBCA77)
    h = (h ^ (h >> 16)) * mi.UInt32(0x7FEB352D)
    h = (h ^ (h >> 15)) * mi.UInt32(0x846CA68B)
    return h ^ (h >> 16)


def unit(h: mi.UInt32) -> mi.Float:
    """In [0, 1), from the upper 24 bits."""
    return mi.Float(h >> 8) * (1.0 / (1 << 24))


def value_noise(p: mi.Point2f, seed: int) -> mi.Float:
    """Smooth noise of mean 0 and deviation 1, of correlation length about 1, at points `p`."""
    cell = dr.floor(p)
    f = p - cell
    w = f * f * (3 - 2 * f)
    i = mi.UInt32(mi.Int32(cell.x)) + mi.UInt32(seed * 0x632BE5AB & 0xFFFFFFFF)
    j = mi.UInt32(mi.Int32(cell.y))
    lower = dr.lerp(unit(scramble(i, j)), unit(scramble(i + 1, j)), w.x)
    upper = dr.lerp(unit(scramble(i, j + 1)), unit(scramble(i + 1, j + 1)), w.x)
    return (dr.lerp(lower, upper, w.y) - 0.5) * (1 / _DEVIATION)


def fractal_noise(p: mi.Point2f, seed: int) -> mi.Float:
    """Three octaves of `value_noise`, each turned against the last to hide its lattice; deviation 1."""
    total = mi.Float(0)
    for octave, weight in enumerate((0.78, 0.52, 0.35)):
        total += weight * value_noise(p, seed + octave)
        p = mi.Point2f(1.72 * p.x - 1.23 * p.y, 1.23 * p.x + 1.72 * p.y)
    return total


def r2_point(h: mi.UInt32, k: mi.UInt32) -> mi.Point2f:
    """Point `k` of the R2 sequence in the unit square, shifted by a hash `h`."""
    step = mi.Float(k)
    x = unit(h) + step * R2[0]
    y = unit(scramble(h, mi.UInt32(0x5BD1E995))) + step * R2[1]
    return mi.Point2f(x - dr.floor(x), y - dr.floor(y))

"""How the arterials of a region run: two bundles of lines, rings and spokes, or along a tensor field."""

import math

import numpy as np

from simulator.city.noise import Bend
from simulator.city.style import Skeleton, Style
from simulator.city.terrain import Land

STEP = 12.0  # of a traced line [m]
OUTSIDE = 250.0  # lines run on beyond the region [m]


def draw_skeleton(
    kind: Skeleton, style: Style, size: float, bend: Bend, land: Land, rng: np.random.Generator
) -> list[np.ndarray]:
    """The arterials' courses, each (N, 2) [m], from beyond the region to beyond it or closed."""
    match kind:
        case "grid":
            return [bend(course) for course in _grid(style, size, rng)]
        case "radial":
            return [bend(course) for course in _radial(style, size, rng)]
        case "organic":
            return _organic(style, size, land, rng)


def _grid(style: Style, size: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Two bundles of roughly parallel lines, and at times a diagonal."""
    heading = rng.uniform(0, math.pi)
    reach = 0.75 * size + OUTSIDE
    places = []
    for turn in (0.0, math.pi / 2):
        spacing = rng.uniform(*style.arterial_spacing)
        at = -reach - rng.uniform(0, spacing)
        while at < reach:
            places.append((at, heading + turn + rng.normal(0, 0.05) / max(1.0, size / 1500)))
            at += spacing * rng.uniform(0.7, 1.3)
    if rng.random() < 0.25:
        places.append((rng.uniform(-0.3, 0.3) * size, heading + rng.uniform(0.5, 1.0)))
    steps = np.arange(-1.5 * reach, 1.5 * reach, STEP)
    courses = []
    for at, angle in places:
        along = np.array([math.cos(angle), math.sin(angle)])
        courses.append(size / 2 + steps[:, None] * along + at * np.array([-along[1], along[0]]))
    return courses


def _radial(style: Style, size: float, rng: np.random.Generator) -> list[np.ndarray]:
    """Rings about a centre and spokes from it; more spokes begin where they have parted too far."""
    spacing = rng.uniform(*style.arterial_spacing)
    centre = size / 2 + rng.uniform(-0.2, 0.2, 2) * size
    reach = 0.75 * size + 0.3 * size + OUTSIDE
    first = spacing * rng.uniform(0.35, 0.7)
    radii = [first]
    while radii[-1] < reach:
        radii.append(radii[-1] + spacing * rng.uniform(0.75, 1.3))
    courses = []
    squash, axis = rng.uniform(0.8, 1.0), rng.uniform(0, math.pi)
    ahead = np.array([[math.cos(axis), math.sin(axis)], [-math.sin(axis), math.cos(axis)]])

    def place(radius: np.ndarray | float, angle: np.ndarray | float) -> np.ndarray:
        radius, angle = np.broadcast_arrays(radius, angle)
        xy = np.stack([radius * np.cos(angle), squash * radius * np.sin(angle)], -1)
        return centre + xy @ ahead

    for radius in radii:
        turn = np.linspace(0, 2 * math.pi, max(48, int(2 * math.pi * radius / STEP)) + 1)
        courses.append(place(radius, turn))
    spokes = int(rng.integers(5, 9))
    gap = 2 * math.pi / spokes
    starts = [
        (0.0 if rng.random() < 0.5 else first - 1, gap * (k + rng.uniform(-0.2, 0.2))) for k in range(spokes)
    ]
    for radius in radii[1:]:
        if gap * radius > 1.7 * spacing:
            angles = sorted(angle for _, angle in starts)
            between = zip(angles, [*angles[1:], angles[0] + 2 * math.pi], strict=True)
            starts += [(radius - 1, (a + b) / 2 + rng.uniform(-0.1, 0.1) * (b - a)) for a, b in between]
            gap /= 2
    for inner, angle in starts:
        steps = np.arange(inner, 1.05 * radii[-1], STEP)
        sway = (
            0.03 * np.sin(steps / spacing + rng.uniform(0, 6.28)) * np.minimum(1, (steps - inner) / spacing)
        )
        courses.append(place(steps, angle + sway))
    return courses


def _organic(style: Style, size: float, land: Land, rng: np.random.Generator) -> list[np.ndarray]:
    """Lines traced along both eigenvectors of a tensor field, evenly apart.

    The field blends grids, a radial one and the contour lines (Chen et al. 2008, "Interactive procedural
    street modeling"); a seed is taken where no line of its family is near (Jobard and Lefer 1997).
    """
    spacing = rng.uniform(*style.arterial_spacing)
    low, high = -OUTSIDE, size + OUTSIDE
    cell = max(20.0, size / 200)
    lattice = np.arange(low, high + cell, cell)
    field = _tensor_field(np.stack(np.meshgrid(lattice, lattice), -1), size, land, rng)
    taken: tuple[dict, dict] = ({}, {})
    near = 0.5 * spacing
    side = np.arange(low + spacing / 2, high, spacing / 2)
    seeds = np.stack(np.meshgrid(side, side), -1, dtype=np.float64).reshape(-1, 2)
    seeds += spacing * rng.uniform(-0.2, 0.2, seeds.shape)
    seeds = seeds[rng.permutation(len(seeds))]
    courses = []
    for k, seed in enumerate(seeds):
        family = k % 2
        for f in (family, 1 - family):
            if _clear(taken[f], (float(seed[0]), float(seed[1])), 0.85 * spacing, near):
                halves = [_trace(field, seed, f, sign, taken[f], near, low, high, cell) for sign in (-1, 1)]
                course = np.concatenate([halves[0][:0:-1], halves[1]])
                if len(course) * STEP > 0.8 * spacing:
                    courses.append(course)
                    for x, y in course:
                        taken[f].setdefault((math.floor(x / near), math.floor(y / near)), []).append((x, y))
                break
    return courses


def _tensor_field(xy: np.ndarray, size: float, land: Land, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 2) cosine and sine of twice the major direction's angle, times a strength."""
    field = np.zeros_like(xy)

    def add(angle: np.ndarray | float, weight: np.ndarray | float) -> None:
        field[..., 0] += weight * np.cos(2 * np.asarray(angle))
        field[..., 1] += weight * np.sin(2 * np.asarray(angle))

    main = rng.uniform(0, math.pi)
    add(main, 0.25)
    for _ in range(int(rng.integers(2, 4)) + int(size / 1500)):  # old villages, each with its own grain
        offset = xy - rng.uniform(0, size, 2)
        reach = rng.uniform(0.2, 0.45) * min(size, 2500.0) + 100
        add(main + rng.normal(0, 0.5), np.exp(-(offset**2).sum(-1) / reach**2))
    offset = xy - (size / 2 + rng.uniform(-0.3, 0.3, 2) * size)
    add(
        np.arctan2(offset[..., 1], offset[..., 0]),
        0.9 * np.exp(-(offset**2).sum(-1) / (0.4 * size + 150) ** 2),
    )
    flat = xy.reshape(-1, 2)
    d = 60.0  # what roads look at is the hill, not its bumps
    dx, dy = (
        (land.elevation(flat + step) - land.elevation(flat - step)).reshape(xy.shape[:2]) / (2 * d)
        for step in (np.array([d, 0.0]), np.array([0.0, d]))
    )
    add(np.arctan2(dy, dx) + math.pi / 2, 5 * np.minimum(np.hypot(dx, dy), 0.25))
    phase, turn = rng.uniform(0, 2 * math.pi, 3), rng.uniform(0, 2 * math.pi, 3)
    wave = 2 * math.pi / rng.uniform(400, 1100, 3)
    sway = sum(
        0.16 * np.sin(w * (xy[..., 0] * math.cos(t) + xy[..., 1] * math.sin(t)) + p)
        for w, t, p in zip(wave, turn, phase, strict=True)
    )
    c, s = np.cos(2 * sway), np.sin(2 * sway)
    return np.stack([field[..., 0] * c - field[..., 1] * s, field[..., 0] * s + field[..., 1] * c], -1)


def _clear(taken: dict, point: tuple[float, float], distance: float, cell: float) -> bool:
    """Whether no point of a family lies within `distance`."""
    reach = math.ceil(distance / cell)
    i, j = math.floor(point[0] / cell), math.floor(point[1] / cell)
    return not any(
        (x - point[0]) ** 2 + (y - point[1]) ** 2 < distance**2
        for a in range(i - reach, i + reach + 1)
        for b in range(j - reach, j + reach + 1)
        for x, y in taken.get((a, b), ())
    )


def _trace(
    field: np.ndarray,
    seed: np.ndarray,
    family: int,
    sign: int,
    taken: dict,
    near: float,
    low: float,
    high: float,
    cell: float,
) -> np.ndarray:
    """Midpoint steps from a seed until the region ends, or a line of the family (or this one) is near."""

    def direction(x: float, y: float) -> tuple[float, float]:
        col, row = (x - low) / cell, (y - low) / cell
        c, r = min(int(col), field.shape[1] - 2), min(int(row), field.shape[0] - 2)
        u, v = col - c, row - r
        a, b = (field[r, c] * (1 - u) + field[r, c + 1] * u) * (1 - v) + (
            field[r + 1, c] * (1 - u) + field[r + 1, c + 1] * u
        ) * v
        angle = 0.5 * math.atan2(b, a) + family * math.pi / 2
        return math.cos(angle), math.sin(angle)

    x, y = float(seed[0]), float(seed[1])
    dx, dy = direction(min(max(x, low), high), min(max(y, low), high))
    dx, dy = sign * dx, sign * dy
    points = [(x, y)]
    while low < x < high and low < y < high and len(points) * STEP < 3 * (high - low):
        ex, ey = direction(x + dx * STEP / 2, y + dy * STEP / 2)
        if ex * dx + ey * dy < 0:
            ex, ey = -ex, -ey
        if ex * dx + ey * dy < 0.97:  # a degenerate point of the field
            break
        x, y, dx, dy = x + STEP * ex, y + STEP * ey, ex, ey
        points.append((x, y))
        if not _clear(taken, (x, y), near, near):
            break
        old = points[: -int(2.5 * near / STEP) or None : 3]
        if any((x - px) ** 2 + (y - py) ** 2 < (0.8 * near) ** 2 for px, py in old):
            break
    return np.array(points)

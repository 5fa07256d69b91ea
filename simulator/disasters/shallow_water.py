"""Two-dimensional flood flow: the local inertial form of the shallow water equations on a square lattice.

Unit flow through a face by Bates, Horritt & Fewtrell (2010, Journal of Hydrology 387, 33-45, equation 11),
with the friction taken semi-implicitly and the flow of the neighbouring faces blended in as in de Almeida,
Bates, Freer & Souvignet (2012, Water Resources Research 48, W05528, equation 9):

    q' = (theta q + (1 - theta) (q_left + q_right) / 2 - g h_f dt d(eta)/dx) / (1 + g dt n2 |q| / h_f^(7/3))

where h_f is the higher surface less the higher bed at the face. It leaves out the advection of momentum: good
below a Froude number of about 0.5, rough above 1. Cells that are partly built over hold less water and let
less through (porosity; Sanders, Schubert & Gallegos 2008, Journal of Hydrology 362, 19-38).

All arrays are float32 and one-dimensional in the steps: neighbours are then slices a row apart, which NumPy
adds three times faster than two-dimensional views.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

GRAVITY = 9.81  # [m/s2]
THETA = 0.9  # weight of the face's own flow (de Almeida et al. 2012, section 3)
COURANT = 0.7  # share of the time in which a wave crosses a cell (Bates et al. 2010: 0.2 to 0.7)
LONGEST = 10.0  # step [s]
THIN = 1e-4  # least depth of flow in the friction term [m]
FILM = 2e-3  # depth of flow below which it fades out, so that no water leaves what is dry [m]
WALL = 1e6  # bed of a face without an opening [m]
WATCH = 8.0  # between looks at depth and speed, and between showers, about [s]
SHALLOW = 0.05  # least depth by which a speed is taken from a unit flow [m]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bed:
    """What water flows over, each (H, W) float32.

    Attributes:
        cell: Side of a cell [m].
        elevation: Of the ground [m].
        open: Share of the cell that is not built over, in [0, 1]; 0 is solid.
        roughness: Manning's n [s/m^(1/3)].
    """

    cell: float
    elevation: np.ndarray
    open: np.ndarray
    roughness: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Forcing:
    """What drives the flow.

    Attributes:
        held: (H, W) bool, cells whose surface is prescribed: where a river enters and leaves, the sea.
        level: (H, W) float32, their surface when `stage` is 0 [m].
        stage: How much higher it is at a time [s], in [m].
        rain: (H, W) float32, volume that becomes runoff, over the area of the whole cell [m/s].
        until: When the rain ends [s].
        outlet: (H, W) float32, slope by which water leaves the domain over its edge, as uniform flow; 0 on
            walls and inside.
    """

    held: np.ndarray
    level: np.ndarray
    stage: Callable[[float], float]
    rain: np.ndarray
    until: float
    outlet: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """The water at the end of a run, and its extremes since the start; arrays are (H, W) float32.

    Attributes:
        depth: At the end [m].
        deepest: Greatest depth [m].
        fastest: Greatest speed [m/s].
        strongest: Greatest unit flow, depth times speed [m2/s].
        east, north: Unit flow at the moment of the strongest [m2/s].
        gained: Volume that came through held cells, less what left there [m3].
        rained: Volume of runoff [m3].
        left: Volume that left through outlets [m3].
    """

    depth: np.ndarray
    deepest: np.ndarray
    fastest: np.ndarray
    strongest: np.ndarray
    east: np.ndarray
    north: np.ndarray
    gained: float
    rained: float
    left: float


class _Faces:
    """The faces between cells `shift` apart in flat order, their flow and room to work in."""

    def __init__(self, bed: Bed, ground: np.ndarray, shift: int) -> None:
        z, room, n = ground, bed.open.ravel(), bed.roughness.ravel()
        count = len(z) - shift
        self.shift = shift
        self.width = np.minimum(room[:-shift], room[shift:])
        if shift == 1:  # from the end of a row to the start of the next
            self.width[bed.open.shape[1] - 1 :: bed.open.shape[1]] = 0
        wall = self.width <= 0
        self.open = (~wall).astype(np.float32)
        self.bed = np.where(wall, np.float32(WALL), np.maximum(z[:-shift], z[shift:]))
        mean = (n[:-shift] + n[shift:]) / 2
        self.friction = (np.float32(GRAVITY) * mean * mean).astype(np.float32)
        self.padded = np.zeros(count + 2 * shift, np.float32)
        self.flow = self.padded[shift:-shift]
        self.volume = np.zeros(count, np.float32)
        self.work = [np.zeros(count, np.float32) for _ in range(3)]
        # of scalars, NumPy takes the larger and smaller five times more slowly than of arrays
        self.nil, self.thin, self.one = (np.full(count, v, np.float32) for v in (0, THIN, 1))

    def move(self, surface: np.ndarray, dt: float, cell: float) -> None:
        """The flow and what passes in `dt` [s], as a depth over a cell, under a surface (N,) [m]."""
        s, q, (depth, force, other) = self.shift, self.flow, self.work
        low, high = surface[:-s], surface[s:]
        np.maximum(low, high, out=depth)
        depth -= self.bed
        np.maximum(depth, self.thin, out=depth)
        np.subtract(low, high, out=force)
        force *= depth
        force *= np.float32(GRAVITY * dt / cell)
        np.add(self.padded[: -2 * s], self.padded[2 * s :], out=other)
        other *= np.float32((1 - THETA) / 2)
        force += other
        np.abs(q, out=other)
        other *= self.friction
        q *= np.float32(THETA)
        q += force
        cv2.pow(depth[None], -7 / 3, force[None])
        other *= force
        other *= np.float32(dt)
        other += 1
        q /= other
        depth -= self.thin
        depth *= np.float32(1 / FILM)
        np.minimum(depth, self.one, out=depth)
        q *= depth
        np.multiply(q, self.width, out=self.volume)
        self.volume *= np.float32(dt / cell)

    def share_out(self, taken: np.ndarray) -> None:
        """Adds to `taken` (N,) what leaves each cell; keeps both directions for `scale`."""
        out, back, _ = self.work
        np.maximum(self.volume, self.nil, out=out)
        np.minimum(self.volume, self.nil, out=back)
        taken[: -self.shift] += out
        taken[self.shift :] -= back

    def scale(self, share: np.ndarray) -> None:
        """Lets only `share` (N,) of what would leave each cell pass."""
        out, back, _ = self.work
        out *= share[: -self.shift]
        back *= share[self.shift :]
        np.add(out, back, out=self.volume)

    def carry(self, store: np.ndarray) -> None:
        """Moves the volume from cell to cell in `store` (N,)."""
        store[: -self.shift] -= self.volume
        store[self.shift :] += self.volume

    def at_cells(self) -> np.ndarray:
        """(N,) the greater, by its absolute value, of the flows through the two faces of each cell [m2/s]."""
        flow = np.zeros(len(self.flow) + self.shift, np.float32)
        np.multiply(self.flow, self.open, out=flow[: -self.shift])
        before = np.zeros_like(flow)
        before[self.shift :] = flow[: -self.shift]
        low, high = np.minimum(flow, before), np.maximum(flow, before)
        return np.where(high + low > 0, high, low)


class _Exchange:
    """What comes and goes over the borders of the domain, and the tally of it."""

    def __init__(self, bed: Bed, forcing: Forcing) -> None:
        room = bed.open.ravel()
        self.forcing, self.cell = forcing, bed.cell
        self.held = np.flatnonzero(forcing.held.ravel() & (room > 0))
        self.room = room[self.held]
        self.lift = forcing.level.ravel()[self.held] - bed.elevation.ravel()[self.held]
        slope = forcing.outlet.ravel()
        self.outlet = np.flatnonzero((slope > 0) & (room > 0) & ~forcing.held.ravel())
        self.outlet_room = room[self.outlet]
        self.conveyance = np.sqrt(slope[self.outlet]) / bed.roughness.ravel()[self.outlet]
        self.rain = np.where(room > 0, forcing.rain.ravel(), 0).astype(np.float32)
        self.rain_total = float(self.rain.sum(dtype=np.float64))
        self.raining = self.rain_total > 0
        self.gained = self.rained = self.left = 0.0

    def apply(self, store: np.ndarray, time: float, dt: float) -> None:
        """Prescribes the held cells' water and lets out what leaves in `dt` [s], in `store` (N,)."""
        area = self.cell**2
        if len(self.held):
            wanted = np.maximum(self.lift + np.float32(self.forcing.stage(time)), 0) * self.room
            self.gained += area * float((wanted - store[self.held]).sum(dtype=np.float64))
            store[self.held] = wanted
        if len(self.outlet):
            depth = store[self.outlet] / self.outlet_room
            out = self.conveyance * depth ** (5 / 3) * self.outlet_room * np.float32(dt / self.cell)
            out = np.minimum(out, store[self.outlet])
            store[self.outlet] -= out
            self.left += area * float(out.sum(dtype=np.float64))

    def shower(self, store: np.ndarray, since: float, time: float) -> None:
        """The rain between two times [s]; in bulk, for float32 would lose a step's drops in deep water."""
        seconds = min(time, self.forcing.until) - since
        if self.raining and seconds > 0:
            store += self.rain * np.float32(seconds)
            self.rained += self.cell**2 * self.rain_total * seconds


def run(bed: Bed, depth: np.ndarray, forcing: Forcing, *, start: float, end: float) -> Flow:
    """The flow from `start` to `end` [s] of water (H, W) `depth` [m] deep and at rest.

    Volume is kept to the rounding of float32: no cell gives more than it holds.
    """
    shape, room = depth.shape, bed.open.ravel()
    inverse = np.where(room > 0, 1 / np.maximum(room, 1e-6), 0).astype(np.float32)
    ground = (bed.elevation.ravel() - bed.elevation.min()).astype(np.float32)
    faces = (_Faces(bed, ground, 1), _Faces(bed, ground, shape[1]))
    exchange = _Exchange(bed, forcing)
    store = (depth.ravel() * room).astype(np.float32)
    surface, work = np.zeros_like(store), np.zeros((2, store.size), np.float32)
    work[1] = 1
    extremes = np.zeros((5, store.size), np.float32)
    time = watched = start
    while time < end:
        np.multiply(store, inverse, out=surface)
        dt = min(_step(float(surface.max()), bed.cell), end - time)
        surface += ground
        for face in faces:
            face.move(surface, dt, bed.cell)
        _carry(store, faces, work)
        time += dt
        exchange.apply(store, time, dt)
        if time - watched >= WATCH or time >= end:
            exchange.shower(store, watched, time)
            _watch(extremes, store * inverse, faces)
            watched = time
    deepest, fastest, strongest, east, south = extremes.reshape(5, *shape)
    return Flow(
        depth=(store * inverse).reshape(shape),
        deepest=deepest,
        fastest=fastest,
        strongest=strongest,
        east=east,
        north=-south,
        gained=exchange.gained,
        rained=exchange.rained,
        left=exchange.left,
    )


def volume(bed: Bed, depth: np.ndarray) -> float:
    """Of water (H, W) `depth` [m] deep in what is not built over [m3]."""
    return float((depth * bed.open).sum(dtype=np.float64)) * bed.cell**2


def _step(deepest: float, cell: float) -> float:
    """Longest stable step [s] (Bates et al. 2010, equation 14)."""
    return min(COURANT * cell / math.sqrt(GRAVITY * max(deepest, 1e-3)), LONGEST)


def _carry(store: np.ndarray, faces: tuple[_Faces, _Faces], work: np.ndarray) -> None:
    """Moves water between the cells of `store` (N,); none gives more than it has.

    Args:
        store: Volume over the area of a cell [m].
        faces: With what would pass.
        work: (2, N): room to work in, and ones.
    """
    share, ones = work
    share.fill(1e-9)
    for face in faces:
        face.share_out(share)
    np.divide(store, share, out=share)
    np.minimum(share, ones, out=share)
    for face in faces:
        face.scale(share)
        face.carry(store)
    np.abs(store, out=store)  # no cell is below zero by more than rounding


def _watch(extremes: np.ndarray, depth: np.ndarray, faces: tuple[_Faces, _Faces]) -> None:
    """Updates the extremes (5, N): depth, speed, unit flow, and its parts to the east and south."""
    east, south = (face.at_cells() for face in faces)
    critical = np.sqrt(GRAVITY * depth)
    speed = np.minimum(np.sqrt(east * east + south * south) / np.maximum(depth, SHALLOW), critical)
    flow = speed * depth
    deepest, fastest, strongest = extremes[:3]
    np.maximum(deepest, depth, out=deepest)
    np.maximum(fastest, speed, out=fastest)
    stronger = flow > strongest
    for kept, new in zip(extremes[2:], (flow, east, south), strict=True):
        np.copyto(kept, new, where=stronger)

"""The engine over a CARLA server."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from types import TracebackType
from typing import Self

from simulator.engines.carla.errors import CarlaError, MissingProps, ServerUnreachable
from simulator.engines.carla.flown import FlownEngine
from simulator.engines.carla.labels import View
from simulator.engines.carla.pose import Lens, Pose
from simulator.engines.carla.props import Standing
from simulator.engines.carla.rig import Rig
from simulator.engines.carla.session import Server, Session
from simulator.engines.carla.weather import Weather
from simulator.engines.engine import Camera, Frame, Light
from simulator.scene.model import Scene

PROP = "static.prop."
RESTART = 60.0
"""How long a server that died in the middle of a flight is waited for [s], if not told."""


class CarlaTheatre:
    """Props as a session's actors. Those that stay from one scene to the next keep theirs."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._actors: dict[tuple[str, tuple[float, float, float]], int] = {}
        self._rig: Rig | None = None

    def show(self, standing: Sequence[Standing]) -> list[int]:
        """See `Theatre`.

        Raises:
            MissingProps: The server has not been given the package with the props.
            SpawnFailed: The server did not spawn or remove one.
        """
        wanted = {s.key(): s for s in standing}
        self._check(s.prop.name for s in standing)
        gone = [key for key in self._actors if key not in wanted]
        self._session.destroy([self._actors.pop(key) for key in gone])
        new = [key for key in wanted if key not in self._actors]
        actors = self._session.spawn([(PROP + name, _place(anchor)) for name, anchor in new])
        self._actors.update(zip(new, actors, strict=True))
        for _ in range(self._session.server.settle):
            self._session.tick()
        return [self._actors[s.key()] for s in standing]

    def weather(self, weather: Weather) -> None:
        """See `Theatre`."""
        self._session.set_weather(weather)

    def capture(self, pose: Pose, lens: Lens) -> View:
        """See `Theatre`."""
        if self._rig is None or self._rig.lens != lens:
            if self._rig is not None:
                self._rig.close()
                self._rig = None
            self._rig = Rig(self._session, lens)
        return self._rig.capture(pose)

    def close(self, *, answering: bool) -> None:
        """Removes cameras and props, if the server still answers."""
        rig, self._rig = self._rig, None
        if rig is not None:
            if answering:
                rig.close()
            else:
                rig.abandon()
        actors, self._actors = list(self._actors.values()), {}
        if answering:
            with suppress(CarlaError):
                self._session.destroy(actors)

    def _check(self, names: Iterable[str]) -> None:
        needed = {PROP + name for name in names}
        lacking = sorted(needed - self._session.blueprints())
        if lacking:
            raise MissingProps(
                f"the server lacks {len(lacking)} of the {len(needed)} props of this city, such as "
                f"{lacking[0]}: write them with `mage carla-export`, and have the server load that package "
                "(docs/carla.md)"
            )


class CarlaEngine:
    """Implements `simulator.engines.engine.Engine`; a context, one for each city.

    A server that dies in the middle is waited for: the city is put on its stage again, and the view taken
    again.
    """

    has_weather = True

    def __init__(self, server: Server, roads: str, *, wet: float = 0.0) -> None:
        """Args:
        server: Which.
        roads: OpenDRIVE of the city's streets, as of `open_drive`.
        wet: Of the ground in all scenes but the first, which is the city before; in [0, 1].
        """
        self._server = server
        self._roads = roads
        self._wet = wet
        self._scene: Scene | None = None
        self._scenes = 0
        self._session: Session | None = None
        self._theatre: CarlaTheatre | None = None
        self._engine: FlownEngine | None = None

    def __enter__(self) -> Self:
        self._open(self._server)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close(answering=not isinstance(error, ServerUnreachable))

    def render(self, scene: Scene, camera: Camera, light: Light, *, samples: int, seed: int) -> Frame:
        """See `Engine.render`."""
        self._meet(scene)
        return self._flown(lambda e: e.render(scene, camera, light, samples=samples, seed=seed))

    def labels(self, scene: Scene, camera: Camera) -> Frame:
        """See `Engine.labels`."""
        self._meet(scene)
        return self._flown(lambda e: e.labels(scene, camera))

    def _meet(self, scene: Scene) -> None:
        if scene is not self._scene:
            self._scene, self._scenes = scene, self._scenes + 1

    def drawn_by(self) -> dict[str, str]:
        """What is to be said of the pictures: engine, version of the server, its map."""
        if self._session is None:
            raise ValueError("the engine is a context: use it inside `with`")
        return {"engine": "carla", "server": self._session.version, "map": self._session.map_name()}

    def _flown(self, fly: Callable[[FlownEngine], Frame]) -> Frame:
        if self._engine is None:
            raise ValueError("the engine is a context: use it inside `with`")
        try:
            return self._once(fly)
        except ServerUnreachable:
            self._close(answering=False)
        self._open(replace(self._server, wait=self._server.wait or RESTART))
        return self._once(fly)

    def _once(self, fly: Callable[[FlownEngine], Frame]) -> Frame:
        assert self._engine is not None
        self._engine.wet = self._wet if self._scenes > 1 else 0.0
        return fly(self._engine)

    def _open(self, server: Server) -> None:
        self._session = Session(server, self._roads).__enter__()
        self._theatre = CarlaTheatre(self._session)
        self._engine = FlownEngine(self._theatre)

    def _close(self, *, answering: bool) -> None:
        if self._theatre is not None:
            self._theatre.close(answering=answering)
        if self._session is not None:
            self._session.close(answering=answering)
        self._session = self._theatre = self._engine = None


def _place(anchor: tuple[float, float, float]) -> Pose:
    return Pose(x=anchor[0], y=anchor[1], z=anchor[2], pitch=0.0, yaw=0.0)

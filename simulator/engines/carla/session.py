"""One visit to a CARLA server: connected, steered tick by tick, and left as it was found.

The client library ends the process badly if one of its objects outlives the interpreter, or if it leaves a
world that ticks (see `apart.py`); it keeps images in memory that it uses again, and never reconnects. So no
object of it leaves this module and `rig.py`, and what is handed out are plain values; another process makes
the world and puts it back.
"""

import gc
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from simulator.engines.carla.apart import ask
from simulator.engines.carla.errors import (
    CarlaError,
    ServerUnreachable,
    SpawnFailed,
    VersionMismatch,
    WeatherIgnored,
)
from simulator.engines.carla.map_object import MapObject, map_object
from simulator.engines.carla.pose import Pose
from simulator.engines.carla.weather import Weather

STEP = 0.05
"""Of the simulated clock [s]; nothing moves."""
BATCH = 100
"""Commands sent at once."""
STILL = {
    "synchronous_mode": True,
    "fixed_delta_seconds": STEP,
    "no_rendering_mode": False,
    "substepping": False,
}
"""Settings of a world that is flown."""
FIRST_TICK, FIRST_TICKS = 5.0, 4
"""Of a visit: how long each is waited for [s], and how many."""
PATIENCE = 2.0
"""Between attempts to connect [s]."""


def carla_module() -> Any:
    """The client library.

    Raises:
        CarlaError: It is not installed.
    """
    try:
        import carla
    except ImportError as error:
        raise CarlaError(
            "CARLA's client is not installed: run `pip install 'mage-mapping[carla]'` (Linux x86-64, Python "
            f"3.11 or 3.12): {error}"
        ) from None
    return carla


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where a server is and how it is treated.

    Attributes:
        host, port: Its address.
        timeout: For each call [s]; loading a map is a call.
        wait: How long a server that does not answer is waited for, at the start or when it died [s].
        settle: Ticks at a new place before the images of one are kept: exposure, anti-aliasing and texture
            streaming remember the place before.
    """

    host: str = "127.0.0.1"
    port: int = 2000
    timeout: float = 60.0
    wait: float = 0.0
    settle: int = 4


class Session:
    """A context: inside it the world is synchronous; on leaving its settings are as before. A world that was
    made or loaded stays."""

    def __init__(self, server: Server, roads: str | None = None, *, town: str | None = None) -> None:
        """Args:
        server: Which.
        roads: OpenDRIVE of a world to make.
        town: Name of a map of the server's to load; neither of the two leaves what is loaded.
        """
        self.server = server
        self._roads, self._town = roads, town
        self._carla: Any = None
        self._client: Any = None
        self._world: Any = None
        self._before: dict[str, Any] | None = None
        self._library: Any = None
        self.version = ""

    def __enter__(self) -> Self:
        """Raises:
        ServerUnreachable: Nobody answers.
        VersionMismatch: Client and server differ.
        """
        self._carla = carla_module()
        try:
            self._connect()
            with self.asking("making the world"):
                told = self._ask(self.server.timeout, roads=self._roads, town=self._town, settings=STILL)
                self._before = told["settings"]
                self._world = self._client.get_world()
                self._first_tick()
                self._library = self._world.get_blueprint_library()
        except BaseException:
            self.close(answering=False)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(answering=not isinstance(error, ServerUnreachable))

    def close(self, *, answering: bool) -> None:
        """Lets go of every object of the library, and then restores the settings, if the server still
        answers."""
        before, self._before = self._before, None
        self._client = self._world = self._library = self._carla = None
        gc.collect()
        if before is not None:
            # a world that is found synchronous was left so by a client that crashed: it is set free
            free = {**before, "synchronous_mode": False}
            with suppress(RuntimeError, CarlaError):
                self._ask(self.server.timeout if answering else 1.0, settings=free)

    @contextmanager
    def asking(self, what: str) -> Generator[None]:
        """Turns the library's errors into ours."""
        try:
            yield
        except RuntimeError as error:
            if "time-out" in str(error) or "connection" in str(error).lower():
                raise ServerUnreachable(
                    f"the CARLA server at {self.server.host}:{self.server.port} does not answer any more, "
                    f"{what}; start it again and run again, what is finished is kept"
                ) from None
            raise CarlaError(f"the CARLA server refused, {what}: {error}") from None

    def _connect(self) -> None:
        end = time.monotonic() + self.server.wait
        while True:
            # a client never reconnects, so each attempt has one of its own
            self._client = self._carla.Client(self.server.host, self.server.port)
            self._client.set_timeout(min(self.server.timeout, max(self.server.wait, 10.0)))
            try:
                theirs, ours = self._client.get_server_version(), self._client.get_client_version()
                break
            except RuntimeError:
                if time.monotonic() >= end:
                    raise ServerUnreachable(
                        f"no CARLA server answers at {self.server.host}:{self.server.port}; start one "
                        "(docs/carla.md), or give --carla_host and --carla_port"
                    ) from None
                time.sleep(PATIENCE)
        if theirs != ours:
            raise VersionMismatch(
                f"the CARLA server is of version {theirs}, the client of {ours}; start carlasim/carla:{ours}"
            )
        self.version = theirs
        self._client.set_timeout(self.server.timeout)

    def _ask(self, timeout: float, **request: Any) -> dict[str, Any]:
        return ask(self.server.host, self.server.port, timeout, **request)

    def _first_tick(self) -> None:
        """Another thread joins the stream of snapshots; a tick before that is waited for in vain."""
        for _ in range(FIRST_TICKS):
            with suppress(RuntimeError):
                self._world.tick(min(FIRST_TICK, self.server.timeout))
                return
        self._world.tick(self.server.timeout)

    def map_name(self) -> str:
        """Of the map that is loaded."""
        with self.asking("reading the map"):
            return self._world.get_map().name

    def blueprints(self) -> set[str]:
        """What can be spawned."""
        return {blueprint.id for blueprint in self._library}

    def blueprint(self, name: str) -> Any:
        """One of the library's; for `rig.py` alone."""
        return self._library.find(name)

    def spawn_camera(self, blueprint: Any, pose: Pose) -> Any:
        """A camera's actor; for `rig.py` alone.

        Raises:
            SpawnFailed: The server did not.
        """
        try:
            return self._world.spawn_actor(blueprint, self.transform(pose))
        except RuntimeError as error:
            raise SpawnFailed(f"the server did not spawn the camera {blueprint.id}: {error}") from None

    def spawn(self, places: Sequence[tuple[str, Pose]]) -> list[int]:
        """Actors of props at poses; all or none.

        Raises:
            SpawnFailed: The server did not spawn one of them; the others are gone again.
        """
        command = self._carla.command.SpawnActor
        orders = [command(self._library.find(name), self.transform(pose)) for name, pose in places]
        answers = self._batches(orders)
        spawned = [answer.actor_id for answer in answers if not answer.has_error()]
        failed = [(n, answer.error) for n, answer in enumerate(answers) if answer.has_error()]
        if failed:
            with suppress(CarlaError):
                self.destroy(spawned)
            number, reason = failed[0]
            raise SpawnFailed(
                f"the server did not spawn {places[number][0]} ({len(failed)} of {len(places)}): {reason}"
            )
        return spawned

    def destroy(self, actors: Sequence[int]) -> None:
        """Removes actors.

        Raises:
            SpawnFailed: One was not removed.
        """
        answers = self._batches([self._carla.command.DestroyActor(actor) for actor in actors])
        errors = [answer.error for answer in answers if answer.has_error()]
        if errors:
            raise SpawnFailed(f"the server did not remove {len(errors)} of {len(actors)} props: {errors[0]}")

    def move(self, actors: Sequence[int], pose: Pose) -> None:
        """Puts actors at a pose, from the next tick on."""
        command, transform = self._carla.command.ApplyTransform, self.transform(pose)
        self._batches([command(actor, transform) for actor in actors])

    def _batches(self, orders: list[Any]) -> list[Any]:
        answers: list[Any] = []
        with self.asking("placing actors"):
            for start in range(0, len(orders), BATCH):
                answers += self._client.apply_batch_sync(orders[start : start + BATCH], False)
        return answers

    def actors(self) -> list[int]:
        """Ids of all that the server's episode holds, but the spectator."""
        with self.asking("listing actors"):
            return [actor.id for actor in self._world.get_actors() if actor.type_id != "spectator"]

    def tick(self) -> int:
        """One step; returns its frame."""
        with self.asking("ticking"):
            return self._world.tick(self.server.timeout)

    def set_weather(self, weather: Weather) -> None:
        """Sets sun and sky; the order is not answered, so they are read back.

        Raises:
            WeatherIgnored: They are not what was set.
        """
        with self.asking("setting the weather"):
            self._world.set_weather(self._carla.WeatherParameters(**weather._asdict()))
            got = self._world.get_weather()
        values = [getattr(got, name) for name in weather._fields]
        wrong = [n for n, a, b in zip(weather._fields, weather, values, strict=True) if abs(a - b) > 1e-3]
        if wrong:
            raise WeatherIgnored(f"the server kept its own weather: {', '.join(wrong)} are not what was set")

    def objects(self) -> list[MapObject]:
        """Buildings of the server's map."""
        with self.asking("listing the map's objects"):
            found = self._world.get_environment_objects(self._carla.CityObjectLabel.Buildings)
            return [map_object(thing) for thing in found]

    def show(self, objects: Sequence[int], shown: bool) -> None:
        """Shows or hides objects of the map."""
        with self.asking("hiding objects"):
            self._world.enable_environment_objects(set(objects), shown)

    def transform(self, pose: Pose) -> Any:
        """A pose as the library has it; for `rig.py` alone."""
        place = self._carla.Location(x=pose.x, y=-pose.y, z=pose.z)
        return self._carla.Transform(
            place, self._carla.Rotation(pitch=pose.pitch, yaw=pose.yaw, roll=pose.roll)
        )


def pose_of(transform: Any) -> Pose:
    """A transform of the library as ours."""
    place, turn = transform.location, transform.rotation
    return Pose(x=place.x, y=-place.y, z=place.z, pitch=turn.pitch, yaw=turn.yaw, roll=turn.roll)

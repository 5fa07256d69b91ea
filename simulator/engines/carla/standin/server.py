"""The calls that a stand-in answers, and its start."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulator.engines.carla.props import Standing
from simulator.engines.carla.standin import messages
from simulator.engines.carla.standin.blocks import SIZE
from simulator.engines.carla.standin.faults import Faults
from simulator.engines.carla.standin.library import Library
from simulator.engines.carla.standin.messages import Actor, failure, nothing, value
from simulator.engines.carla.standin.wire import Streams, answer_calls, listener, serve
from simulator.engines.carla.standin.world import HOME, SNAPSHOTS, SPECTATOR, World

NOTICE = (
    "This is MAGE's stand-in for a CARLA server. It is not CARLA and draws no Unreal graphics: it speaks "
    "CARLA 0.9.16's protocol and renders with MAGE's embedded engine, to test clients."
)
SPAWN, DESTROY, TRANSFORM = 0, 1, 6
"""Commands of a batch."""
INERT = (
    "load_map_layer", "unload_map_layer", "set_actor_simulate_physics", "set_actor_enable_gravity",
    "set_actor_collisions", "draw_debug_shape", "update_lights_state", "apply_color_texture_to_objects",
    "set_annotations_traverse_translucency", "set_actor_dead", "console_command",
)  # fmt: skip
"""Calls that are answered and do nothing."""


class Calls:
    """Each public method answers the call of its name; arguments are as the client sends them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def answer(self, method: str, arguments: list[Any]) -> Any:
        """The result of a call."""
        found: Callable[..., Any] | None = getattr(type(self), method, None)
        if method in INERT:
            return nothing()
        if found is None or method.startswith("_") or method == "answer":
            return failure(f"the stand-in does not know {method}")
        try:
            return found(self, *arguments)
        except ValueError as error:
            return failure(str(error))

    def standin_faults(self, values: dict[str, Any]) -> Any:
        """No call of CARLA's: for tests, changes what goes wrong."""
        self._world.misbehave(Faults(**values))
        return nothing()

    def version(self) -> Any:
        return value(self._world.faults.version or messages.VERSION)

    def get_episode_info(self) -> Any:
        return value([self._world.episode, [self._token(SNAPSHOTS)]])

    def get_sensor_token(self, stream: int) -> Any:
        self._world.streams.expect(stream)
        return value([self._token(stream)])

    def get_episode_settings(self) -> Any:
        return value(self._world.settings)

    def set_episode_settings(self, settings: list[Any]) -> Any:
        return value(self._world.settle(settings))

    def tick_cue(self) -> Any:
        return value(self._world.cue())

    def get_required_files(self, *_: Any) -> Any:
        return value([])

    def get_map_info(self) -> Any:
        return value([self._world.map, []])

    def get_map_data(self) -> Any:
        return value(self._world.roads)

    def get_available_maps(self) -> Any:
        return value([HOME])

    def load_new_episode(self, name: str, reset: bool = True, layers: int = 0xFFFF) -> Any:
        self._world.load(name, reset)
        return nothing()

    def copy_opendrive_to_file(self, roads: str, *_: Any) -> Any:
        self._world.next_roads = roads
        return nothing()

    def get_actor_definitions(self) -> Any:
        return value(self._world.library.definitions(self._world.faults.hide_attribute))

    def spawn_actor(self, description: list[Any], transform: messages.Transform) -> Any:
        return value(self._told(self._world.spawn(description, transform)))

    def destroy_actor(self, number: int) -> Any:
        return value(self._world.destroy(number))

    def get_actors_by_id(self, numbers: list[int]) -> Any:
        actors = self._world.actors
        return value([self._told(actors[number]) for number in numbers if number in actors])

    def get_spectator(self) -> Any:
        return value(self._told(self._world.actors[SPECTATOR]))

    def set_actor_transform(self, number: int, transform: messages.Transform) -> Any:
        self._world.move(number, transform)
        return nothing()

    def get_weather_parameters(self) -> Any:
        return value(list(self._world.weather))

    def set_weather_parameters(self, weather: list[float]) -> Any:
        self._world.set_weather(weather)
        return nothing()

    def get_environment_objects(self, tag: int = 255) -> Any:
        pairs = enumerate(self._world.objects)
        return value([_object(n, standing) for n, standing in pairs if tag in (255, standing.prop.code())])

    def enable_environment_objects(self, numbers: list[int], shown: bool) -> Any:
        self._world.hide(numbers, shown)
        return nothing()

    def get_names_of_all_objects(self) -> Any:
        return value([_name(number) for number in range(len(self._world.objects))])

    def query_lights_state(self, *_: Any) -> Any:
        return value([])

    def apply_batch(self, commands: list[Any], tick: bool = False) -> Any:
        results = [self._command(*command[0]) for command in commands]
        if tick:
            self._world.cue()
        return results

    def _command(self, index: int, body: list[Any]) -> Any:
        """One item of a batch: its actor, or why not."""
        try:
            if index == SPAWN:
                return value(self._world.spawn(body[0], body[1]).id)
            if index == DESTROY:
                found = self._world.destroy(body[0])
                return value(body[0]) if found else failure("unable to destroy actor: not found")
            if index == TRANSFORM:
                self._world.move(body[0], body[1])
            return value(body[0])
        except ValueError as error:
            return failure(str(error))

    def _told(self, actor: Actor) -> list[Any]:
        return actor.message(self._token(actor.stream) if actor.stream else b"")

    def _token(self, stream: int) -> bytes:
        return self._world.streams.token(stream)


def _name(number: int) -> str:
    return f"SM_Block_{number:02d}"


def _object(number: int, standing: Standing) -> list[Any]:
    """An environment object: [transform, box about the transform, id, name, tag]; y is turned round."""
    low, high = standing.prop.vertices.min(axis=0), standing.prop.vertices.max(axis=0)
    x, y, z = (standing.anchor + (low + high) / 2).tolist()
    half = ((high - low) / 2).tolist()
    turn = [0.0, 0.0, 0.0]
    place = [x - SIZE / 2, SIZE / 2 - y, z]
    return [[place, turn], [place, half, turn], number, _name(number), standing.prop.code()]


def start(host: str, port: int, package: Path | None, faults: Faults) -> int:
    """Serves from threads of this process; returns the port, which is a free one where 0 is asked for."""
    streams = Streams(host)
    world = World(Library(package), streams, faults)
    calls = Calls(world)
    server = listener(host, port)
    serve(server, lambda connection: answer_calls(connection, calls.answer))
    threading.Thread(target=world.run, daemon=True).start()
    return server.getsockname()[1]

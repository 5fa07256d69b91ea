"""The stand-in's episode: actors, settings, weather, and what a tick does to them."""

import os
import threading
import time
from dataclasses import replace
from typing import Any

import numpy as np

from simulator.engines.carla.pinhole import Images, Stage, shoot, stage
from simulator.engines.carla.pose import Lens, Pose, axes
from simulator.engines.carla.props import Placed, Prop
from simulator.engines.carla.standin.blocks import SIZE, blocks
from simulator.engines.carla.standin.faults import Faults
from simulator.engines.carla.standin.library import Library
from simulator.engines.carla.standin.messages import (
    CAMERAS,
    MAP_CHANGED,
    Actor,
    SensorType,
    Transform,
    image_message,
    snapshot_message,
)
from simulator.engines.carla.standin.wire import Streams
from simulator.engines.carla.weather import Weather, light_of

SNAPSHOTS = 1
"""The stream of world snapshots."""
SPECTATOR = 1
"""Id of the one actor that is always there."""
HOME = "Carla/Maps/Blocks"
OPENDRIVE = "Carla/Maps/OpenDriveMap"
NO_SETTINGS: list[Any] = [False, False, [False], True, 0.01, 10, 0.0, True, 3000.0, 2000.0, True]
STEP = 0.05
"""Of a tick whose client set none [s]."""
PAUSE = 0.02
"""Between ticks of a world that nobody steers [s]."""
EMPTY_ROADS = '<?xml version="1.0"?><OpenDRIVE><header revMajor="1" revMinor="4"/></OpenDRIVE>'


class World:
    """All state; every public method may be called from any thread."""

    def __init__(self, library: Library, streams: Streams, faults: Faults) -> None:
        self.library, self.streams, self.faults = library, streams, faults
        self.lock = threading.RLock()
        self.settings, self.weather = list(NO_SETTINGS), Weather()
        self.episode, self.frame, self.time = 7, 100, 0.0
        self.map, self.roads, self.next_roads = HOME, EMPTY_ROADS, EMPTY_ROADS
        self.actors: dict[int, Actor] = {}
        self.hidden: set[int] = set()
        self._placed: dict[int, Placed] = {}
        self._cues, self._cued = 0, threading.Condition()
        self._sent = dict.fromkeys(CAMERAS, 0)
        self._spawned = 0
        self._first = self.frame
        self._flags = 0
        self._stages: dict[str, tuple[int, Stage | None]] = {}
        self._version = 0
        self._seen: dict[str, tuple[Any, Images]] = {}
        self._before = _still()
        self._next_id = faults.first_id
        self._load(HOME)

    def misbehave(self, faults: Faults) -> None:
        """Takes other faults, counted from now on."""
        with self.lock:
            self.faults = faults
            self._sent, self._spawned, self._first = dict.fromkeys(CAMERAS, 0), 0, self.frame
            self._next_id = max(faults.first_id, self._next_id)
            self.weather = Weather()
            self._changed()

    def load(self, name: str, reset: bool) -> None:
        """A new episode on a map, "" is the present one again; `reset` for the first settings."""
        with self.lock:
            self._load(name or self.map)
            if reset:
                self.settings = list(NO_SETTINGS)

    def _load(self, name: str) -> None:
        self.map = OPENDRIVE if "OpenDriveMap" in name else HOME
        self.roads = self.next_roads if self.map == OPENDRIVE else EMPTY_ROADS
        self.episode, self._flags = self.episode + 1, MAP_CHANGED
        self.actors = {SPECTATOR: Actor(id=SPECTATOR, description=[0, "spectator", []], transform=_still())}
        self.objects = blocks() if self.map == HOME else []
        self._placed, self.hidden = {}, set()
        self._changed()

    def settle(self, settings: list[Any]) -> int:
        """Takes episode settings; returns the frame."""
        with self.lock:
            self.settings = settings
        with self._cued:
            self._cued.notify_all()
        return self.frame

    def cue(self) -> int:
        """Asks for a tick; returns its frame at once."""
        with self._cued:
            self._cues += 1
            self._cued.notify_all()
            return self.frame + self._cues

    def run(self) -> None:
        """Ticks when it is asked to, or all the time."""
        while True:
            with self._cued:
                if self.settings[0]:
                    self._cued.wait_for(lambda: self._cues > 0 or not self.settings[0], 0.5)
                    if self._cues == 0:
                        continue
            if not self.settings[0]:
                time.sleep(PAUSE)
            self._tick()

    def spawn(self, description: list[Any], transform: Transform) -> Actor:
        """Raises ValueError with the reason why not."""
        with self.lock:
            name = description[1]
            prop = self.library.prop(name)
            if prop is None and name not in CAMERAS:
                raise ValueError(f"no blueprint {name}")
            self._spawned += prop is not None
            if prop is not None and self._spawned == self.faults.fail_spawn:
                raise ValueError("Spawn failed because of collision at spawn position")
            number, self._next_id = self._next_id, self._next_id + self.faults.wrap_ids
            actor = Actor(
                id=number,
                description=description,
                transform=transform,
                tag=0 if prop is None else prop.code(),
                stream=number + 1000 if prop is None else 0,
                attributes={key: text for key, _, text in description[2]},
            )
            self.actors[number] = actor
            if prop is not None:
                self._placed[number] = _place(prop, transform, number, self.faults)
                self._changed()
            return actor

    def destroy(self, number: int) -> bool:
        """Whether there was such an actor."""
        with self.lock:
            if number == SPECTATOR or self.actors.pop(number, None) is None:
                return False
            self.streams.forget(number + 1000)
            if self._placed.pop(number, None) is not None:
                self._changed()
            return True

    def move(self, number: int, transform: Transform) -> None:
        """Puts an actor elsewhere; props stay, as meshes of static mobility do."""
        with self.lock:
            if number in self.actors and number not in self._placed:
                self.actors[number].transform = transform

    def hide(self, numbers: list[int], shown: bool) -> None:
        """Shows or hides objects of the map."""
        with self.lock:
            self.hidden = self.hidden - set(numbers) if shown else self.hidden | set(numbers)
            self._changed()

    def set_weather(self, values: list[float]) -> None:
        """Takes the weather."""
        with self.lock:
            if not self.faults.deaf_to_weather:
                self.weather = Weather(*values)

    def _changed(self) -> None:
        self._version += 1

    def _tick(self) -> None:
        self.streams.wait_for_listeners()
        with self.lock:
            with self._cued:
                self._cues = max(0, self._cues - 1)
                self.frame += 1
            step = self.settings[2][1] if self.settings[2][0] else STEP
            self.time += step
            if self.frame - self._first == self.faults.die_at:
                os._exit(1)
            flags, self._flags = self._flags, 0
            actors = list(self.actors.values())
            self.streams.send(
                SNAPSHOTS, snapshot_message(self.episode, self.frame, self.time, step, actors, flags)
            )
            heard = [actor for actor in actors if actor.stream and self.streams.heard(actor.stream)]
            frame, now, weather = self.frame, self.time, self.weather
            views = [(actor, list(actor.transform), self._view(actor, weather)) for actor in heard]
        if views and self.faults.image_delay:
            time.sleep(self.faults.image_delay)
        for actor, transform, image in views:
            self._send(actor, transform, image, frame, now)

    def _send(self, actor: Actor, transform: Transform, image: np.ndarray, frame: int, now: float) -> None:
        self._sent[actor.blueprint] += 1
        kind, count = CAMERAS[actor.blueprint], self._sent[actor.blueprint]
        if kind == SensorType.SEMANTIC and self._faulty(self.faults.drop_image, count):
            return
        if kind == SensorType.RGB:
            stale = self._faulty(self.faults.stale_image, count)
            if stale:
                transform = self._before
            self._before = transform
        if kind == SensorType.DEPTH and self._faulty(self.faults.poison_image, count):
            kind = SensorType.NO_SENSOR
        fov = float(actor.attributes["fov"])
        self.streams.send(actor.stream, image_message(kind, frame, now, transform, fov, image))

    def _faulty(self, first: int, count: int) -> bool:
        """Whether an image, counted from 1, is one of those that a fault is for."""
        last = first + self.faults.faulty_images - 1 if self.faults.faulty_images else count
        return 0 < first <= count <= last

    def _view(self, actor: Actor, weather: Weather) -> np.ndarray:
        """A camera's raw image."""
        size = [int(actor.attributes[f"image_size_{axis}"]) for axis in "yx"]
        lens = Lens(height=size[0], width=size[1], fov=float(actor.attributes["fov"]))
        (x, y, z), (pitch, yaw, roll) = actor.transform
        pose = Pose(x=x, y=-y, z=z, pitch=pitch, yaw=yaw, roll=roll)
        order = list(CAMERAS).index(actor.blueprint)
        world = "labels" if order and self.faults.leak_hidden else "image"
        what = (lens, pose, weather, self._version, world)
        if world not in self._seen or self._seen[world][0] != what:
            on = self._stage(leaking=world == "labels")
            self._seen[world] = (what, shoot(on, pose, lens, light_of(weather)))
        return self._seen[world][1][order]

    def _stage(self, *, leaking: bool) -> Stage | None:
        """The scene as it stands; with what is hidden, if that leaks."""
        world = "labels" if leaking else "image"
        if self._stages.get(world, (-1, None))[0] != self._version:
            placed = list(self._placed.values())
            for number, standing in enumerate(self.objects):
                if leaking or number not in self.hidden:
                    x, y, z = standing.anchor
                    place = (x - SIZE / 2, y - SIZE / 2, z)
                    placed.append(Placed(prop=standing.prop, position=place, actor=60_000 + number))
            self._stages[world] = (self._version, stage(placed))
        return self._stages[world][1]


def _still() -> Transform:
    return [[0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]


def _place(prop: Prop, transform: Transform, number: int, faults: Faults) -> Placed:
    (x, y, z), (pitch, yaw, roll) = transform
    turned = None
    if any((pitch, yaw, roll)):
        forward, right, up = axes(Pose(x=0, y=0, z=0, pitch=pitch, yaw=yaw, roll=roll))
        turned = np.stack([forward, -right, up], axis=1)  # a prop's north is CARLA's -Y, its left
    prop = replace(prop, tag="None") if faults.wrong_tag else prop
    return Placed(prop=prop, position=(x, -y, z), actor=number, rotation=turned)

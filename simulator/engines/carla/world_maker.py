"""Makes a server's world and puts it back: a script of its own, run by `apart.py`, that imports CARLA alone.

It reads a request as JSON from its standard input and writes the answer as the last line of its output. It
ends without taking the library's objects apart, for that is where they end badly.
"""

import json
import os
import sys
from typing import Any

KEPT = (
    "synchronous_mode", "no_rendering_mode", "fixed_delta_seconds", "substepping", "max_substep_delta_time",
    "max_substeps", "max_culling_distance", "deterministic_ragdolls", "tile_stream_distance",
    "actor_active_distance", "spectator_as_ego",
)  # fmt: skip
"""Settings of a world that are put back."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """Does what is asked; returns the settings before.

    Args:
        request: `host`, `port`, `timeout` [s]; `roads` (OpenDRIVE of a world to make) or `town` (a map to
            load), neither of which leaves what is there; `settings` to apply after that.
    """
    import carla

    client = carla.Client(request["host"], request["port"])
    client.set_timeout(request["timeout"])
    world = client.get_world()
    before = world.get_settings()
    told = {name: getattr(before, name) for name in KEPT}
    if request.get("roads") is not None:
        # no walls about the roads, and no mesh, for ours lies there
        empty = carla.OpendriveGenerationParameters(
            vertex_distance=2.0, max_road_length=50.0, wall_height=0.0, additional_width=0.0,
            smooth_junctions=True, enable_mesh_visibility=False,
        )  # fmt: skip
        world = client.generate_opendrive_world(request["roads"], empty)
    elif request.get("town") is not None:
        world = client.load_world(request["town"])
    if request.get("settings"):
        settings = world.get_settings()
        for name, value in request["settings"].items():
            setattr(settings, name, value)
        world.apply_settings(settings)
    return {"settings": told}


if __name__ == "__main__":
    try:
        result = answer(json.load(sys.stdin))
    except RuntimeError as error:
        result = {"error": str(error)}
    print(json.dumps(result), flush=True)
    os._exit(0)

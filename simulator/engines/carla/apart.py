"""What CARLA's client library may die of, done in a process beside this one.

Where a world is made, and where a client leaves a world that ticks by itself, the library closes the stream
of snapshots in one thread while another still reads it. That may end the process: "close: Bad file
descriptor", status 134, or a segmentation fault. On a busy machine, of 30 processes that each made up to 40
worlds, 26 ended so. Hence the process that flies joins a world that has been made and stands still, and
leaves it while it stands still.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from simulator.engines.carla.errors import ClientDied

SCRIPT = Path(__file__).parent / "world_maker.py"
TRIES = 5
"""Of a process that dies."""
SLOW = 4
"""A request takes several calls, each of which may take as long as one is waited for."""


def ask(host: str, port: int, timeout: float, **request: Any) -> dict[str, Any]:
    """The answer of `world_maker.answer`.

    Raises:
        ClientDied: The library ended the process, `TRIES` times.
        RuntimeError: The library's error, as it would be raised here.
    """
    text = json.dumps({"host": host, "port": port, "timeout": timeout, **request})
    for _ in range(TRIES):
        try:
            done = subprocess.run(
                [sys.executable, "-P", str(SCRIPT)],
                input=text, capture_output=True, text=True, check=False, timeout=SLOW * timeout + 60,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise RuntimeError(f"time-out of {SLOW * timeout + 60:g} s") from None
        if done.returncode == 0:
            told = json.loads(done.stdout.splitlines()[-1])
            if "error" in told:
                raise RuntimeError(told["error"])
            return told
        if done.returncode == 1:  # an error of ours: the library ends a process by a signal
            break
    raise ClientDied(
        f"CARLA's client library ended its process {TRIES} times (status {done.returncode}): "
        f"{done.stderr.strip()[-300:] or 'without a word'}"
    )

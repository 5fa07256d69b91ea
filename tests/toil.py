"""Jobs for the tests of processes and clusters: light to import in a worker."""

import importlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipelines.simulate_jobs import Job


def note(folder: Path, job: int) -> None:
    """Writes a file for the job."""
    (folder / f"done-{job}").touch()


def note_threads(folder: Path, job: "Job") -> None:
    """Writes on how many threads this process draws."""
    setup = importlib.import_module("simulator.engines.drjit_setup")
    (folder / f"threads-{job.index}").write_text(str(setup.dr.thread_count()))


def die_once(folder: Path, job: int) -> None:
    """As `note`, but job 3 kills its process, as a lack of memory does, the first time."""
    once = folder / "died"
    if job == 3 and not once.exists():
        once.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    note(folder, job)


def die(folder: Path, job: int) -> None:
    """Kills its process."""
    os.kill(os.getpid(), signal.SIGKILL)


def note_when_told(folder: Path, job: int) -> None:
    """As `note`, but writes first on which node, in which process it is, and waits for the file "go"."""
    ray = importlib.import_module("ray")
    with (folder / f"begun-{job}").open("a") as file:
        file.write(f"{ray.get_runtime_context().get_node_id()} {os.getpid()}\n")
    for _ in range(2400):
        if (folder / "go").exists():
            break
        time.sleep(0.05)
    note(folder, job)

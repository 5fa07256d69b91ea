"""Jobs done on a Ray cluster: tasks that a dead worker or node leaves undone are done again elsewhere."""

import contextlib
import importlib
import socket
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pipelines.crew import IN_FLIGHT, LIVES
from rasters.errors import InputError

Job = TypeVar("Job")
ANSWERS_WITHIN = 10.0  # a cluster's head [s]
OF_CORES = 1  # what a task asks for, and has threads on
OF_A_GPU = 0.25  # what a task asks for where GPUs draw: an assumption


def done_on_ray(
    jobs: Iterable[Job], work: Callable[[Job], object], address: str, *, gpus: bool = False
) -> Iterator[Job]:
    """As `pipelines.crew.done_here`, on the cluster at `address`; nodes may come and go meanwhile.

    Args:
        jobs: Taken one by one, when there is room for them: twice as many as the cluster has cores.
        work: A function of a module that every node has. It is called in this process's working folder.
        address: Of the head, as "10.0.0.1:6379"; "auto" on a machine of the cluster; "local" for a cluster
            of this machine that ends with the run.
        gpus: Whether a task needs a share of one.

    Raises:
        InputError: There is no such cluster, or a job killed more than `LIVES` workers.
    """
    with _connected(address) as ray:
        if gpus and not ray.cluster_resources().get("GPU"):
            raise InputError(
                f"this machine draws with its GPU and the cluster at {address} has none; start `mage` where "
                "there is no NVIDIA driver, or `ray start --num-gpus` on machines that have one"
            )
        options = {"num_cpus": OF_CORES, "max_retries": LIVES, **({"num_gpus": OF_A_GPU} if gpus else {})}
        task = ray.remote(**options)(_in_folder)
        source, flying, here = iter(jobs), {}, Path.cwd()
        while True:
            room = IN_FLIGHT * max(1, int(ray.cluster_resources().get("CPU", 1)))
            while len(flying) < room and (job := next(source, None)) is not None:
                flying[task.remote(here, work, job)] = job
            if not flying:
                return
            ready, _ = ray.wait(list(flying), num_returns=1)
            for reference in ready:
                _result(ray, reference)
                yield flying.pop(reference)


def _in_folder(folder: Path, work: Callable[[Job], object], job: Job) -> None:
    """`work(job)` on a node, which has the folder too: what is relative to it is found."""
    if not folder.is_dir():
        raise InputError(
            f"node {socket.gethostname()} has no folder {folder}; start `mage` where all nodes see the same "
            "files, on a network file system"
        )
    with contextlib.chdir(folder):
        work(job)


def _result(ray: Any, reference: Any) -> None:
    """Raises what the task raised, as it was, or an InputError where its workers died."""
    try:
        ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, ray.exceptions.RayError):
            raise InputError(
                f"a node cannot load the task ({_first_line(error.cause)}); "
                "install the same MAGE on all machines"
            ) from None
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise InputError(
            f"a task was tried {LIVES + 1} times and its workers died ({_first_line(error)}); give the nodes "
            "more memory or fewer cores (`ray start --num-cpus`) and run again: what is finished is kept"
        ) from error


@contextlib.contextmanager
def _connected(address: str) -> Generator[Any]:
    """The module, connected to a cluster."""
    try:
        ray: Any = importlib.import_module("ray")
    except ModuleNotFoundError:
        raise InputError(
            "--ray needs Ray on every machine: pip install -c constraints.txt -e '.[ray]'"
        ) from None
    if ray.is_initialized():
        raise InputError("this process is connected to a Ray cluster already; end that connection first")
    _check_head(address)
    try:
        ray.init(address=address, log_to_driver=False, logging_level="error")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise InputError(
            f"no usable Ray cluster at {address} ({_first_line(error)}); start one with `ray start --head`, "
            "with the same Ray and Python on all machines"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_head(address: str) -> None:
    """Ray itself tries for a minute."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host, int(port)), ANSWERS_WITHIN).close()
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Ray cluster answers at {address} ({error}); start one with `ray start --head`, or give "
            '"auto" on one of its machines'
        ) from None


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__

"""Jobs by processes and on a Ray cluster of two nodes on this machine, with workers and a node killed.

The tests on a cluster need Ray: `make test-all EXTRAS=dev,ray`.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import toil
from test_pipelines_simulate import contents, simulate

import pipelines.simulate
from pipelines.crew import IN_FLIGHT, LIVES, done_here
from pipelines.ray import OF_CORES, done_on_ray
from pipelines.simulate_jobs import Job
from rasters.catalogue import finished
from rasters.errors import InputError
from simulator.engines.drjit_setup import CORES, dr


class Jobs:
    """Counts how many are handed out and not yet done."""

    def __init__(self, count: int) -> None:
        self.count, self.out, self.most = count, 0, 0

    def __iter__(self) -> Iterator[int]:
        for job in range(self.count):
            self.out += 1
            self.most = max(self.most, self.out)
            yield job


def test_a_dead_process_s_jobs_are_done_again_and_few_are_in_flight(tmp_path: Path) -> None:
    jobs, done = Jobs(9), []
    for job in done_here(jobs, partial(toil.die_once, tmp_path), 2):
        jobs.out -= 1
        done.append(job)
    assert (tmp_path / "died").exists()
    assert sorted(done) == list(range(9))
    assert all((tmp_path / f"done-{job}").exists() for job in range(9))
    assert jobs.most <= 2 * IN_FLIGHT


def test_processes_that_die_again_and_again_are_given_up(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"died {LIVES} times over the same work.*fewer than 2 workers"):
        list(done_here([1, 2], partial(toil.die, tmp_path), 2))


def test_one_worker_is_this_process(tmp_path: Path) -> None:
    assert list(done_here(iter([1, 2]), partial(toil.note, tmp_path), 1)) == [1, 2]


@pytest.mark.parametrize(("workers", "threads"), [(2, CORES + 1), (2 * CORES + 3, 1)])
def test_workers_share_the_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, threads: int
) -> None:
    """As if there were twice as many as there are and two more: Dr.Jit of itself takes neither share."""
    monkeypatch.setattr("pipelines.simulate.CORES", 2 * (CORES + 1))
    config = pipelines.simulate.Config(out=tmp_path, workers=workers)
    job = Job(1, None, ())
    assert list(pipelines.simulate._crew([job], partial(toil.note_threads, tmp_path), config)) == [job]
    assert (tmp_path / "threads-1").read_text() == str(threads)


def test_a_task_of_a_cluster_has_the_threads_of_its_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "pipelines.simulate.done_on_ray", lambda jobs, work, address, *, gpus: map(work, jobs)
    )
    config = pipelines.simulate.Config(out=tmp_path, workers=1, ray="auto")
    try:
        dr.set_thread_count(OF_CORES + 1)
        list(pipelines.simulate._crew([Job(1, None, ())], partial(toil.note_threads, tmp_path), config))
    finally:
        dr.set_thread_count(CORES)
    assert (tmp_path / "threads-1").read_text() == str(OF_CORES)


def test_a_cluster_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"127\.0\.0\.1:9|pip install"
    ):  # without Ray that is what is missing
        list(done_on_ray([1], partial(toil.note, tmp_path), "127.0.0.1:9"))


@pytest.fixture(scope="module")
def head() -> Iterator[Any]:
    """A cluster of one node of one core."""
    reason = "Ray is not installed; see docs/guide.md"
    module = pytest.importorskip("ray.cluster_utils", reason=reason)
    here = Path(__file__).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{here}{os.pathsep}{here.parent}")  # as if installed on each node
        made = module.Cluster(
            initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False}
        )
        yield made
        made.shutdown()


@pytest.fixture
def cluster(head: Any) -> Any:
    """A cluster of two such nodes."""
    head.second = head.add_node(num_cpus=1)
    return head


def kill_when(cluster: Any, ready: Callable[[], bool], then: Callable[[], None]) -> threading.Thread:
    """Kills the second node as soon as it is time, then does something."""

    def watch() -> None:
        for _ in range(6000):
            if ready():
                break
            time.sleep(0.05)
        cluster.remove_node(cluster.second, allow_graceful=False)
        then()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    return thread


def begun(folder: Path) -> list[tuple[str, str, int]]:
    """Job, node and process of each beginning of a job."""
    rows = [(path.name, line.split()) for path in folder.glob("begun-*") for line in path.open()]
    return [(name, node, int(process)) for name, (node, process) in rows]


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Ray's own
def test_tasks_of_a_dead_node_are_done_on_the_other(cluster: Any, tmp_path: Path) -> None:
    jobs, done, second = Jobs(8), [], cluster.second.node_id

    def kill_workers() -> None:  # which would outlive their node for a while
        for _, node, process in begun(tmp_path):
            if node == second:
                os.kill(process, signal.SIGKILL)
        (tmp_path / "go").touch()

    def both_work() -> bool:
        return len({node for _, node, _ in begun(tmp_path)}) == 2

    thread = kill_when(cluster, both_work, kill_workers)
    for job in done_on_ray(jobs, partial(toil.note_when_told, tmp_path), cluster.address):
        jobs.out -= 1
        done.append(job)
    thread.join()
    lost = [name for name, node, _ in begun(tmp_path) if node == second]
    assert sorted(done) == list(range(8))
    assert all((tmp_path / f"done-{job}").exists() for job in range(8))
    assert len(lost) == 1
    assert [name for name, node, _ in begun(tmp_path) if node != second and name in lost] == lost
    assert jobs.most <= 2 * IN_FLIGHT


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_worker_that_dies_and_one_that_always_does(cluster: Any, tmp_path: Path) -> None:
    assert sorted(done_on_ray(range(5), partial(toil.die_once, tmp_path), cluster.address)) == list(range(5))
    assert (tmp_path / "died").exists()
    with pytest.raises(InputError, match=r"tried 4 times.*give the nodes more memory"):
        list(done_on_ray([1], partial(toil.die, tmp_path), cluster.address))


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_a_cluster_that_loses_a_node_writes_the_bytes_of_one_process(cluster: Any, tmp_path: Path) -> None:
    one, many = tmp_path / "one" / "captures", tmp_path / "many" / "captures"
    words = ["--cities", "4", "--tile", "64"]
    assert simulate(one, *words) == 0
    thread = kill_when(cluster, lambda: bool(finished(many)), (tmp_path / "killed").touch)
    assert simulate(many, *words, "--ray", cluster.address) == 0
    thread.join()
    assert (tmp_path / "killed").exists()
    assert len(finished(many)) == 4
    assert contents(many) == contents(one)

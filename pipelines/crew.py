"""Jobs done by processes of this machine: few are handed out at a time, those of a dead process again."""

import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import chain
from typing import TypeVar

from tqdm import tqdm

from rasters.errors import InputError

Job = TypeVar("Job", bound=Hashable)
IN_FLIGHT = 2
"""Jobs handed out for each process: one to do, one that is there when it is done. It bounds the memory,
whatever the number of jobs."""
LIVES = 3
"""How often a process may die that a job is in the hands of."""


def done_here(
    jobs: Iterable[Job], work: Callable[[Job], object], workers: int, *, apart: bool = False
) -> Iterator[Job]:
    """Yields each job when it has been done.

    `work` must not mind being done again: the jobs that were under way when a process died are.

    Args:
        jobs: Taken one by one, when there is room for them.
        work: A picklable function; what it returns is dropped.
        workers: Processes; 1 is this one, unless it is to stand `apart`.
        apart: Whether a single worker is a process of its own: the threads of CARLA's client library now and
            then end the process that they are in (docs/carla.md).

    Raises:
        InputError: Processes die again and again over the same job.
    """
    if workers == 1 and not apart:
        for job in jobs:
            work(job)
            yield job
        return
    source, deaths = iter(jobs), Counter[Job]()
    while True:
        flying: dict[Future[object], Job] = {}
        try:
            yield from _flown(source, work, workers, flying)
            return
        except BrokenProcessPool as error:
            deaths.update(flying.values())
            if max(deaths.values()) >= LIVES:
                fewer = f" with fewer than {workers} workers" if workers > 1 else ""
                raise InputError(
                    f"worker processes died {LIVES} times over the same work, out of memory perhaps; run "
                    f"again{fewer}: what is finished is kept"
                ) from error
            tqdm.write("a worker process died; what it was at is done again", file=sys.stderr)
            source = chain(list(flying.values()), source)


def _flown(
    source: Iterator[Job], work: Callable[[Job], object], workers: int, flying: dict[Future[object], Job]
) -> Iterator[Job]:
    """As `done_here`, until a process dies; `flying` is what is handed out and not yet yielded."""
    context = multiprocessing.get_context("spawn")  # forking a process that holds LLVM threads may hang
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        try:
            while True:
                while len(flying) < IN_FLIGHT * workers and (job := next(source, None)) is not None:
                    flying[_submitted(pool, work, job)] = job
                if not flying:
                    return
                ready, _ = wait(flying, return_when=FIRST_COMPLETED)
                for future in ready:
                    future.result()
                    yield flying.pop(future)
        finally:
            pool.shutdown(cancel_futures=True)


def _submitted(pool: ProcessPoolExecutor, work: Callable[[Job], object], job: Job) -> Future[object]:
    """A future of `work(job)`, failed where the pool is broken already."""
    try:
        return pool.submit(work, job)
    except BrokenProcessPool as error:
        future: Future[object] = Future()
        future.set_exception(error)
        return future

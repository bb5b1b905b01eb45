"""Workers of pools of processes have one thread each; a process by itself has as many as any other."""

from __future__ import annotations

import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from rnnbp.machine import processors
from rnnbp.machine.team import threads


def counted(_: object = None) -> tuple[bool, int]:
    """(whether this is a worker of a pool, its threads), where a process may use four."""
    os.environ.pop("RNNBP_NUM_THREADS", None)
    # In a process of its own, which monkeypatch does not reach: as on a machine with four processors,
    # whatever this one and its BLAS have.
    processors.usable = lambda: 4  # type: ignore[assignment]  # a cached function
    threads._blas = list  # type: ignore[assignment]  # no libraries
    return processors.pooled(), threads.count()


def put_counted(found: Any) -> None:
    found.put(counted())


def explicit(_: object) -> int:
    os.environ["RNNBP_NUM_THREADS"] = "3"
    return threads.count()


SPAWN = multiprocessing.get_context("spawn")


def test_a_worker_of_a_pool_has_one_thread_unless_it_is_given_more() -> None:
    with SPAWN.Pool(1) as pool:
        assert pool.map(counted, [0]) == [(True, 1)]
        assert pool.map(explicit, [0]) == [3]


def test_a_worker_of_an_executor_has_one_thread() -> None:
    with ProcessPoolExecutor(1, mp_context=SPAWN) as pool:
        assert pool.submit(counted).result() == (True, 1)


def test_a_process_by_itself_has_all() -> None:
    found = SPAWN.Queue()
    process = SPAWN.Process(target=put_counted, args=(found,))
    process.start()
    try:
        assert found.get(timeout=60) == (False, 4)
    finally:
        process.join()
    assert not processors.pooled()

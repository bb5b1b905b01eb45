"""What the environment of mpiexec says, and how many threads each of its processes takes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import lru_cache

import pytest

from rnnbp.machine import processors
from rnnbp.support.launched import HYDRA, OPEN_MPI, Launched, forget_launch, launched

pytestmark = pytest.mark.alike
ALONE = Launched(1, 0, 1)


@pytest.fixture(autouse=True)
def without_mpiexec(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*HYDRA, *OPEN_MPI):
        monkeypatch.delenv(name, raising=False)
    processors.forget()
    yield
    processors.forget()


def put(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], values: str) -> None:
    for name, value in zip(names, values.split(), strict=False):
        monkeypatch.setenv(name, value)


@pytest.mark.parametrize("names", [HYDRA, OPEN_MPI], ids=["hydra", "open mpi"])
@pytest.mark.parametrize(
    ("values", "found"),
    [
        ("", ALONE),
        ("1 0 1", ALONE),
        ("6 4 2", Launched(6, 4, 2)),
        ("6 4", Launched(6, 4, 6)),
        ("6 4 0", Launched(6, 4, 6)),
        ("6", ALONE),
        ("6 6 1", ALONE),
        ("six 4 2", ALONE),
        ("-6 4 2", ALONE),
        ("0 0 0", ALONE),
    ],
)
def test_the_processes_of_mpiexec(
    names: tuple[str, ...], values: str, found: Launched, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(monkeypatch, names, values)
    assert launched() == found
    forget_launch()
    assert launched() == ALONE


@pytest.mark.parametrize(
    ("here", "of_all", "own", "quota", "threads"),
    [
        (1, 8, 8, None, 8),
        (2, 8, 8, None, 4),
        (3, 8, 8, None, 2),
        (16, 8, 8, None, 1),
        (2, 8, 4, None, 4),  # bound to a half each
        (4, 8, 4, None, 2),  # two bound to each half
        (2, 8, 1, None, 1),  # bound to a processor each
        (2, 8, 8, 3.5, 2),
        (2, 8, 8, 0.5, 1),
        (2, 8, 2, 3.5, 2),
        (1, 8, 8, 3.5, 4),
    ],
)
def test_processes_share_the_processors(
    here: int, of_all: int, own: int, quota: float | None, threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    put(monkeypatch, HYDRA, f"{here} 0 {here}")
    of = {0: own, os.getppid(): of_all}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: range(of[pid]), raising=False)
    monkeypatch.setattr(processors, "present", lru_cache(lambda: own))
    monkeypatch.setattr(processors, "quota", lambda: quota)
    assert processors.usable() == threads


def test_a_parent_that_has_ended_counts_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    put(monkeypatch, HYDRA, "2 0 2")

    def gone(pid: int) -> set[int]:
        raise ProcessLookupError(pid)

    monkeypatch.setattr(os, "sched_getaffinity", gone, raising=False)
    monkeypatch.setattr(processors, "present", lru_cache(lambda: 6))
    monkeypatch.setattr(processors, "quota", lambda: None)
    assert processors.usable() == 3

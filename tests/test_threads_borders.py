"""Processors, threads and the end of the process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine import processors

pytestmark = pytest.mark.long

needs_llvm = pytest.mark.skipif(not find_spec("llvmlite"), reason="needs llvmlite")
V1 = "4:memory:/docker/a\n3:cpu,cpuacct:/docker/a\n"


V1_FILES = {"cpu/cpu.cfs_quota_us": "150000", "cpu/cpu.cfs_period_us": "100000"}


@pytest.mark.parametrize(
    ("groups", "found", "expected"),
    [
        ("0::/\n", {"cpu.max": "50000 100000\n"}, 0.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, None),
        ("0::/\n", {}, None),
        ("0::/a/b\n", {"a/b/cpu.max": "300000 100000", "a/cpu.max": "120000 100000"}, 1.2),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "cpu.max": "25000 10000"}, 2.5),
        ("0::/../../x\n", {"cpu.max": "40000 10000"}, 4.0),
        (V1, V1_FILES, 1.5),
        (V1, {**V1_FILES, "cpu/cpu.cfs_quota_us": "-1"}, None),
        (V1, {**V1_FILES, "cpu/cpu.cfs_period_us": "0"}, None),
        (
            V1,
            {
                **V1_FILES,
                "cpu/docker/a/cpu.cfs_quota_us": "1",
                "cpu/docker/a/cpu.cfs_period_us": "10",
            },
            0.1,
        ),
        (V1 + "0::/s\n", {**V1_FILES, "unified/s/cpu.max": "1 4"}, 0.25),
        ("nonsense\n\n:\n", {"cpu.max": "1 2"}, None),
        ("0::/\n", {"cpu.max": "half of one"}, None),
    ],
)
def test_the_quota_of_control_groups(
    groups: str, found: dict[str, str], expected: float, tmp_path: Path
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text(groups)
    for name, text in found.items():
        (tmp_path / "sys/fs/cgroup" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "sys/fs/cgroup" / name).write_text(text)
    assert processors.quota(tmp_path) == expected


def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert processors.quota(tmp_path) is None


@pytest.mark.parametrize(
    ("share", "expected"), [(None, 8), (0.1, 1), (1.0, 1), (1.01, 2), (3.5, 4), (99.0, 8)]
)
def test_a_quota_is_rounded_up(
    share: float | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processors, "quota", lambda: share)
    processors.forget()
    assert processors.usable() == expected
    processors.forget()


@needs_llvm
def test_the_quota_counts_where_no_number_is_named(
    monkeypatch: pytest.MonkeyPatch, use_threads: Callable[[int], None]
) -> None:
    from rnnbp.machine.team import threads

    monkeypatch.setattr(processors, "usable", lambda: 1)
    monkeypatch.delenv("RNNBP_NUM_THREADS", raising=False)
    assert threads.count() == 1
    use_threads(3)
    assert threads.count() == 3


@needs_llvm
@pytest.mark.parametrize(
    ("named", "present", "woken"), [(3, 8, 2), (8, 4, 3), (1024, 2, 1), (5, 1, 0)]
)
def test_no_more_threads_are_woken_than_there_are_processors(
    named: int, present: int, woken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rnnbp.machine.team import handoff, threads

    monkeypatch.setattr(processors, "present", lambda: present)
    team = threads._Team()
    assert team.wake(named - 1) == woken
    assert len(team.members) == woken
    assert [box.item(0) != handoff.ASLEEP for box, _ in team.members] == [True] * woken
    team.retire()


X, TARGET = (
    np.linspace(-1, 1, 240, dtype=np.float32).reshape(40, 2, 3),
    np.zeros((40, 2, 5), np.float32),
)


def test_several_threads_that_train_at_once(use_threads: Callable[[int], None]) -> None:
    use_threads(3)
    loss, found = rb.losses.MeanSquaredError(), list[Any]()

    def train(seed: int) -> list[bytes]:
        model = rb.Sequential(rb.LSTM(3, 5, rng=seed), rb.Dense(5, 5, rng=seed))
        optimizer = rb.optim.Adam(model)
        for _ in range(8):
            optimizer.step(rb.bptt(model, X, TARGET, loss, checkpoint="sqrt", chunk=8).grads)
        return [p.tobytes() for p in model.params.values()]

    expected = [train(seed) for seed in range(3)]
    workers = [
        threading.Thread(target=lambda s=seed: found.append((s, train(s))), daemon=True)
        for seed in range(3)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [one for _, one in sorted(found)] == expected


REFUSED = "Python is shutting down, and nothing can be run any more; run it before, as by atexit\n"
ENDS = """
import atexit, sys, threading
import numpy as np
import rnnbp as rb
x, zeros = np.ones((40, 64, 64), np.float32), np.zeros((40, 64, 64), np.float32)

def run():
    return rb.bptt(rb.LSTM(64, 64, rng=0), x, zeros, rb.losses.MeanSquaredError()).loss

class Last:
    def __init__(self, expected): self.expected, self.run = expected, run
    def __del__(self):
        try:
            assert self.run() == self.expected
        except RuntimeError as error:
            print(error)

def forever():
    while True:
        run()

{}
"""


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("last = Last(run())", REFUSED),
        ("a = [Last(run())]; a.append(a)", REFUSED),
        ("expected = run(); atexit.register(lambda: print(run() == expected))", "True\n"),
        ("threading.Thread(target=forever, daemon=True).start(); last = Last(run())", REFUSED),
    ],
)
def test_a_run_while_python_shuts_down(end: str, expected: str) -> None:
    environment = {**os.environ, "RNNBP_NUM_THREADS": "2"}
    command = [sys.executable, "-W", "error", "-c", ENDS.format(end)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout in ("", expected)


@needs_llvm
@pytest.mark.skipif(not hasattr(os, "sched_yield"), reason="needs sched_yield")
def test_threads_that_wait_offer_their_core_whatever_was_compiled_before() -> None:
    """In a new process: once LLVM has loaded a library it finds the function by itself."""
    code = (
        "from rnnbp.machine.team import handoff; text, given = handoff.text(); "
        "print('call i32 @sched_yield()' in text, *given)"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    assert told.split() == ["True", "sched_yield"]

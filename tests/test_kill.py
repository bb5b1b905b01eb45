"""A run that is killed outright, wherever, and resumed ends with the same bits as one that is not.

Runs are processes of their own, forked from a server that has imported everything, with one BLAS
thread.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import time

import pytest

from tests.kill_runs import check
from tests.training import outcome, text_run

pytestmark = pytest.mark.long

STEPS = 32


def run(folder, snapshot_every):
    """Begin the run in ``folder``, or go on with it."""
    trainer, data = text_run(folder=folder, snapshot_every=snapshot_every)
    if (folder / "snapshot.safetensors").exists():
        trainer.resume()
    trainer.fit(data, steps=STEPS)


def run_and_die(folder, call, count, before):
    """A run that kills itself around its ``count``-th ``os.<call>``, within it if it writes."""
    really, calls = getattr(os, call), 0

    def deadly(*args):
        nonlocal calls
        calls += 1
        if calls < count:
            return really(*args)
        if call == "write":
            really(args[0], args[1][: len(args[1]) // 2])
        elif not before:
            really(*args)
        return os.kill(os.getpid(), signal.SIGKILL)

    setattr(os, call, deadly)
    run(folder, 1)


@pytest.fixture(scope="module")
def start():
    """Starts a function in a process of its own."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(
            "OPENBLAS_NUM_THREADS", "1"
        )  # the server, which takes it over, starts with the first process
        processes = []

        def begin(function, *args):
            processes.append(context.Process(target=function, args=args))
            processes[-1].start()
            return processes[-1]

        yield begin
        for process in processes:
            process.kill()
            process.join()


def finish(start, folder, every):
    """Run to the end; gives what is left."""
    process = start(run, folder, every)
    process.join(60)
    assert process.exitcode == 0
    return outcome(folder)


@pytest.fixture(scope="module")
def whole(start, tmp_path_factory):
    """The outcome of the run that nothing interrupts."""
    return finish(start, tmp_path_factory.mktemp("whole") / "run", 7)


def wait_for_line(folder, process, count):
    """Until this number of steps has been reported."""
    end = time.monotonic() + 60
    while time.monotonic() < end and process.is_alive():
        with (
            open(folder / "metrics.jsonl", "rb")
            if (folder / "metrics.jsonl").exists()
            else open(os.devnull, "rb") as f
        ):
            if f.read().count(b"\n") >= count:
                return
        time.sleep(0.0005)


@pytest.mark.parametrize("seed", range(20))
def test_killed_at_random_moments(tmp_path, start, whole, seed):
    """Three times near some step, in most cases while a snapshot is written."""
    numbers, folder = random.Random(seed), tmp_path / "run"
    every = numbers.choice([1, 1, 1, 4])
    moments = sorted(numbers.randrange(STEPS - 6) for _ in range(3))
    print(f"seed {seed}: snapshots every {every} steps, killed near the steps {moments}")
    for moment in moments:
        process = start(run, folder, every)
        wait_for_line(folder, process, moment)
        time.sleep(numbers.uniform(0, 0.01))
        process.kill()
        process.join()
        assert process.exitcode == -signal.SIGKILL, "it was killed before its end"
        left = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
        print(f"  after step {moment} it left {left}")
    assert finish(start, folder, every) == whole


@pytest.mark.parametrize("count", [1, 2, 5, 33])
@pytest.mark.parametrize(
    ("call", "before"),
    [("write", True), ("fsync", True), ("fsync", False), ("replace", True), ("replace", False)],
)
def test_killed_in_the_middle_of_a_call(tmp_path, start, whole, call, before, count):
    folder = tmp_path / "run"
    process = start(run_and_die, folder, call, count, before)
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert finish(start, folder, 1) == whole


def test_any_signal_at_random_moments_and_two_runs_in_one_folder():
    """A small part of ``python -m tests.kill_runs``: Trainers and commands."""
    assert check(moments=4, pairs=2, seed=1) == []

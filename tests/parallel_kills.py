"""Runs of which a process is killed, and which go on with half as many.

``python -m tests.parallel_kills 30`` ends 30 runs of 4 processes, in turn by each of ``ENDS``, at
random moments, and prints how long all processes took to end; ``30 rank`` by SIGKILL alone. ``mpiexec -n P python -m
tests.parallel_kills train FOLDER`` is such a run: it goes on where it was, and at its end writes
what it has come to into FOLDER.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import rnnbp as rb
from rnnbp.numerics import Array
from rnnbp.parallel import MPI, Alone, Exchange
from rnnbp.train.snapshots import load_snapshot
from tests.mpi_runs import Job, job, say_pid
from tests.parallel_trainings import everything, network, ragged

MODULE = "tests.parallel_kills"
SHARDS, STEPS, PROCESSES = 8, 100, 4
START, LIMIT, WHOLE = 120.0, 10.0, 240.0
"""Seconds until all processes have begun, until all have ended after a signal, and of a run."""
ENDS = (("rank", signal.SIGKILL), ("mpiexec", signal.SIGTERM), ("mpiexec", signal.SIGINT))
"""To whom a signal is sent, a random rank or mpiexec, and which."""


def trained(parallel: Exchange, folder: Path | None = None) -> rb.Trainer:
    """A run of ragged batches with dropout, clipping and validation, up to its last step."""
    loss = rb.losses.MeanSquaredError()
    trainer = rb.Trainer(
        network(), "adam", loss, parallel=parallel, folder=folder, seed=2, clip_norm=0.5,
        snapshot_every=4, validation=ragged(seed=1, count=14), validate_every=10, metrics="mae",
        progress=False,
    )  # fmt: skip
    if folder is not None:
        trainer.resume(missing_ok=True)
    trainer.fit(ragged(), until_steps=STEPS)
    return trainer


def of_process(folder: Path) -> None:
    """One process of a run."""
    say_pid()
    parallel = MPI(shards=SHARDS)
    found: Any = everything(trained(parallel, folder / "run"))
    np.savez(folder / f"{parallel.rank}.npz", **found)


class Outcome(NamedTuple):
    """What became of a run that was ended.

    Attributes:
        target, number, moment: by whom, which signal, seconds after its processes began.
        seconds: until all of them had ended.
        code: mpiexec's.
        steps, saved: steps that had a line of metrics then, and those in the snapshot.
        end: mpiexec's code of the run that went on.
    """

    target: str
    number: signal.Signals
    moment: float
    seconds: float
    code: int | None
    steps: int
    saved: int
    end: int | None


def end(running: Job, target: str, number: signal.Signals, moment: float) -> float:
    """End a run a moment after all its processes have begun; the seconds until all have ended."""
    pids = running.begun(START)
    time.sleep(moment)
    pid = running.program.pid if target == "mpiexec" else pids[random.randrange(PROCESSES)]
    if running.program.poll() is None:
        with contextlib.suppress(ProcessLookupError):  # a rank ends before mpiexec does
            os.kill(pid, number)
    return running.ended(LIMIT)


def steps_done(run: Path) -> int:
    """The steps of a run that have a line of metrics."""
    file = run / "metrics.jsonl"
    return file.read_text().count("\n") if file.is_file() else 0


def until_step(step: int, run: Path) -> None:
    """Wait until a run has done as many steps."""
    end = time.monotonic() + START
    while steps_done(run) < step:
        assert time.monotonic() < end
        time.sleep(0.01)


def saved_steps(run: Path) -> int:
    """The step of a run's snapshot, 0 without one."""
    file = run / "snapshot.safetensors"
    return int(load_snapshot(file).arrays["history/losses"].size) if file.is_file() else 0


def outcome(folder: Path, target: str, number: signal.Signals, moment: float) -> Outcome:
    """End a run, go on with half as many processes, and compare what they end with."""
    with job(PROCESSES, MODULE, "train", str(folder)) as running:
        seconds = end(running, target, number, moment)
        code = running.program.returncode
    run = folder / "run"
    steps, saved = steps_done(run), saved_steps(run)
    with job(PROCESSES // 2, MODULE, "train", str(folder)) as running:
        running.ended(WHOLE)
        last = running.program.returncode
        assert last == 0, running.output
    return Outcome(target, number, moment, seconds, code, steps, saved, last)


def check(folder: Path, wanted: dict[str, Array]) -> None:
    """Raise AssertionError unless the processes have ended with these arrays."""
    for rank in range(PROCESSES // 2):
        with np.load(folder / f"{rank}.npz") as found:
            for name, array in wanted.items():
                assert np.array_equal(found[name], array, equal_nan=True), (rank, name)


def whole_time(folder: Path) -> float:
    """The seconds of a run that nothing ends."""
    with job(PROCESSES, MODULE, "train", str(folder)) as running:
        running.begun(START)
        return running.ended(WHOLE)


def main(count: int, of: str = "") -> None:
    """End as many runs, each at a random moment, by those of ``ENDS`` that begin with ``of``."""
    ends = [end for end in ENDS if end[0].startswith(of)]
    wanted = everything(trained(Alone(shards=SHARDS)))
    with tempfile.TemporaryDirectory() as name:
        span = whole_time(Path(name))
        check(Path(name), wanted)
    print(f"a whole run takes {span:.1f} s")
    done = 0
    while done < count:
        target, number = ends[done % len(ends)]
        with tempfile.TemporaryDirectory() as name:
            found = outcome(Path(name), target, number, random.uniform(0, span))
            check(Path(name), wanted)
        done += found.code != 0  # else it had come to its end before
        print(done, found, flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "train":
        of_process(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]), *sys.argv[2:])

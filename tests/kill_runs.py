"""Stops runs by kill -9 and other signals, resumes them, and compares their files bit for bit.

``python -m tests.kill_runs --moments 200 --seed 0``: half of the runs are Trainers, half
commands, each stopped at random moments. And pairs of processes that begin in one folder at once,
of which one must be refused: ``--pairs 100``.

Runs are processes of their own, forked from a server that has imported everything, with one BLAS
thread.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from rnnbp.cli.main import main as command
from rnnbp.storage import StorageError
from tests.training import outcome, text_run

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
STEPS, REFUSED = 24, 7
TEXT = "the quick brown fox jumps over the lazy dog\n" * 60


def train(folder: Path, every: int) -> int:
    """Begin the run in ``folder``, or go on with it."""
    trainer, data = text_run(folder=folder, snapshot_every=every)
    if (folder / "snapshot.safetensors").exists():
        trainer.resume()
    history = trainer.fit(data, steps=STEPS)
    return 0 if history.signal is None else 128 + history.signal


def run_command(folder: Path, every: int) -> int:
    """The same by ``rnnbp train``; snapshots come by time."""
    text = folder.parent.parent / "text.txt"
    fixed = [
        "--units",
        "8",
        "--embedding",
        "4",
        "--batch",
        "4",
        "--horizon",
        "10",
        "--threads",
        "1",
    ]
    how = (
        ["--resume", str(folder)]
        if (folder / "run.json").exists()
        else ["--text", str(text), "--out", str(folder)]
    )
    fixed += ["--steps", str(STEPS)]
    return command(
        [
            "train",
            *how,
            *(fixed if "--out" in how else []),
            "--snapshot-minutes",
            str(every / 5e3),
            "--quiet",
        ]
    )


KINDS: dict[str, Callable[[Path, int], int]] = {"trainer": train, "command": run_command}


def child(kind: str, folder: Path, every: int, barrier: Barrier | None = None) -> None:
    """In a process of its own: its exit status is that of a command."""
    for number in SIGNALS[1:]:
        signal.signal(
            number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        )
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115  # as long as the process
    if barrier is not None:
        barrier.wait(60)
    try:
        sys.exit(KINDS[kind](folder, every))
    except StorageError:
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(130)


class Server:
    """Starts children quickly."""

    def __init__(self) -> None:
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the server takes it over
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.training", "rnnbp.cli.main"])

    def start(self, *args: Any) -> ForkServerProcess:
        """A process that runs ``child``."""
        process = self.context.Process(target=child, args=args)
        process.start()
        return process

    def whole(self, kind: str, folder: Path, every: int = 3) -> dict[str, Any]:
        """What a run comes to that nothing stops, from where its folder stands."""
        process = self.start(kind, folder, every)
        process.join(120)
        assert process.exitcode == 0, f"a {kind} that nothing stops ended with {process.exitcode}"
        return outcome(folder)


def stop(
    process: ForkServerProcess, folder: Path, numbers: random.Random, which: signal.Signals
) -> int | None:
    """Send a signal at a random moment: before the run has begun, or near some step."""
    wanted = numbers.randrange(-6, STEPS - 2)
    end, metrics = time.monotonic() + 60, folder / "metrics.jsonl"
    while wanted > 0 and process.is_alive() and time.monotonic() < end:
        if metrics.exists() and metrics.read_bytes().count(b"\n") >= wanted:
            break
        time.sleep(0.0005)
    time.sleep(numbers.uniform(0, 0.012 if wanted > 0 else 0.12))
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, which)
    process.join(60)
    return process.exitcode


def moment(
    server: Server, kind: str, place: Path, seed: str, whole: dict[str, Any]
) -> tuple[str | None, list[str]]:
    """One run, stopped up to three times; returns what went wrong, and how often it was stopped."""
    numbers, folder = random.Random(seed), place / "run"
    stopped: list[str] = []
    for _ in range(numbers.choice([1, 1, 2, 3])):
        which = numbers.choice(SIGNALS)
        process = server.start(kind, folder, numbers.choice([1, 1, 2]))
        status = stop(process, folder, numbers, which)
        stopped.append(f"{which.name} {status}")
        if status not in (
            0,
            -which,
            128 + which,
            *[1] * (which == signal.SIGINT),
        ):  # 1: before ``child`` began
            return f"{kind}, seed {seed}: status {status} after {which.name}", stopped
    try:
        found = server.whole(kind, folder)
    except AssertionError as error:
        return (
            f"{kind}, seed {seed}: {error}; {stopped}; "
            f"{os.listdir(folder) if folder.exists() else 'nothing'}",
            stopped,
        )
    wrong = [part for part in whole if found[part] != whole[part]]
    return (
        f"{kind}, seed {seed}: {wrong} differ after {stopped}: {found['names']}" if wrong else None
    ), stopped


def pair(server: Server, kind: str, place: Path, whole: dict[str, Any]) -> str | None:
    """Two processes that begin in one folder at once; returns what went wrong."""
    barrier = server.context.Barrier(2)
    both = [server.start(kind, place / "run", 1, barrier) for _ in range(2)]
    for process in both:
        process.join(120)
    statuses = sorted(-1 if process.exitcode is None else process.exitcode for process in both)
    refused = REFUSED if kind == "trainer" else 1
    if statuses != [0, refused]:
        return f"a pair of {kind}s ended with {statuses}"
    found = outcome(place / "run")
    wrong = [part for part in whole if found[part] != whole[part]]
    return f"a pair of {kind}s: {wrong} differ, {found['names']}" if wrong else None


def check(
    moments: int, pairs: int, seed: int, report: Callable[[str], object] = print
) -> list[str]:
    """Run all; returns what went wrong, one line each."""
    server = Server()
    found: list[str] = []
    with tempfile.TemporaryDirectory() as top:
        (Path(top) / "text.txt").write_text(TEXT)
        whole: dict[str, dict[str, Any]] = {}
        for kind in KINDS:
            (Path(top) / kind).mkdir()
            whole[kind] = server.whole(kind, Path(top) / kind / "run")
        for k in range(moments + pairs):
            kind, place = ("trainer", "command")[k % 2], Path(top) / str(k)
            place.mkdir()
            if k < moments:
                wrong, stopped = moment(server, kind, place, f"{seed}.{k}", whole[kind])
                report(f"{kind} {seed}.{k}: {', '.join(stopped)}: {wrong or 'the same bits'}")
            else:
                wrong = pair(server, kind, place, whole[kind])
                report(f"pair of {kind}s {k - moments}: {wrong or 'one refused'}")
            found += [wrong] if wrong else []
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    wrong = check(options.moments, options.pairs, options.seed)
    print(
        f"{options.moments} runs stopped, {options.pairs} pairs: {len(wrong)} wrong",
        *wrong,
        sep="\n  ",
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Stops runs at random moments by kill -9 and other signals, resumes them, and compares their files bit for bit.

``python -m tests.kill_runs --moments 200 --seed 0``: half of the runs are Trainers, half commands. And pairs of
processes that begin in one folder at once, of which one must be refused: ``--pairs 100``.

Runs are processes of their own, forked from a server that has imported everything, with one BLAS thread.
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
from pathlib import Path

from rnnbp.cli.main import main as command
from rnnbp.storage import StorageError
from tests.training import outcome, text_run

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
STEPS, REFUSED = 24, 7
TEXT = "the quick brown fox jumps over the lazy dog\n" * 60


def train(folder, every):
    """Begin the run in ``folder``, or go on with it."""
    trainer, data = text_run(folder=folder, snapshot_every=every)
    if (folder / "snapshot.safetensors").exists():
        trainer.resume()
    history = trainer.fit(data, steps=STEPS)
    return 0 if history.signal is None else 128 + history.signal


def run_command(folder, every):
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


KINDS = {"trainer": train, "command": run_command}


def child(kind, folder, every, barrier=None):
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

    def __init__(self):
        os.environ["OPENBLAS_NUM_THREADS"] = "1"  # the server takes it over
        self.context = multiprocessing.get_context("forkserver")
        self.context.set_forkserver_preload(["tests.training", "rnnbp.cli.main"])

    def start(self, *args):
        process = self.context.Process(target=child, args=args)
        process.start()
        return process

    def whole(self, kind, folder, every=3):
        """What a run comes to that nothing stops, from where its folder stands."""
        process = self.start(kind, folder, every)
        process.join(120)
        assert process.exitcode == 0, f"a {kind} that nothing stops ended with {process.exitcode}"
        return outcome(folder)


def stop(process, folder, numbers, which):
    """Send a signal at a random moment: before the run has begun, or near some step."""
    wanted = numbers.randrange(-6, STEPS - 2)
    end, metrics = time.monotonic() + 60, folder / "metrics.jsonl"
    while wanted > 0 and process.is_alive() and time.monotonic() < end:
        if metrics.exists() and metrics.read_bytes().count(b"\n") >= wanted:
            break
        time.sleep(0.0005)
    time.sleep(numbers.uniform(0, 0.012 if wanted > 0 else 0.12))
    if process.is_alive():
        os.kill(process.pid, which)
    process.join(60)
    return process.exitcode


def moment(server, kind, place, seed, whole):
    """One run, stopped up to three times; returns what went wrong, and how often it was stopped."""
    numbers, folder, stopped = random.Random(seed), place / "run", []
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
            f"{kind}, seed {seed}: {error}; {stopped}; {os.listdir(folder) if folder.exists() else 'nothing'}",
            stopped,
        )
    wrong = [part for part in whole if found[part] != whole[part]]
    return (
        f"{kind}, seed {seed}: {wrong} differ after {stopped}: {found['names']}" if wrong else None
    ), stopped


def pair(server, kind, place, whole):
    """Two processes that begin in one folder at once; returns what went wrong."""
    barrier = server.context.Barrier(2)
    both = [server.start(kind, place / "run", 1, barrier) for _ in range(2)]
    for process in both:
        process.join(120)
    statuses = sorted(process.exitcode for process in both)
    refused = REFUSED if kind == "trainer" else 1
    if statuses != [0, refused]:
        return f"a pair of {kind}s ended with {statuses}"
    found = outcome(place / "run")
    wrong = [part for part in whole if found[part] != whole[part]]
    return f"a pair of {kind}s: {wrong} differ, {found['names']}" if wrong else None


def check(moments, pairs, seed, report=print):
    """Run all; returns what went wrong, one line each."""
    server, found = Server(), []
    with tempfile.TemporaryDirectory() as top:
        (Path(top) / "text.txt").write_text(TEXT)
        whole = {}
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


def main():
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

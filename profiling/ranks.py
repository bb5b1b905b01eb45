"""Contenders of one or more processes, which stay alive and take turns: a round is short, and others disturb all alike.

Each process waits for a line in a pipe of its own, runs as many steps as that says, and answers with its seconds.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO, cast, final

from processes import CHILD, POOLS

import rnnbp as rb
from rnnbp.numerics import Array

ROOT_TOO = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
"""Open MPI refuses to run for root without them."""
WARM = 5
"""Steps before the first that is timed."""
SEGMENT = 0.25
"""Seconds of a turn, at least one step."""
CALM = 0.3
"""Seconds without work of others after which a round begins."""
QUIET = 0.1
"""Of a core: what other processes may take in a turn; a round with more does not count."""


def mpiexec(processes: int) -> list[str]:
    """What starts that many processes of MPI."""
    own = Path(sys.executable).parent / "mpiexec"
    program = str(own) if own.exists() else shutil.which("mpiexec")
    if program is None:
        raise SystemExit("there is no mpiexec; install MPI with: pip install '.[mpi]'")
    return [program, "-n", str(processes), sys.executable, "-m", "mpi4py"]


def once(child: str, processes: int, **arguments: Any) -> Any:
    """What rank 0 of a child returns; the others return None."""
    call = [*mpiexec(processes), sys.argv[0], CHILD, child, json.dumps(arguments)]
    found = subprocess.run(call, env=_environment(), capture_output=True, text=True)
    if found.returncode:
        raise SystemExit(f"{child} failed in {processes} processes:\n{found.stderr.strip()}")
    start = found.stdout.index("{")  # lines of ranks may run into each other
    return json.JSONDecoder().raw_decode(found.stdout[start:])[0]


def _environment() -> dict[str, str]:
    threads = dict.fromkeys((*POOLS, "RNNBP_NUM_THREADS"), "1")
    return {**os.environ, **threads, **ROOT_TOO}


class Contender:
    """Processes of one thread each that run a child of this script, which has ``Turns``.

    Args:
        child, arguments: as ``fresh`` takes them.
        processes: their number.
        alone: True if the child starts them itself, without mpiexec.
    """

    def __init__(
        self, child: str, processes: int, *, alone: bool = False, **arguments: Any
    ) -> None:
        self._open, self._name = ExitStack(), f"{child} in {processes} processes"
        folder = self._open.enter_context(tempfile.TemporaryDirectory())
        paths = [Path(folder) / str(rank) for rank in range(processes)]
        for path in paths:
            os.mkfifo(path)
            os.mkfifo(f"{path}.answer")
        start = [sys.executable] if alone else mpiexec(processes)
        given = json.dumps(arguments | {"folder": folder})
        call = [*start, sys.argv[0], CHILD, child, given]
        self._process = subprocess.Popen(call, env=_environment(), stdout=subprocess.DEVNULL)
        self._lines = [self._opened(path, "w") for path in paths]
        self._answers = [self._opened(f"{path}.answer", "r") for path in paths]
        self._ask(WARM)
        self.steps = max(1, round(SEGMENT / min(self._ask(1)[0]["seconds"] for _ in range(3))))

    def turn(self) -> dict[str, float]:
        """Seconds a step of rank 0, the share of messages in it, and the cores that others took.

        Its processor time outside of messages is ``work``, which others disturb less.
        """
        before, began = _busy(), time.perf_counter()
        found = self._ask(self.steps)
        passed, busy = time.perf_counter() - began, _busy() - before
        others = max(0.0, busy - sum(each["processor"] for each in found)) / passed
        first, n = found[0], self.steps
        share, work = first["messages"] / first["seconds"], first["processor"] - first["waiting"]
        return {
            "seconds": first["seconds"] / n,
            "messages": share,
            "work": work / n,
            "others": others,
        }

    def close(self) -> None:
        """End the processes."""
        for line in self._lines:
            line.close()
        self._process.wait()
        self._open.close()

    def _opened(self, path: Path | str, mode: str) -> TextIO:
        return self._open.enter_context(cast(TextIO, open(path, mode)))

    def _ask(self, steps: int) -> list[dict[str, float]]:
        for line in self._lines:
            print(steps, file=line, flush=True)
        found = [answer.readline() for answer in self._answers]
        if not all(found):
            raise SystemExit(f"{self._name} ended; run it alone to see all")
        return [json.loads(each) for each in found]


class Turns:
    """The other side of a contender, in each of its processes: ``more`` is called between two steps.

    Args:
        folder: as the child is given it.
        rank: of this process.
        clock: that of messages, if there are any.
    """

    def __init__(self, folder: str, rank: int, clock: Clock | None = None) -> None:
        path = Path(folder) / str(rank)
        self._lines = open(path)  # noqa: SIM115 (until the process ends)
        self._answers = open(f"{path}.answer", "w")  # noqa: SIM115
        self._clock = clock or Clock()
        self._left, self._began = 0, (0.0, 0.0, 0.0, 0.0)

    def more(self) -> bool:
        """Wait for a turn if the last one is over, and answer that first; False if there is none."""
        if self._began[0] and self._left == 0:
            ends = zip(self._now(), self._began, strict=True)
            names = "seconds", "processor", "messages", "waiting"
            passed = dict(zip(names, (end - start for end, start in ends), strict=True))
            print(json.dumps(passed), file=self._answers, flush=True)
        if self._left == 0:
            self._left = int(self._lines.readline() or 0)
            self._began = self._now()
        self._left -= 1
        return self._left >= 0

    def _now(self) -> tuple[float, float, float, float]:
        clock = self._clock
        return time.perf_counter(), time.process_time(), clock.seconds, clock.processor


class Clock:
    """Seconds that messages have taken, on the wall and of the processor, waiting included."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    @contextmanager
    def __call__(self) -> Iterator[None]:
        began = time.perf_counter(), time.process_time()
        yield
        self.seconds += time.perf_counter() - began[0]
        self.processor += time.process_time() - began[1]


def rounds(
    contenders: dict[str, Contender], wanted: int, seconds: float
) -> Iterator[dict[str, dict[str, float]]]:
    """Turns of all contenders, by name, in moments without others; all rounds are yielded.

    Args:
        contenders: those that take turns.
        wanted: the number of quiet rounds to end after.
        seconds: how long to wait for such moments; then three rounds more, whatever others do.
    """
    ends, found, names, more = time.perf_counter() + seconds, 0, [*contenders], 3
    while found < wanted and more:
        late = time.perf_counter() > ends
        if not late and not _calm():
            continue
        turn = {name: contenders[name].turn() for name in names}
        found += is_quiet(turn)
        more -= late
        yield turn
        names = names[1:] + names[:1]


def _calm() -> bool:
    """True if the processors had little to do for a moment."""
    before = _busy()
    time.sleep(CALM)
    return _busy() - before <= QUIET * CALM


def is_quiet(turn: dict[str, dict[str, float]]) -> bool:
    """True if other processes took little in all turns of a round."""
    return all(each["others"] <= QUIET for each in turn.values())


def _busy() -> float:
    """Processor seconds of all processes, as Linux counts them."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")


@final
class Clocked(rb.parallel.Exchange):
    """MPI, with a clock of its messages."""

    def __init__(self, *, shards: int, partition: bool = False) -> None:
        self._mpi, self.clock = rb.parallel.MPI(shards=shards), Clock()
        super().__init__(shards=shards, partition=partition)

    @property
    def rank(self) -> int:
        return self._mpi.rank

    @property
    def processes(self) -> int:
        return self._mpi.processes

    def send(self, rank: int, array: Array) -> None:
        with self.clock():
            self._mpi.send(rank, array)

    def receive(self, rank: int, into: Array) -> None:
        with self.clock():
            self._mpi.receive(rank, into)

    def swap(self, rank: int, array: Array, into: Array) -> None:
        with self.clock():
            self._mpi.swap(rank, array, into)

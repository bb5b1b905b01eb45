"""Runs of several processes that mpiexec starts, and whether all of them have ended."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from rnnbp.support.launched import launched

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {
    "RNNBP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMPI_ALLOW_RUN_AS_ROOT": "1",  # Open MPI refuses root, and more processes than cores
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
PID = re.compile(r"(?m)^(\d+) pid (\d+)$")


def mpiexec() -> str:
    """The one of this environment, else that of the path."""
    own = Path(sys.executable).parent / "mpiexec"
    program = str(own) if own.exists() else shutil.which("mpiexec")
    assert program is not None
    return program


def say_pid() -> None:
    """Print "RANK pid PID" at once, before there is any MPI."""
    os.write(1, f"{launched().rank} pid {os.getpid()}\n".encode())


def alive(pid: int) -> bool:
    """True for a process that runs; a zombie does not."""
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


@dataclass
class Job:
    """Processes of a module that begins with ``say_pid``, and what they print."""

    program: subprocess.Popen[bytes]
    file: IO[bytes]
    processes: int

    @property
    def output(self) -> str:
        """What has been printed so far."""
        return os.pread(self.file.fileno(), 1 << 20, 0).decode(errors="replace")

    @property
    def pids(self) -> dict[int, int]:
        """The process of each rank that has begun."""
        return {int(rank): int(pid) for rank, pid in PID.findall(self.output)}

    def begun(self, seconds: float) -> dict[int, int]:
        """The process of each rank, when all have begun."""
        self.said(" pid ", seconds)
        return self.pids

    def said(self, text: str, seconds: float) -> None:
        """Wait until all processes have printed a text."""
        end = time.monotonic() + seconds
        while self.output.count(text) < self.processes:
            assert time.monotonic() < end, self.output
            time.sleep(0.01)

    def ended(self, seconds: float) -> float:
        """The seconds until all have ended, mpiexec too."""
        began = time.monotonic()
        while self.program.poll() is None or any(map(alive, self.pids.values())):
            assert time.monotonic() - began < seconds, f"left: {self.left()}\n{self.output}"
            time.sleep(0.01)
        return time.monotonic() - began

    def left(self) -> list[int]:
        """The ranks that have not ended; -1 for mpiexec."""
        found = [rank for rank, pid in self.pids.items() if alive(pid)]
        return found + [-1] * (self.program.poll() is None)


@contextmanager
def job(processes: int, module: str, *args: str) -> Iterator[Job]:
    """Processes of a module of tests; what is left of them at the end is killed."""
    call = [mpiexec(), "-n", str(processes), sys.executable, "-m", module, *args]
    with tempfile.TemporaryFile() as file:
        program = subprocess.Popen(
            call,
            cwd=ROOT,
            env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(ROOT)},
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # nohup ignores it
        )
        found = Job(program, file, processes)
        try:
            yield found
        finally:
            program.kill()
            program.wait()
            for pid in found.pids.values():
                if alive(pid):
                    os.kill(pid, 9)

"""A run in a process of its own, which ends with the one that started it.

The process reads its task from stdin, one line of JSON, and then waits for the end of stdin: it
comes when the run is to stop, and also if the starter is killed. The run then saves, as after
SIGTERM. A Ctrl-C of the terminal does not reach it, so it is stopped once, not twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rnnbp.storage import JSON, StorageError, remove_leftovers, write_error
from rnnbp.trials.outcome import ERROR, OUTPUT, write_failure

Stop: TypeAlias = Callable[[float], bool]
"""Waits for at most this number of seconds; True if the runs are to stop."""
POLL = 0.1
"""Seconds between looks at a process."""
SAVED = (128 + 2, 128 + 15, 128 + 1)
"""Exit statuses of a run that a signal stopped, and that has saved itself."""


@dataclass(frozen=True)
class Launch:
    """A run to start: the module of its program, its task, its folder, where it works."""

    module: str
    task: dict[str, JSON]
    folder: Path
    where: Path
    environment: dict[str, str]

    def run(self, stop: Stop) -> str:
        """Run it, in a process; returns why it failed, "" if it did not, or was stopped."""
        if stop(0):
            return ""
        try:
            return self._run(stop)
        except StorageError as error:
            return str(error)
        except OSError as error:
            return str(write_error(self.folder, error))

    def _run(self, stop: Stop) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(self.folder / ERROR)
        (self.folder / ERROR).unlink(missing_ok=True)
        with open(self.folder / OUTPUT, "ab") as output:
            child = subprocess.Popen(
                [sys.executable, "-m", self.module],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.where,
                env=os.environ | self.environment,
                start_new_session=True,
            )
            stopped = self._watched(child, stop)
        if child.returncode and not stopped and child.returncode not in SAVED:
            if not (self.folder / ERROR).is_file():
                write_failure(self.folder, _end(child.returncode))
            return "failed"
        return ""

    def _watched(self, child: subprocess.Popen[bytes], stop: Stop) -> bool:
        """Wait until it has ended; returns True if it was stopped."""
        assert child.stdin is not None  # it is a pipe
        stopped = False
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended; its status says why
                child.stdin.write(json.dumps(self.task).encode() + b"\n")
                child.stdin.flush()
            while child.poll() is None and not stopped:
                stopped = stop(POLL)
        finally:
            with contextlib.suppress(BrokenPipeError):
                child.stdin.close()
        child.wait()
        return stopped


def _end(status: int) -> str:
    """How a process ended that could not say so itself."""
    if status > 0:
        return f"its process ended with status {status}; see {OUTPUT}"
    name = signal.Signals(-status).name if -status in [*signal.Signals] else f"signal {-status}"
    cure = ": was there enough memory?" if name == "SIGKILL" else ""
    return f"its process was ended by {name}{cure}"

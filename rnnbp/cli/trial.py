"""The process of one run of a sweep: ``python -m rnnbp.cli.trial``, with its task on stdin.

The task is a line of JSON: ``{"folder", "options", "function"}``. The end of stdin stops the run,
as SIGTERM does. Exit statuses are those of ``rnnbp train``; why it failed is in error.txt.
"""

from __future__ import annotations

import _thread
import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path

from rnnbp.cli.errors import CommandError
from rnnbp.cli.folders import SETTINGS
from rnnbp.cli.main import build_parser
from rnnbp.cli.output import prepare
from rnnbp.cli.own_training import train_own
from rnnbp.cli.signals import Stopped, raising, status_of
from rnnbp.storage import JSON, StorageError
from rnnbp.support.launched import forget_launch
from rnnbp.train.folder import SNAPSHOT
from rnnbp.train.lock import FolderLock
from rnnbp.trials.outcome import write_failure

PATIENCE = 30.0
"""Seconds that a run waits for one before it in its folder, which is saving."""
GOES_ON = ("text", "encoding", "minutes", "snapshot_minutes")
"""Options that stand next to --resume."""
UNLIMITED = 999_999
"""Minutes of a run that has no limit."""


def main() -> int:
    """Run the task; returns the exit status."""
    prepare()
    forget_launch()  # a worker of Dask may be of mpiexec, its runs are not
    task = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_stop_at_the_end_of_stdin, daemon=True).start()
    folder = Path(task["folder"])
    try:
        with raising():
            return _run(folder, task["options"], task["function"])
    except KeyboardInterrupt as stopped:
        return status_of(stopped.number if isinstance(stopped, Stopped) else None)
    except SystemExit as end:  # a Trainer that SIGTERM stopped
        if not isinstance(end.code, int) or end.code < 128:
            return _failed(folder, f"it ended Python with the status {end.code}")
        return end.code
    except (CommandError, StorageError) as error:
        return _failed(folder, str(error))
    except Exception as error:  # of the user's function, or a defect: the table shows it
        return _failed(folder, f"{type(error).__name__}: {error}")


def _run(folder: Path, options: dict[str, JSON], function: str | None) -> int:
    _wait_for(folder)
    if function is not None:
        train_own(function, folder, options)
        return 0
    found = build_parser().parse_all(arguments(folder, options))
    status: int = found.run(found)
    return status


def arguments(folder: Path, options: dict[str, JSON]) -> list[str]:
    """The command line of a run: a new one, or one that goes on if it has a snapshot."""
    options = {"minutes": UNLIMITED} | options
    resumed = (folder / SETTINGS).is_file() and (folder / SNAPSHOT).is_file()
    kept = {name: value for name, value in options.items() if not resumed or name in GOES_ON}
    texts = [f"--{name.replace('_', '-')}={value}" for name, value in kept.items()]
    return ["train", f"--{'resume' if resumed else 'out'}={folder}", "--quiet", *texts]


def _wait_for(folder: Path) -> None:
    """Wait for the process that had the folder before, if it is still saving."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with FolderLock(folder):
                return
        except StorageError:
            if time.monotonic() > end:
                raise
        time.sleep(0.2)


def _failed(folder: Path, error: str) -> int:
    print(f"rnnbp: {error}", file=sys.stderr)
    write_failure(folder, error, traceback.format_exc())
    return 1


def _stop_at_the_end_of_stdin() -> None:
    while os.read(0, 4096):  # sys.stdin would be locked when Python ends
        pass
    main_thread = threading.main_thread().ident
    if hasattr(signal, "pthread_kill") and main_thread is not None:
        signal.pthread_kill(main_thread, signal.SIGTERM)
    else:
        _thread.interrupt_main(signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())

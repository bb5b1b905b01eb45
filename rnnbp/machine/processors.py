"""Processors that this process may use: those it may run on, within its container's quota.

Processes that ``mpiexec`` started share them. A worker of a pool has one: it cannot know how many
others there are.
"""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path, PurePosixPath

from rnnbp.support.launched import launched


@lru_cache
def present() -> int:
    """Those that the process may run on."""
    # By the newest function there is: process_cpu_count is in Python 3.13, and heeds -X cpu_count;
    # sched_getaffinity is in Linux and some BSDs; cpu_count knows nothing of this process.
    if hasattr(os, "process_cpu_count"):
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1


@lru_cache
def usable() -> int:
    """Those that are worth a thread: at most a container's quota of time, rounded up.

    Of those of the machine each process of ``mpiexec`` counts an equal part.
    """
    # Rounded up: with 1.5 processors a second thread does a half of the work of the first.
    share = quota()
    most = present() if share is None else min(present(), math.ceil(share))
    if (here := launched().here) > 1:
        every = _of_all() if share is None else min(_of_all(), math.ceil(share))
        most = min(most, every // here)
    return max(1, most)


def _of_all() -> int:
    """Those that the processes of ``mpiexec`` on this machine may run on, all together.

    They are those of the parent process, part of ``mpiexec``: it may bind each process that it
    starts to a part of its own, as Open MPI does, and a part is not to be divided again.
    """
    if hasattr(os, "sched_getaffinity"):
        with suppress(OSError):  # the parent has ended
            return max(len(os.sched_getaffinity(os.getppid())), present())
    return present()


def pooled() -> bool:
    """True in a worker of a pool, as of ``multiprocessing.Pool`` or ``ProcessPoolExecutor``."""
    process = sys.modules.get("multiprocessing.process")  # there in every process that it starts
    if process is None or process.parent_process() is None:
        return False
    worker = process.current_process()
    made_by = getattr(getattr(worker, "_target", None), "__module__", "")
    return made_by in ("multiprocessing.pool", "concurrent.futures.process")


def forget() -> None:
    """Count them anew when they are next asked for."""
    present.cache_clear()
    usable.cache_clear()


def quota(root: Path = Path("/")) -> float | None:
    """The least quota of the process's control groups, in processors; None if unlimited.

    Args:
        root: where the folders /proc and /sys are.
    """
    with suppress(OSError, ValueError):
        lines = (
            (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="replace").splitlines()
        )
        return min(
            (share for line in lines for share in _shares(line, root / "sys/fs/cgroup")),
            default=None,
        )
    return None


def _shares(line: str, mount: Path) -> Iterator[float]:
    """The shares of a group and of those above it, by a line "number:controllers:path" of Linux."""
    parts = line.split(":", 2)
    if len(parts) < 3:
        return
    _, controllers, path = parts
    if controllers == "":  # version 2; where both are in use it has a folder of its own
        bases, read = (mount, mount / "unified"), _version_2
    elif "cpu" in controllers.split(","):
        bases, read = (mount / controllers, mount / "cpu"), _version_1
    else:
        return
    group = PurePosixPath(*(name for name in PurePosixPath(path).parts if name not in ("/", "..")))
    for base in bases:
        for folder in (group, *group.parents):
            # A container sees its own groups alone.
            with suppress(OSError, ValueError, ZeroDivisionError):
                share = read(base / folder)
                if share is not None:
                    yield share


def _version_2(folder: Path) -> float | None:
    limit, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    return None if limit == "max" else _positive(int(limit) / int(period))


def _version_1(folder: Path) -> float | None:
    limit, period = (
        (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii") for name in ("quota", "period")
    )
    return _positive(int(limit) / int(period))


def _positive(share: float) -> float | None:
    """A quota of −1 is none."""
    return share if share > 0 else None

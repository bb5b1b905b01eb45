"""What a process holds, and what it has one of: nothing of it may grow or change in a soak."""

from __future__ import annotations

import ctypes
import gc
import os
import random
import signal
import sys
import threading
import time
import tracemalloc
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_info

import rnnbp as rb


def settings() -> dict[str, object]:
    """What the process has one of, and no activity may change."""
    tiny = np.float64(1e-310)
    return {
        "geterr": np.geterr(),
        "handlers": [
            signal.getsignal(n)
            for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
        ],
        "wakeup": signal.set_wakeup_fd(-1),
        "timer": signal.getitimer(signal.ITIMER_REAL),
        "mask": signal.pthread_sigmask(signal.SIG_BLOCK, ()),
        "tracing": tracemalloc.is_tracing(),
        "recursion": sys.getrecursionlimit(),
        "switching": sys.getswitchinterval(),
        "stack": threading.stack_size(),
        "filters": list(warnings.filters),
        "hooks": (sys.excepthook, sys.unraisablehook, threading.excepthook),
        "random": random.getstate(),
        "subnormal": bool(tiny / np.float64(2) > 0),
        "folder": os.getcwd(),
        "collects": gc.isenabled(),
    }


def pools() -> list[tuple[str, int]]:
    """Limits of the threads of BLAS and others."""
    return sorted((pool["filepath"], pool["num_threads"]) for pool in threadpool_info())


def trim() -> None:
    """Let glibc give back what is free between what is not: else the samples show how it lies."""
    rb.release_memory()
    gc.collect()
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)


def resident() -> float:
    """MB."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


@dataclass(frozen=True)
class Sample:
    """What a process holds between two activities."""

    seconds: float
    megabytes: float
    descriptors: int
    threads: int
    native: int
    """Threads that the system knows."""
    temporary: int
    """Files and folders."""

    @classmethod
    def now(cls, start: float, place: Path, lost: float) -> Sample:
        """The sample of this moment, without the ``lost`` MB."""
        trim()
        files = sum(1 for _ in place.rglob("*"))
        counts = (
            len(os.listdir("/proc/self/fd")),
            threading.active_count(),
            len(os.listdir("/proc/self/task")),
        )
        return cls(time.monotonic() - start, resident() - lost, *counts, files)

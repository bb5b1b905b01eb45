"""Many runs at once: in processes of this machine, by joblib, or of a cluster, by Dask."""

from __future__ import annotations

import secrets
import sys
import threading
import time
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TypeAlias

from rnnbp.support.needed import needed
from rnnbp.train.interrupts import Interrupts
from rnnbp.trials.errors import ConfigError
from rnnbp.trials.launch import Launch, Stop

Done: TypeAlias = Callable[[str, str], None]
"""Called with the name of a run that has ended, and why it failed, or ""."""
SECONDS = 10
"""How long a cluster may take to answer."""


class Stopping(Interrupts):
    """While entered, a first signal stops all runs; called, it is the ``Stop`` of a launch."""

    def __init__(self) -> None:
        super().__init__()
        self._reported = False
        self._lock = threading.Lock()

    def __call__(self, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.signal is None and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        with self._lock:
            if self.signal is not None and not self._reported:
                self._reported = True
                print("rnnbp: stopping; each run saves", file=sys.stderr, flush=True)
        return self.signal is not None


def over_processes(launches: Mapping[str, Launch], jobs: int, stop: Stop, done: Done) -> None:
    """Run each, ``jobs`` at a time. A thread waits for each process, so a crash ends one alone.

    Raises ConfigError without joblib.
    """
    joblib, lock = _needed("joblib", "sweeps"), threading.Lock()

    def one(name: str, launch: Launch) -> None:
        error = launch.run(stop)
        with lock:
            done(name, error)

    pool = joblib.Parallel(n_jobs=jobs, backend="threading", batch_size=1)
    pool(joblib.delayed(one)(name, launch) for name, launch in launches.items())


def over_cluster(launches: Mapping[str, Launch], address: str, stop: Stop, done: Done) -> None:
    """Run each on a worker of the Dask scheduler at ``address``, which sees the same folders.

    Raises ConfigError without Dask, or where no scheduler answers.
    """
    distributed, topic = _needed("distributed", "dask"), f"rnnbp-{secrets.token_hex(8)}"
    try:
        client = distributed.Client(address, timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise ConfigError(
            f"--dask {address}: no scheduler answers ({why}); start dask scheduler and dask "
            "worker, and give the address that it prints"
        ) from None
    with client:
        event, ended = distributed.Event(topic, client), threading.Event()
        watch = threading.Thread(target=_pass_on, args=(stop, event, ended), daemon=True)
        watch.start()
        names = {
            client.submit(on_worker, launch, topic, pure=False, retries=0): name
            for name, launch in launches.items()
        }
        waiting = distributed.as_completed(
            list(names), loop=client.loop, with_results=True, raise_errors=False
        )
        for future, result in waiting:
            done(names[future], result if isinstance(result, str) else _lost(result))
        ended.set()
        watch.join()


def on_worker(launch: Launch, topic: str) -> str:
    """Run it on a worker of a cluster; as ``Launch.run``."""
    event = _needed("distributed", "dask").Event(topic)

    def stop(seconds: float) -> bool:
        stopped: bool = event.is_set()
        time.sleep(0 if stopped else seconds)
        return stopped

    return launch.run(stop)


def _pass_on(stop: Stop, event: object, ended: threading.Event) -> None:
    """Set the event of a cluster when the runs are to stop."""
    while not ended.is_set():
        if stop(0.2):
            event.set()  # type: ignore[attr-defined]  # distributed has no types
            return


def _lost(result: object) -> str:
    error = result[1] if isinstance(result, tuple) else result
    return f"its worker is lost ({type(error).__name__}); the run goes on with --retry"


def _needed(module: str, extra: str) -> ModuleType:
    try:
        return needed(module, extra, "a sweep")
    except ImportError as error:
        raise ConfigError(str(error)) from None

"""The bytes of a case: tracemalloc's are those that a run tells, the ledger's those forecast."""

from __future__ import annotations

import gc
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

import rnnbp as rb
from tests.generator.checks import DiffersError
from tests.generator.runs import Case

SHARE, BYTES = 0.01, 2**16
"""How far tracemalloc's peak may be from arrays and objects as they are told; one of both."""
UNTOLD = {"state", "mask"}
"""Options of which a forecast takes no account."""


_names: list[str] = []


def make_room() -> None:
    """Let Python's table of interned names grow now: enough for those of some thousands of models.

    It doubles when it is full, by 2 MB and more, in whatever is measured at that moment.
    """
    _names[:] = [sys.intern(f"room for names {k}") for k in range(150_000)]


def check_bytes(case: Case) -> None:
    """Raise DiffersError unless tracemalloc finds what a run tells, and the ledger holds what was forecast."""
    for backend in [*case.backends, rb.Backend("interpreter")]:
        for name, schedule in {"all": "all", **case.schedules, **case.rebuilding}.items():
            what = f"{backend}, {name}"
            told = _check_measured(what, partial(case.run, backend, schedule))
            if not UNTOLD & case.options.keys() and case.model.dtype is not None:
                _check_forecast(what, case, backend, schedule, told)
        _check_measured(f"{backend}, streamed", partial(_streamed, case, backend))


def _check_measured(what: str, run: Callable[[], Any]) -> int:
    """The ledger's peak of a run, once it is seen to be tracemalloc's, less Python's objects."""
    run()  # the first of its kind compiles
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        stats = run().stats
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    told = stats.peak_bytes + stats.object_bytes
    if not abs(peak - told) <= max(SHARE * told, BYTES):
        found = f"tracemalloc {peak}, arrays {stats.peak_bytes}, objects {stats.object_bytes}"
        raise DiffersError("bytes", f"{what}: {found}, off by {peak - told}")
    return int(stats.peak_bytes)


def _check_forecast(what: str, case: Case, backend: rb.Backend, schedule: Any, told: int) -> None:
    steps, batch, *shape = case.x.shape
    given: Any = {"steps": steps, "batch": batch, "x_shape": tuple(shape), "backend": backend}
    given |= {name: case.options.get(name) for name in ("chunk", "horizon")}
    given["training"] = case.options.get("training", True)
    predicted = rb.forecast(case.model, case.loss, checkpoint=schedule, **given).peak_bytes
    if predicted != told:
        raise DiffersError("forecast", f"{what}: forecast {predicted}, ledger {told}")


def _streamed(case: Case, backend: rb.Backend) -> Any:
    """A run of data that comes in pieces."""
    options = dict(case.options)
    if "mask" in options:
        options["mask"] = _pieces(options["mask"])
    target = None if case.target is None else _pieces(case.target)
    return rb.bptt(
        case.model,
        _pieces(case.x),
        target,
        case.loss,
        steps=len(case.x),
        backend=backend,
        **options,
    )


def _pieces(array: np.ndarray) -> Iterator[np.ndarray]:
    yield from np.array_split(array, min(3, len(array)))

"""The bytes of a case: tracemalloc's are the ledger's, the ledger's those foretold."""

from __future__ import annotations

import gc
import math
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.bptt.budget import OBJECTS
from tests.generator.checks import DiffersError
from tests.generator.runs import Case

SHARE, BYTES = 0.01, 2**16
"""How far measured arrays may be from the ledger."""
UNTOLD = {"state", "training", "mask", "horizon"}
"""Options of which a forecast takes no account."""


def check_bytes(case: Case) -> None:
    """Raise DiffersError unless the ledger holds what was foretold, and tracemalloc finds what the ledger holds."""
    for backend in case.backends:
        for name, schedule in {"all": "all", **case.schedules, **case.rebuilding}.items():
            _check_measured(case, backend, name, schedule)
            if not UNTOLD & case.options.keys():
                _check_foretold(case, backend, name, schedule)


def _check_measured(case: Case, backend: rb.Backend, name: str, schedule: Any) -> None:
    """The ledger counts arrays: Python's own objects are what the same run on one sequence takes beyond its ledger."""
    peak, told = _measured(case, backend, schedule)
    little, own = _measured(alone(case), backend, schedule)
    objects, what = little - own, f"{backend}, {name}"
    arrays = peak - objects
    off = SHARE * told + BYTES
    if not told - off - _guessed(case) <= arrays <= told + off:
        raise DiffersError("bytes", f"{what}: tracemalloc {arrays}, ledger {told}, {arrays / told:.4f}")
    if not -BYTES <= objects <= OBJECTS:
        raise DiffersError("objects", f"{what}: {objects} bytes beyond the ledger {own} of one sequence")


def _measured(case: Case, backend: rb.Backend, schedule: Any) -> tuple[int, int]:
    """(tracemalloc's peak, the ledger's) of a run that has been made before."""
    case.run(backend, schedule)
    rb.release_memory()
    gc.collect()
    tracemalloc.start()
    try:
        found = case.run(backend, schedule)
        return tracemalloc.get_traced_memory()[1], found.stats.peak_bytes
    finally:
        tracemalloc.stop()


def _guessed(case: Case) -> float:
    """Bytes that a ledger takes a person's own loss to need: how many it does need nobody knows."""
    if isinstance(case.loss, rb.losses.Loss):
        return 0
    shape = () if case.x.dtype.kind in "iu" else case.x.shape[2:]
    (out,) = case.model.output_shapes(shape)
    steps = min(len(case.x), case.options["chunk"])
    return rb.losses.Loss.spare * steps * case.x.shape[1] * math.prod(out) * np.dtype(case.dtype).itemsize


def _check_foretold(case: Case, backend: rb.Backend, name: str, schedule: Any) -> None:
    shape = () if case.x.dtype.kind in "iu" else case.x.shape[2:]
    given: Any = {"steps": len(case.x), "batch": case.x.shape[1], "x_shape": shape, "chunk": case.options["chunk"]}
    foreseen = rb.forecast(case.model, case.loss, checkpoint=schedule, backend=backend, **given).peak_bytes
    told = case.run(backend, schedule).stats.peak_bytes
    if foreseen != told:
        raise DiffersError("forecast", f"{backend}, {name}: foretold {foreseen}, ledger {told}")


def alone(case: Case) -> Case:
    """The first sequence of a case."""
    options = dict(case.options)
    if "mask" in options:
        options["mask"] = options["mask"][:, :1].copy()
        options["mask"][0] = 1
    if "state" in options:
        options["state"] = tuple(s and tuple(a[:1].copy() for a in s) for s in options["state"])
    target = None if case.target is None else case.target[:, :1].copy()
    return replace(case, x=case.x[:, :1].copy(), target=target, options=options)

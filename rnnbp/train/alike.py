"""What the processes of a run must have alike when it begins, or goes on."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator

import numpy as np

from rnnbp.numerics import Array
from rnnbp.parallel.likeness import DIGEST, check_alike
from rnnbp.storage import JSON
from rnnbp.train.limits import Limits
from rnnbp.train.run_identity import identity_of
from rnnbp.train.run_state import RunState
from rnnbp.train.source import Source, fingerprint
from rnnbp.train.source_parts import parts_of

CURE = (
    "give all processes the same script, data, options and seeds, and the same libraries and "
    "kind of processor"
)
LIMITS = ("epochs", "steps", "until_epochs", "until_steps")
OPTIONS = ("snapshot_every", "keep_best", "on_interrupt")


def check_processes(run: RunState, data: Source, limits: Limits) -> None:
    """Raise ValueError in all processes if one begins otherwise than the first.

    The numbers of a run, its place and its end must be the same, or its processes would wait for
    each other forever, or end with other parameters each.
    """
    parallel = run.options.parallel
    if parallel is not None and parallel.processes > 1:
        check_alike(run.caller.name, dict(_lines(run, data, limits)), parallel, CURE)


def _lines(run: RunState, data: Source, limits: Limits) -> Iterator[tuple[str, JSON]]:
    yield "steps so far", run.at.step
    yield "place", [run.at.epoch, run.at.index]
    for part, lines in identity_of(run.update).items():
        for name, line in lines.items():
            yield name if name.startswith(part) else f"{part}, {name}", line
    yield "libraries, Python", platform.python_version()
    yield "data", fingerprint(data)
    for name, text in parts_of(data).items():
        yield f"data, {name}", text
    yield "optimizer, steps", run.update.optimizer.steps
    yield "optimizer, partitioned", run.update.optimizer.cut is not None
    yield "folder", run.folder.path is not None
    for name in LIMITS:
        yield name, getattr(limits, name)
    for name in OPTIONS:
        yield name, getattr(run.options, name)
    for name, array in run.parts.params.items():
        yield f"{DIGEST}parameter {name}", _digest(array)


def _digest(array: Array) -> str:
    found = hashlib.blake2b(f"{array.dtype.str}{array.shape}".encode(), digest_size=16)
    found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    return found.hexdigest()

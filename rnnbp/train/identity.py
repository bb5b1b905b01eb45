"""The identity of a run: all that decides its numbers, which must be equal on resuming.

An identity is a dict of parts, as "model" and "learning_rate", each a dict of lines, text or other
JSON, by name. It is stored in every snapshot and compared on resuming; a part can be changed on
purpose by its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeAlias

import numpy as np
from threadpoolctl import threadpool_info

from rnnbp.actions import Rebuild
from rnnbp.machine.target import machine, vector_bytes
from rnnbp.optim import OnPlateau, Optimizer, Schedule
from rnnbp.planning.budget import is_budget, parse_budget
from rnnbp.planning.plan import Plan
from rnnbp.runners.backend import as_backend
from rnnbp.schedules import ScheduleLike, resolve
from rnnbp.storage import JSON
from rnnbp.support.printing import as_text
from rnnbp.train.describe import Description
from rnnbp.train.described_values import short

Identity: TypeAlias = dict[str, dict[str, JSON]]

VERSION = 8
"""Raised whenever the library's numbers change, or what an identity holds."""


def described(
    name: str, value: object, known: Mapping[str, object] | None = None
) -> dict[str, JSON]:
    """A setting as lines: the value if it is JSON, else a description; of ours the repr too.

    The repr of other objects may hold a set, whose order changes from process to process, or
    counters.
    """
    if value is None or isinstance(value, (bool, int, float, str)):
        return {name: value}
    found = Description(known)
    found.add(name, value)
    return (
        {**found.lines, name: shown(value)}
        if type(value).__module__.startswith("rnnbp.")
        else {**found.lines}
    )


def shown(value: object) -> str:
    """repr without memory addresses, in the formats of all platforms."""
    return short(re.sub(r" at 0x[0-9a-fA-F]+", "", as_text(value)))


def of_rate(rate: Schedule | OnPlateau | None, optimizer: Optimizer) -> dict[str, JSON]:
    """A learning rate, and the optimiser's own; for one with state, its settings."""
    name, own = "learning_rate", described(f"{optimizer.kind} lr", optimizer.learning_rate)
    if isinstance(rate, OnPlateau):
        changing = {"learning_rate", *rate.state_dict()}
        return {
            name: f"OnPlateau { ({k: v for k, v in vars(rate).items() if k not in changing}) }",
            **own,
        }
    return {**_as_filed(described(name, rate)), **own}


def _as_filed(lines: dict[str, JSON]) -> dict[str, JSON]:
    """Lines of a schedule, with ``lr`` for ``learning_rate``, as in files of earlier versions."""
    rates = re.compile(r"\b(Constant|StepDecay|Cosine)\(learning_rate=")
    return {
        re.sub(r"(?<=.) learning_rate$", " lr", key): rates.sub(r"\1(lr=", line)
        if isinstance(line, str)
        else line
        for key, line in lines.items()
    }


def of_optimizer(optimizer: Optimizer) -> dict[str, JSON]:
    """An optimiser's rule, options and parameters, without its rate."""
    lines: dict[str, JSON] = {
        "optimizer": optimizer.kind,
        "optimized parameters": ", ".join(optimizer.params),
    }
    for name, value in optimizer.hyperparameters().items():
        if name != "learning_rate":
            lines |= described(f"{optimizer.kind} {name}", value)
    for pattern, options in optimizer.groups.items():
        for name, option in options.items():
            lines |= described(f"{optimizer.kind} group {pattern!r} {name}", option)
    return lines


def of_settings(settings: Mapping[str, object]) -> Identity:
    """Parts that are a single setting each."""
    return {name: described(name, value) for name, value in settings.items()}


def of_chunks(checkpoint: ScheduleLike | Plan, chunk: int | None) -> Identity:
    """The length of chunks, however it was chosen; and a schedule that rebuilds, if it does."""
    if isinstance(checkpoint, Plan):
        return {"chunk": {"chunk": checkpoint.chunk}, "checkpoint": {"budget": checkpoint.budget}}
    if is_budget(checkpoint):
        return {
            "chunk": {"chunk": "by the budget"},
            "checkpoint": {"budget": parse_budget(checkpoint)},
        }
    lines: dict[str, JSON] = {"budget": None}
    if _rebuilds(checkpoint):
        lines |= described("checkpoint", checkpoint)
    length = "by the model's shape" if chunk is None else chunk
    return {"chunk": {"chunk": length}, "checkpoint": lines}


def _rebuilds(checkpoint: ScheduleLike) -> bool:
    """True if a schedule rebuilds tapes, which agrees with recording them only to rounding."""
    try:
        actions: Iterable[object] = resolve(checkpoint, 7) if callable(checkpoint) else checkpoint
        return any(isinstance(action, Rebuild) for action in islice(actions, 10_000))
    except (TypeError, ValueError):  # one that says at the first step what it cannot do
        return False


def of_surroundings() -> Identity:
    """What else decides bits: backend, libraries, processor, threads of BLAS where they count."""
    chosen = as_backend(None)
    backend = chosen.name
    # What is not exact has a line, which snapshots of other runs do not have.
    exact = chosen.precision == "float32"
    rounding: dict[str, JSON] = {} if exact else {"precision": chosen.precision}
    rounding |= {"tape_bits": chosen.tape_bits} if chosen.short_tapes else {}
    extensions = np.show_config(mode="dicts")["SIMD Extensions"]
    processor: dict[str, JSON] = {"processor": " ".join(extensions.get("found", ()))}
    if backend == "llvm":
        _, name, _, compiler = machine()
        processor |= {
            "processor of kernels": f"{name}, vectors of {vector_bytes()} bytes",
            "LLVM": compiler,
        }
    libraries: dict[str, JSON] = {"NumPy": np.__version__, "rnnbp's numbers": VERSION}
    for pool in _blas():
        threads = "" if backend == "llvm" else f", {pool['num_threads']} threads"
        libraries["BLAS"] = (
            f"{pool['internal_api']} {pool['version']} {pool.get('architecture', '')}{threads}"
        )
    return {
        "backend": {"backend": backend, **rounding},
        "processor": processor,
        "libraries": libraries,
    }


def _blas() -> Iterator[dict[str, JSON]]:
    """NumPy's BLAS, if it can be identified; SciPy has its own."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    yield from [pool for pool in pools if "numpy" in str(pool["filepath"])] or pools[:1]

"""Networks over time on data large enough to weigh: what they hold, as told and as tracemalloc finds."""

from __future__ import annotations

import gc
import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from unittest.mock import patch

import numpy as np

import rnnbp as rb
from rnnbp.memory import measure
from rnnbp.schedules import resolve
from rnnbp.sweeps.blocks import Place
from rnnbp.sweeps.joint_ledger import JointLedger, forecasts_of
from rnnbp.sweeps.network_run import NetworkRun
from rnnbp.sweeps.stage_bytes import bytes_of
from tests.over_time_layers import SYMBOLS
from tests.over_time_reference import as_graph, axis_of

STEPS = {"time": 1600, "source": 960}
BATCH, CHUNK = 16, 32
IN, N = 24, 32
"""Features of inputs and states: more than those of the tables of models, whose chunks weigh as
little as Python's objects."""
MSE = rb.losses.MeanSquaredError()


@dataclass
class Bytes:
    """Bytes of a run.

    Attributes:
        forecast: of arrays, before it.
        ledger: of arrays, by the run's own count.
        objects: of Python's, as the run tells.
        traced: of both, by tracemalloc.
    """

    forecast: int
    ledger: int
    objects: int
    traced: int

    @property
    def off(self) -> int:
        """How far tracemalloc is from what is told, beyond 1 % or 64 KiB."""
        told = self.ledger + self.objects
        return max(0, abs(self.traced - told) - max(told // 100, 2**16))


@dataclass
class Problem:
    """A network with data."""

    model: Any
    x: Any
    target: Any
    loss: Any
    options: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[str, int] = field(default_factory=lambda: STEPS)

    def run(self, **options: Any) -> rb.Gradients:
        given = {"chunk": CHUNK, **self.options, **options}
        return rb.bptt(self.model, self.x, self.target, self.loss, **given)

    @property
    def ahead(self) -> dict[str, Any]:
        """The arguments of ``plan`` for it."""
        graph, options = as_graph(self.model), self.options
        axes = {axis_of(graph, k) for k, per in enumerate(graph.pers) if per == "step"}
        steps = {axis: self.steps[axis] for axis in sorted(axes)}
        lengths, reset = options.get("lengths"), bool(options.get("reset"))
        return {"steps": steps, "batch": BATCH, "lengths": lengths, "reset": reset}

    def bytes(self, *, disk: bool = False, **options: Any) -> Bytes:
        """Those of a run that is not the first of its kind.

        Args:
            disk: True for edges in files.
        """
        with edges_on_disk() if disk else nullcontext(), watched() as runs:
            stats = self.run(**options).stats
            forecast = forecast_of(runs[0])
            runs.clear()
            rb.release_memory()
            gc.collect()
            with measure() as used:
                self.run(**options)
        return Bytes(forecast, stats.peak_bytes, stats.object_bytes, used.peak_bytes)


def edges_on_disk() -> Any:
    """A context in which edges are in files, as where a plan finds that they do not fit."""
    engine: Any = importlib.import_module("rnnbp.sweeps.engine")
    scheduled = engine.scheduled

    def on_disk(*args: Any) -> Any:
        network, wanted, schedules = scheduled(*args)
        return network, replace(wanted, place=Place(disk=True)), schedules

    return patch.object(engine, "scheduled", on_disk)


def wide_models(randoms: int) -> dict[str, Callable[[], Any]]:
    """The models of the tables, and random ones, with ``IN`` and ``N`` features."""
    names = [f"tests.over_time_{part}" for part in ("layers", "attention", "models", "random")]
    own = {name: sys.modules.pop(name, None) for name in names}
    try:
        layers: Any = importlib.import_module(names[0])
        layers.IN, layers.N = IN, N
        layers.dense.__defaults__ = N, N
        for recurrent in (layers.lstm, layers.gru, layers.rnn):
            recurrent.__defaults__ = IN, N
        models, networks = (importlib.import_module(name) for name in names[2:])
    finally:
        sys.modules.update({name: module for name, module in own.items() if module is not None})
    found = dict(models.EVERY)
    found |= {f"random {k}": lambda k=k: networks.network(k) for k in range(randoms)}
    return found


@contextmanager
def watched() -> Iterator[list[NetworkRun]]:
    """The runs of networks within it."""
    kept: list[NetworkRun] = []
    forward = NetworkRun.forward

    def noted(self: NetworkRun) -> None:
        kept.append(self)
        forward(self)

    with patch.object(NetworkRun, "forward", noted):
        yield kept


def forecast_of(run: NetworkRun) -> int:
    """The bytes of arrays of a run, by arithmetic."""
    found = bytes_of(run.network, run.stages, run.wanted)
    sweeps = enumerate(found.sweeps)
    schedules = [resolve(run.schedules(k), each.rows.chunks) for k, each in sweeps]
    return JointLedger(found, forecasts_of(found, schedules)).peak


def problem_of(
    model: Any, *, ragged: bool = True, resets: bool = False, most: Mapping[str, int] = STEPS
) -> Problem:
    """A network with random data of at ``most`` steps by axis, and the mean square of each output."""
    graph, rng = as_graph(model), np.random.default_rng(5)
    series = [k for k, per in enumerate(graph.pers) if per == "step"]
    steps = {axis: most[axis] for axis in sorted({axis_of(graph, k) for k in series})}
    inputs = [_input(graph, k, most, rng) for k in range(len(graph.pers))]
    options: dict[str, Any] = {}
    if ragged:
        options["lengths"] = {a: rng.integers(n // 4, n + 1, BATCH) for a, n in steps.items()}
    if resets:
        options["reset"] = {a: rng.random((n, BATCH)) < 0.1 for a, n in steps.items()}
    x = tuple(inputs) if len(inputs) > 1 else inputs[0]
    y, _ = rb.predict(model, x, **options)
    if isinstance(y, dict):
        target: Any = {key: np.zeros_like(part) for key, part in y.items()}
        return Problem(model, x, target, dict.fromkeys(y, MSE), options, most)
    if isinstance(y, tuple):
        target = tuple(np.zeros_like(part) for part in y)
        return Problem(model, x, target, (MSE,) * len(y), options, most)
    return Problem(model, x, np.zeros_like(y), MSE, options, most)


def _input(graph: Any, k: int, most: Mapping[str, int], rng: np.random.Generator) -> Any:
    shape = graph.input_shapes[k]
    shape = (IN,) if shape is None else shape
    lead = (most[axis_of(graph, k)], BATCH) if graph.pers[k] == "step" else (BATCH,)
    return rng.normal(size=(*lead, *shape)) if shape else rng.integers(0, SYMBOLS, lead)

"""Data for networks over time: sizes, lengths, resets, targets, each from fixed numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple
from unittest.mock import patch

import numpy as np

import rnnbp as rb
from tests.over_time_gradients import Array, Reference, Wanted
from tests.over_time_layers import SYMBOLS
from tests.over_time_models import EVERY
from tests.over_time_reference import Given, Row, as_graph, axis_of


class Size(NamedTuple):
    """Steps and lengths by axis; no lengths to pass none."""

    batch: int
    steps: Mapping[str, int]
    lengths: Mapping[str, list[int]]


SIZES: dict[str, Size] = {
    "ragged": Size(4, {"time": 7, "source": 5}, {"time": [3, 7, 1, 5], "source": [5, 1, 4, 2]}),
    "whole": Size(3, {"time": 5, "source": 4}, {}),
    "one step": Size(2, {"time": 1, "source": 1}, {}),
    "lengths of one": Size(3, {"time": 5, "source": 3}, {"time": [1, 1, 1], "source": [1, 1, 1]}),
    "one length": Size(3, {"time": 6, "source": 5}, {"time": [4, 4, 4], "source": [3, 3, 3]}),
    "one row": Size(1, {"time": 6, "source": 4}, {"time": [5], "source": [3]}),
}


@dataclass
class Case:
    """A model and what it is run on.

    Attributes:
        given: its inputs, lengths and resets, as the reference takes them.
        wanted: of each output.
        options: lengths and resets as the library takes them.
    """

    model: Any
    given: Given
    wanted: list[Wanted]
    options: dict[str, Any] = field(default_factory=dict)
    series: tuple[bool, ...] = ()
    """By output, whether it is a series."""
    backend: str = "interpreter"
    """By default nothing is compiled, which takes longer than such runs."""

    @property
    def x(self) -> Any:
        """An array, or a tuple of several in order."""
        inputs = tuple(self.given.inputs)
        return inputs if len(inputs) > 1 else inputs[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Of the outputs, if they have some."""
        found = getattr(self.model, "output_names", ())
        return found if all(found) else ()

    def _form(self, parts: list[Any]) -> Any:
        if self.names:
            return dict(zip(self.names, parts, strict=True))
        return tuple(parts) if len(parts) > 1 else parts[0]

    @property
    def target(self) -> Any:
        return self._form([each.target for each in self.wanted])

    @property
    def loss(self) -> Any:
        losses = {"mse": rb.losses.MeanSquaredError(), "ce": rb.losses.CrossEntropy()}
        if len(self.wanted) == 1:
            return losses[self.wanted[0].kind]
        return self._form([(each.weight, losses[each.kind]) for each in self.wanted])

    @property
    def mask(self) -> Any:
        masks = [each.mask for each in self.wanted]
        return None if all(mask is None for mask in masks) else self._form(masks)

    def bptt(self, **options: Any) -> rb.Gradients:
        """The library's run."""
        masked = {} if self.mask is None else {"mask": self.mask}
        given = {"chunk": 2, "seed": self.given.seed, **masked, **self.options, **options}
        with self._environment():
            return rb.bptt(self.model, self.x, self.target, self.loss, **given)

    def _environment(self) -> Any:
        """Where runs are by its backend: ``predict`` has no argument for it."""
        return patch.dict(os.environ, {"RNNBP_BACKEND": self.backend})

    def predict(self, **options: Any) -> tuple[list[Array], Any]:
        """(outputs in order, states) of the library."""
        given = {"chunk": 2, "training": True, "seed": self.given.seed, **self.options, **options}
        with self._environment():
            y, state = rb.predict(self.model, self.x, **given)
        parts = y.values() if isinstance(y, dict) else y if isinstance(y, tuple) else [y]
        return list(parts), state

    def by(self, backend: str) -> Case:
        """The same, run by a backend."""
        return replace(self, backend=backend)

    def reference(self) -> Reference:
        return Reference(self.model, self.given, self.wanted)

    def grads(self, found: rb.Gradients) -> dict[str, Array]:
        """Gradients of the library by the reference's names."""
        dx: Any = found.dx
        parts = dx.values() if isinstance(dx, dict) else dx if isinstance(dx, tuple) else (dx,)
        grads = dict(found.grads)
        grads |= {f"x{k}": part for k, part in enumerate(parts) if part is not None}
        for k, given in enumerate(self.given.state):
            for j, _ in enumerate(given or ()):
                grads[f"state{k}.{j}"] = found.dstate[k][j]
        return grads


def case(
    name: str,
    size: str = "ragged",
    *,
    resets: bool = False,
    masked: bool = False,
    seed: int = 0,
) -> Case:
    """A model of the table with data of a size."""
    return case_of(EVERY[name](), size, resets=resets, masked=masked, seed=seed)


def case_of(
    model: Any, size: str, *, resets: bool = False, masked: bool = False, seed: int = 0
) -> Case:
    """A model with data of a size. What is past a row's end is NaN, or no symbol."""
    chosen = SIZES[size]
    graph, rng = as_graph(model), np.random.default_rng(seed + 100)
    axes = {axis_of(graph, k) for k, per in enumerate(graph.pers) if per == "step"}
    lengths = {a: np.array(chosen.lengths[a]) for a in sorted(axes) if a in chosen.lengths}
    inputs = [_input(graph, k, chosen, lengths, rng) for k in range(len(graph.pers))]
    reset: dict[str, Array] = {}
    if resets:
        reset = {a: rng.random((chosen.steps[a], chosen.batch)) < 0.35 for a in sorted(axes)}
    given = Given(inputs, lengths, reset, seed=seed)
    rows = [Row(graph, given, b) for b in range(chosen.batch)]
    wanted = [_wanted(graph, k, rows, chosen, masked, rng) for k in range(len(graph.outputs))]
    options: dict[str, Any] = {}
    if lengths:
        options["lengths"] = lengths if len(axes) > 1 else next(iter(lengths.values()))
    if reset:
        options["reset"] = reset if len(axes) > 1 else next(iter(reset.values()))
    series = tuple(rows[0].values[k].per == "step" for k in graph.outputs)
    return Case(model, given, wanted, options, series)


def _input(
    graph: Any, k: int, size: Size, lengths: Mapping[str, Array], rng: np.random.Generator
) -> Array:
    shape, axis = graph.input_shapes[k], axis_of(graph, k)
    shape = (3,) if shape is None else shape
    series = graph.pers[k] == "step"
    lead = (size.steps[axis], size.batch) if series else (size.batch,)
    found: Array = rng.normal(size=(*lead, *shape)) if shape else rng.integers(0, SYMBOLS, lead)
    if series and axis in lengths:
        for b, length in enumerate(lengths[axis]):
            found[length:, b] = np.nan if shape else -1
    return found


def _wanted(
    graph: Any, at: int, rows: list[Row], size: Size, masked: bool, rng: np.random.Generator
) -> Wanted:
    """A target that fits an output, NaN past a row's end: classes for the first two of three."""
    item = rows[0].values[graph.outputs[at]]
    features = item.array.shape[1:] if item.per == "step" else item.array.shape
    lead = (size.steps[item.axis], size.batch) if item.per == "step" else (size.batch,)
    classes = len(graph.outputs) == 3 and features[0] > 1 and at < 2
    target: Array = (
        rng.integers(0, features[0], lead) if classes else rng.normal(size=(*lead, *features))
    )
    mask: Array | None = None
    if masked:
        mask = rng.random(lead) < 0.7
        mask.reshape(-1)[0] = True
    if item.per == "step":
        for row in rows:
            length = len(row.values[graph.outputs[at]].array)
            target[length:, row.row] = -1 if classes else np.nan
    weight = 1.0 if len(graph.outputs) == 1 else (0.5, 1.5, 0.75)[at]
    return Wanted(target, "ce" if classes else "mse", weight, mask)

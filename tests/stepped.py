"""What tests of ``Stepper`` share: the outputs of steps, and models with what they are given."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

import rnnbp as rb
from tests import attention_models, input_cells, models, parameter_models, several_inputs
from tests.helpers import reals

Array = np.ndarray
STEPS = 6


def steps_of(stepper: rb.Stepper, x: Any, steps: int) -> Any:
    """The outputs of single steps, (T, B, ...) each, in the form in which they come."""
    found = [copied(stepper.step(at(x, t))) for t in range(steps)]
    return joined(found)


def at(x: Any, t: int | slice) -> Any:
    """One step, or some, of one series, or of a tuple or dict of them."""
    each: Callable[[Array], Array] = lambda a: a[t]  # noqa: E731
    return mapped(each, x)


def copied(y: Any) -> Any:
    """Outputs of a step that the next does not change."""
    return mapped(np.copy, y)


def joined(found: list[Any]) -> Any:
    """Outputs of steps as series."""
    first = found[0]
    if isinstance(first, dict):
        return {name: np.array([y[name] for y in found]) for name in first}
    if isinstance(first, tuple):
        return tuple(np.array(each) for each in zip(*found, strict=True))
    return np.array(found)


def mapped(function: Callable[[Any], Any], given: Any) -> Any:
    """A function of an array, or of each of a tuple or dict."""
    if isinstance(given, dict):
        return {name: function(part) for name, part in given.items()}
    return tuple(map(function, given)) if isinstance(given, tuple) else function(given)


def arrays(given: Any) -> list[Array]:
    """All arrays of outputs, or of a state."""
    if isinstance(given, dict):
        return [a for part in given.values() for a in arrays(part)]
    return [a for part in given for a in arrays(part)] if isinstance(given, tuple) else [given]


class Given(NamedTuple):
    """A model, with inputs at each step (T, B, ...), static ones, and all as predict takes them."""

    model: Any
    x: Any
    static: Any
    all: Any


def by_name(model: Any, given: dict[str, Array], static: set[str]) -> Given:
    """Of inputs by name."""
    x = {name: a for name, a in given.items() if name not in static}
    fixed = {name: a for name, a in given.items() if name in static}
    return Given(model, x, fixed or None, given)


def of_several(name: str, batch: int) -> Given:
    """A model of ``several_inputs``."""
    make, names = several_inputs.MODELS[name]
    given = several_inputs.data(name, STEPS, batch, 5).inputs
    static = [given[k] for k in names.split() if k == "s"]
    x = tuple(given[k] for k in names.split() if k != "s")
    return Given(make(5), x, static[0] if static else None, several_inputs.named(name, given))


def of_parameters(name: str, batch: int) -> Given:
    """A model of ``parameter_models``."""
    given, _ = parameter_models.data(name, STEPS, batch, 5)
    static = given[1] if isinstance(given, tuple) else None
    x = given[0] if isinstance(given, tuple) else given
    return Given(parameter_models.MODELS[name](5), x, static, given)


def of_attention(name: str, batch: int) -> Given:
    """A model of ``attention_models``, by dot products."""
    given, _ = attention_models.data(name, "dot", STEPS, batch)
    in_order = tuple(given.values())
    return Given(attention_models.MODELS[name]("dot"), given["x"], in_order[1:], in_order)


def of_cell(name: str, batch: int) -> Given:
    """A cell of ``input_cells``."""
    cell = input_cells.CELLS[name](4)
    pers = cell.pers[: cell.n_inputs]
    lead = {"step": (STEPS, batch), "sequence": (batch,)}
    every = tuple(
        reals(*lead[per], *(shape or ()), seed=k, dtype=cell.dtype or "float64")
        for k, (per, shape) in enumerate(zip(pers, cell.input_shapes, strict=False))
    )
    x = tuple(a for a, per in zip(every, pers, strict=True) if per == "step")
    static = tuple(a for a, per in zip(every, pers, strict=True) if per != "step")
    whole = every if len(every) > 1 else every[0]
    return Given(rb.Recurrent(cell), x if len(x) > 1 else x[0], static or None, whole)


def two_outputs(dtype: str = "float32") -> rb.Graph:
    """Two outputs by name; a Recurrent that starts from a static value."""
    x, s = rb.Input(3, "x"), rb.Input(4, "s", per="sequence")
    start = rb.Tanh()(rb.Dense(4, 5, rng=1, dtype=dtype)(s))
    a = rb.LSTM(3, 5, rng=2, dtype=dtype)(x, state=(start, None))
    b = rb.GRU(5, 4, rng=3, dtype=dtype)(a)
    return rb.Graph(
        (x, s), {"a": rb.Dense(5, 2, rng=4, dtype=dtype)(a), "b": b + s, "start": start}
    )


def of_two_outputs(batch: int) -> Given:
    given = {
        "x": reals(STEPS, batch, 3, dtype="float32"),
        "s": reals(batch, 4, dtype="float32", seed=1),
    }
    return by_name(two_outputs(), given, {"s"})


def of_model(name: str, batch: int) -> Given:
    """A model of ``models`` of more than a cell."""
    made: dict[str, tuple[Callable[[], Any], tuple[int, ...] | None]] = {
        "stack": (models.stack, None),
        "conv stack": (models.conv_stack, (1, 12)),
        "residual": (models.residual, (3,)),
    }
    make, shape = made[name]
    x: Array = np.random.default_rng(0).integers(0, 7, (STEPS, batch))
    if shape is not None:
        x = reals(STEPS, batch, *shape, dtype="float32")
    return Given(make(), x, None, x)


MADE: list[tuple[str, Callable[[str, int], Given], list[str]]] = [
    ("several", of_several, list(several_inputs.MODELS)),
    ("parameters", of_parameters, list(parameter_models.MODELS)),
    ("attention", of_attention, list(attention_models.MODELS)),
    ("inputs", of_cell, list(input_cells.CELLS)),
    ("model", of_model, ["stack", "conv stack", "residual"]),
]
GIVEN: dict[str, Callable[[int], Given]] = {"two outputs": of_two_outputs} | {
    f"{kind}: {name}": partial(of, name) for kind, of, names in MADE for name in names
}
"""By name, what makes a model for a number of sequences."""

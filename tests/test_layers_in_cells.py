"""Every layer inside a cell: the three backends agree, and all but a few run as machine code."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from importlib.util import find_spec
from itertools import islice
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.numerics import Shape
from tests.helpers import assert_close
from tests.layer_case import Case
from tests.layer_cases import CASES

PYTHON = "Conv1D Conv2D MaxPool AvgPool Embedding OneHot"
"""Layers that run as Python in cells."""
COMPILED = ["numpy", *(["llvm"] if find_spec("llvmlite") else [])]
LOWERED = [case for case in CASES if type(case.build("float64")).__name__ not in PYTHON.split()]
in_cells = pytest.mark.parametrize("case", LOWERED, ids=[case.id for case in LOWERED])
FEW = [case for case in LOWERED if "-" not in case.id]


def flat(value: Any, shape: Shape) -> Any:
    """A value as features (n,)."""
    return value if len(shape) == 1 else rb.Reshape(shape, math.prod(shape))(value)


def applied(case: Case, parts: Sequence[Any]) -> list[Any]:
    """The outputs of a layer on values (n,), as such values; its parameters are drawn."""
    layer = case.build("float64")
    for k, array in enumerate(layer.params.values()):
        array[...] = np.random.default_rng(k).normal(size=array.shape)
    taken = [
        part if len(shape) == 1 else rb.Reshape(math.prod(shape), shape)(part)
        for part, shape in zip(parts, case.shapes, strict=True)
    ]
    found = layer(*taken)
    return [flat(value, value.shape) for value in (found if isinstance(found, tuple) else (found,))]


def cell_of(*cases: Case, wide: int = 0) -> rb.Recurrent:
    """A cell that applies layers to what it makes of x and a state; their outputs feed the state."""
    sizes = [math.prod(shape) for case in cases for shape in case.shapes]
    n = sum(sizes) + wide
    x, h = rb.Input(3), rb.State(n, "h")
    options: Any = {"dtype": "float64", "rng": 3}
    mixed = rb.Tanh()(rb.Dense((3, n), n, **options)(x, h))
    # From 0.1 to 2.1, where all layers are defined.
    parts = iter(rb.Split(*sizes, wide + 1)(rb.Concat(n, 1)(mixed + 1.1, rb.Slice(n, 0, 1)(mixed))))
    ends = [end for case in cases for end in applied(case, [*islice(parts, len(case.shapes))])]
    terms = [rb.Dense(end.shape[0], n, **options)(end) for end in ends]
    new = rb.Tanh()(reduce(lambda a, b: a + b, [*terms, mixed]))
    output = rb.Concat(n, *(end.shape[0] for end in ends))(new, *ends)
    return rb.Recurrent(rb.Cell(x, {h: new}, output=output))


def gradients(model: rb.Recurrent, backend: str) -> rb.Gradients:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(7, 3, 3))
    y, _ = rb.predict(model, x)
    target = rng.normal(size=y.shape)
    loss = rb.losses.MeanSquaredError()
    return rb.bptt(model, x, target, loss, chunk=3, backend=backend)


def agree(found: rb.Gradients, expected: rb.Gradients) -> None:
    assert_close(found, expected, rtol=1e-11)
    assert found.dx is not None
    assert expected.dx is not None
    np.testing.assert_allclose(
        found.dx, expected.dx, rtol=0, atol=1e-11 * np.abs(expected.dx).max()
    )


def test_no_layer_but_a_few_runs_as_python() -> None:
    assert "runs as Python" not in str(rb.explain(cell_of(*LOWERED)))


@pytest.mark.long
@pytest.mark.parametrize("backend", COMPILED)
def test_backends_agree_on_a_cell_of_all_layers(backend: str) -> None:
    model = cell_of(*FEW)
    agree(gradients(model, backend), gradients(model, "interpreter"))


@pytest.mark.long
@in_cells
@pytest.mark.parametrize("backend", COMPILED)
def test_backends_agree(case: Case, backend: str) -> None:
    model = cell_of(case)
    agree(gradients(model, backend), gradients(model, "interpreter"))


@pytest.mark.long
@in_cells
def test_backends_agree_on_wide_cells(case: Case) -> None:
    model = cell_of(case, wide=150)
    found = gradients(model, "interpreter")
    for backend in COMPILED:
        agree(gradients(model, backend), found)


@pytest.mark.long
@in_cells
def test_gradients_are_those_of_complex_steps(case: Case) -> None:
    x = np.random.default_rng(2).normal(size=(3, 2, 3))
    assert rb.check_grads(cell_of(case), x).worst < 1e-12

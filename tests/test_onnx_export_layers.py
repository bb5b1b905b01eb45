"""Every public layer, and every primitive, has a form in ONNX with the numbers of predict."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.compiler.operations import PRIMITIVES
from rnnbp.interchange.onnx_out.primitives import FORMS
from rnnbp.layers.primitives import Primitives
from tests.arithmetic_cases import ARITHMETIC
from tests.helpers import reals
from tests.layer_case import Case
from tests.layer_cases import CASES as LAYERS
from tests.matrix_cases import MATRICES
from tests.models import conv_cell, conv_stack, residual, stack
from tests.onnx_runs import agree, randomised, session

pytest.importorskip("onnx")
BROKEN = "Dense-one-of-several"
"""A Dense of a list of one size, by itself, which predict does not run."""
CASES = [case for case in (*LAYERS, *ARITHMETIC, *MATRICES) if case.id != BROKEN]
KINDS = {type(case.build("float32")).__name__: case for case in CASES}
"""By class, one case."""
BY_METHOD = {"linear", "bias", "gain", "times", "plus", "part", "same", "concat", "additive"}
"""Primitives that take a parameter, or change a shape alone, by methods of ``Primitives``."""


def as_graph(case: Case, *, static: bool = False) -> tuple[Any, dict[str, np.ndarray]]:
    """A graph of one layer with random parameters, and its inputs; those after x may be static."""
    layer = case.build("float32")
    for k, array in enumerate(layer.params.values()):
        array[...] = 0.5 * reals(*array.shape, seed=k)
    pers = ["sequence" if static and k else "step" for k, _ in enumerate(case.shapes)]
    values = [rb.Input(s, f"x{k}", per=pers[k]) for k, s in enumerate(case.shapes)]  # type: ignore[arg-type]
    made: Any = layer(*values)
    outs = {f"y{k}": v for k, v in enumerate(made)} if isinstance(made, tuple) else made
    drawn = case.inputs((5, 3), "float32")
    arrays = [x[0] if per == "sequence" else x for x, per in zip(drawn, pers, strict=True)]
    return rb.Graph(values, outs), {f"x{k}": x for k, x in enumerate(arrays)}


def test_the_cases_have_every_public_layer() -> None:
    missing = set(rb.layers.__all__) - set(KINDS) - {"Layer", "Keeps"}
    assert not missing, f"{missing}: add a case, and a form in onnx_out if lower does not do"


def test_every_primitive_has_a_form() -> None:
    missing = set(PRIMITIVES) - set(FORMS) - BY_METHOD
    assert not missing, f"{missing}: add a form in onnx_out/primitives.py"
    assert all(hasattr(Primitives, name) for name in BY_METHOD)


@pytest.mark.parametrize("kind", KINDS)
def test_one_of_each_layer(kind: str, tmp_path: Path) -> None:
    graph, given = as_graph(KINDS[kind])
    agree(session(graph, tmp_path), graph, given)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_layers_in_all_options(case: Case, tmp_path: Path) -> None:
    graph, given = as_graph(case)
    agree(session(graph, tmp_path), graph, given)


@pytest.mark.long
@pytest.mark.parametrize("case", [c for c in CASES if len(c.shapes) > 1], ids=lambda case: case.id)
def test_layers_of_a_series_and_static_values(case: Case, tmp_path: Path) -> None:
    graph, given = as_graph(case, static=True)
    agree(session(graph, tmp_path), graph, given)


def test_layers_that_run_as_python_in_a_cell(tmp_path: Path) -> None:
    """Convolutions of the state within a Scan, of x outside it."""
    net = randomised(conv_cell(2, 6, "float32"))
    x = {"x": reals(5, 3, 1, 6, dtype="float32")}
    agree(session(net, tmp_path, lengths=True), net, x, lengths=np.array([5, 2, 3]))


def test_symbols_in_a_cell(tmp_path: Path) -> None:
    """A cell of integers, whose state does not depend on anything but x."""
    x, count = rb.Input((), "x"), rb.State(3, "count")
    new = count * 0.5 + rb.Embedding(7, 3, rng=0)(x)
    net = rb.Recurrent(rb.Cell(x, {count: new}, output=rb.OneHot(7)(x)))
    given = {"x": np.random.default_rng(0).integers(0, 7, (5, 3))}
    agree(session(net, tmp_path, states=True), net, given, state=[(reals(3, 3, dtype="float32"),)])


def test_a_stack_of_symbols_with_a_cell_of_ones_own(tmp_path: Path) -> None:
    """Dropout everywhere, which evaluation leaves out."""
    net, x = randomised(stack()), np.random.default_rng(0).integers(0, 7, (6, 4))
    agree(session(net, tmp_path, lengths=True), net, {"x": x}, lengths=np.array([6, 2, 1, 4]))


def test_a_stack_of_convolutions(tmp_path: Path) -> None:
    net, x = randomised(conv_stack()), reals(6, 4, 1, 10, dtype="float32")
    agree(session(net, tmp_path, shape=(1, 10)), net, {"x": x})


def test_skips_and_a_layer_used_twice(tmp_path: Path) -> None:
    net, x = randomised(residual()), reals(6, 4, 3, dtype="float32")
    agree(session(net, tmp_path), net, {"x": x})


def test_layers_in_double_precision(tmp_path: Path) -> None:
    """Within 1e-12, those too that onnxruntime runs by their operators in float32 alone."""
    layers = rb.ELU(0.7), rb.Softplus(), rb.LayerNorm(4, eps=1e-3, dtype="float64"), rb.LogSoftmax()
    wide = rb.Dense(7, 4, dtype="float64")
    net, x = randomised(rb.Sequential(rb.OneHot(7), wide, *layers)), np.arange(6).reshape(2, 3)
    agree(session(net, tmp_path), net, {"x": x})


def test_a_layer_of_ones_own_by_its_lower(tmp_path: Path) -> None:
    net = rb.Sequential(Doubled(), rb.RNN(3, 2, rng=0))
    agree(session(net, tmp_path), net, {"x": reals(6, 4, 3, dtype="float32")})


class Doubled(rb.Layer):
    """y = 2 x."""

    def forward(self, *xs: Any, **_: Any) -> tuple[Any, tuple[Any, ...]]:
        return 2 * xs[0], ()

    def backward_inputs(self, saved: Any, dy: Any) -> tuple[Any, ...]:
        return (2 * dy,)

    def output_shapes(self, *shapes: Any) -> tuple[Any, ...]:
        return shapes

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        return (ops.scale(xs[0], 2.0),)

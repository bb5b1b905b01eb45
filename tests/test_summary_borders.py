"""``model.summary()``: layers, shapes, parameters; bytes of forecast, operations of explain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.plain_layers import AsPython

LOSS = rb.losses.MeanSquaredError()


def test_the_table_of_a_model() -> None:
    model = rb.Sequential(
        rb.Embedding(50, 16), rb.LSTM(16, 64, name="encoder"), rb.Tanh(), rb.Dense(64, 50)
    )
    assert str(model.summary()) == repr(model.summary()) == TABLE.strip()


TABLE = """
Sequential: 25,042 parameters, 100 kB of float32

name     layer                         output      parameters
0        Embedding(50, 16)             (T, B, 16)         800
encoder  LSTM(16, 64, name='encoder')  (T, B, 64)      20,992
2        Tanh()                        (T, B, 64)           0
3        Dense(64, 50)                 (T, B, 50)       3,250
"""


@pytest.mark.quick
def test_the_table_with_steps_and_batch() -> None:
    x, h = rb.Input(3), rb.State(4, "h")
    cell = rb.Cell(
        x, {h: rb.Dense((3, 4), 4, bias=False)(x, h)}, output=h
    )  # y is the state before the step
    found = rb.Sequential(rb.Recurrent(cell), rb.Dense(4, 2)).summary(10, 2)
    first, second = found.rows
    assert first.flops == 10 * 2 * (2 * 3 * 4 + 2 * 4 * 4 + 4)  # two products and a sum
    assert second.flops == 10 * 2 * (2 * 4 * 2 + 2)
    assert second.kept_bytes == 0  # it runs again when its chunk goes backward
    assert found.flops == first.flops + second.flops
    end = (
        f"kept for backward of 10 steps and 2 sequences: {found.kept_bytes} B with all cached\n"
        "forward: 1.56 kFLOPs"
    )
    assert str(found).endswith(end)
    assert "1     Dense(4, 2)" in str(found)
    assert "(10, 2, 2)" in str(found)


def chain(*layers: Any) -> rb.Sequential:
    return rb.Sequential(*layers)


def branched() -> rb.Graph:
    x = rb.Input(8)
    a, b = rb.Split(4, 4)(x)
    return rb.Graph(x, rb.Dense((4, 4), 2)(rb.GRU(4, 4)(a), rb.Dense(4, 4)(b)))


def own_output() -> rb.Recurrent:
    x, h = rb.Input(3), rb.State(5, "h")
    h_new = AsPython(rb.GELU())(rb.Dense((3, 5), 5)(x, h))
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=rb.Dense(5, 2)(h_new)))


MODELS = {
    "lstm": lambda: rb.LSTM(3, 8),
    "head": lambda: chain(rb.LSTM(3, 8), rb.Dropout(0.3), rb.Dense(8, 4)),
    "layers before": lambda: chain(
        rb.Dense(3, 6), rb.Tanh(), rb.GRU(6, 8), rb.LayerNorm(8), rb.RNN(8, 4)
    ),
    "symbols": lambda: chain(rb.Embedding(7, 3), rb.LSTM(3, 8), rb.Dense(8, 7)),
    "branches": branched,
    "an own output": lambda: chain(own_output(), rb.Dense(2, 2)),
    "no state": lambda: chain(rb.Dense(3, 6), rb.Tanh(), rb.Dense(6, 2)),
    "float64": lambda: chain(
        rb.LSTM(3, 8, dtype="float64", initial="learned"), rb.Dense(8, 2, dtype="float64")
    ),
    "dropout before": lambda: chain(rb.Dense(3, 6), rb.Dropout(0.5), rb.LSTM(6, 4)),
}


@pytest.mark.parametrize(
    ("batch", "chunk", "lengths"), [(3, None, (32, 32, 6)), (1, 4, (4, 2)), (2, 9, (5,))]
)
@pytest.mark.parametrize("name", MODELS)
def test_bytes_are_those_of_the_forecast(
    name: str, batch: int, chunk: int | None, lengths: tuple[int, ...]
) -> None:
    model = MODELS[name]()
    found = model.summary(sum(lengths), batch, chunk=chunk)
    tapes = [
        rb.forecast(model, LOSS, steps=n, batch=batch, chunk=n).peak_bytes_by_kind.get("tape", 0)
        for n in lengths
    ]
    assert found.kept_bytes == sum(tapes)
    assert found.kept_bytes == sum(row.kept_bytes for row in found.rows)
    params = model.params.values()
    assert (found.parameters, found.parameter_bytes) == (
        sum(p.size for p in params),
        sum(p.nbytes for p in params),
    )


@pytest.mark.parametrize("name", ["lstm", "head", "symbols", "an own output"])
def test_operations_of_a_cell_are_those_of_explain(name: str) -> None:
    model = MODELS[name]()
    (row,) = (
        row for row in model.summary(70, 3).rows if row.layer.startswith(("LSTM", "Recurrent"))
    )
    assert row.flops == 70 * rb.explain(model, batch=3).flops_per_step > 0


def test_layers_that_run_as_python_are_named() -> None:
    found = chain(rb.LSTM(3, 8), AsPython(rb.Tanh()), rb.Dense(8, 4)).summary(10, 2)
    assert found.uncounted == ("AsPython()",)
    assert found.rows[1].flops is None
    assert str(found).endswith("FLOPs, without AsPython()")
    assert MODELS["an own output"]().summary(10, 2).uncounted == ("AsPython()",)


def test_operations_of_a_random_layer_are_counted() -> None:
    found = MODELS["head"]().summary(10, 2)
    assert (found.uncounted, found.rows[1].layer) == ((), "Dropout(0.3)")
    assert found.rows[1].flops == 10 * 2 * 8 * 3  # numbers below p are 0, scaled, times x


def test_operations_of_convolutions_and_of_what_only_moves_numbers() -> None:
    model = rb.Sequential(rb.Conv2D(2, 3, 3, padding=1), rb.Flatten(3), rb.Dense(3 * 5 * 5, 2))
    conv, flat, dense = model.summary(4, 2, x_shape=(2, 5, 5)).rows
    assert (conv.outputs, flat.outputs, dense.outputs) == (((3, 5, 5),), ((75,),), ((2,),))
    assert conv.flops == 4 * 2 * 75 * (2 * 2 * 3 * 3 + 1)
    assert flat.flops == 0
    assert dense.flops == 4 * 2 * (2 * 75 * 2 + 2)


def test_names_are_those_of_the_parameters() -> None:
    inner = rb.Sequential(rb.Dense(4, 4, name="a"), rb.Tanh(), rb.Dense(4, 2))
    model = rb.Sequential(rb.LSTM(3, 4), rb.Sequential(inner, rb.Tanh(), name="head"), branch())
    names = [row.name for row in model.summary().rows]
    assert names == ["0", "head.0.a", "head.0.1", "head.0.2", "head.1", "2.0", "2.1", "2.2"]
    owners = {path.rpartition(".")[0] for path in model.params}
    assert owners == {"0", "head.0.a", "head.0.2", "2.0", "2.1"}


def branch() -> rb.Graph:
    x = rb.Input(2)
    return rb.Graph(x, rb.Dense(2, 2)(x) + rb.Dense(2, 2)(x))


def test_a_layer_that_is_used_twice_counts_once() -> None:
    dense = rb.Dense(4, 4)
    found = rb.Sequential(dense, rb.Tanh(), dense).summary()
    assert [row.parameters for row in found.rows] == [20, 0, 0]
    assert found.parameters == 20


def test_tied_weights_count_once() -> None:
    one, two = rb.Dense(4, 4, bias=False), rb.Dense(4, 4, bias=False)
    two.params["weight"] = one.params["weight"]
    assert rb.Sequential(one, two).summary().parameters == 16


def test_a_cell_shows_the_layers_of_a_step() -> None:
    found = rb.LSTM(3, 8).cell.summary(20, 2)
    assert [(row.name, row.parameters) for row in found.rows[:4]] == [
        ("ih", 128),
        ("hh", 288),
        ("2", 0),
        ("3", 0),
    ]
    assert found.rows[3].outputs == ((8,),) * 4
    whole = rb.LSTM(3, 8).summary(20, 2)
    assert (found.kept_bytes, found.flops, found.parameters) == (
        whole.kept_bytes,
        whole.flops,
        whole.parameters,
    )


def test_a_graph_of_several_inputs_and_outputs() -> None:
    a, b = rb.Input(2), rb.Input(3)
    found = rb.Graph([a, b], [rb.Dense(2, 5)(a), rb.Dense((2, 3), 4)(a, b)]).summary()
    assert [(row.outputs, row.parameters) for row in found.rows] == [(((5,),), 15), (((4,),), 24)]


def test_a_shape_that_is_not_known() -> None:
    model = rb.Sequential(rb.Tanh(), rb.Conv2D(1, 2, 3))
    assert [row.outputs for row in model.summary().rows] == [(None,), (None,)]
    assert "(T, B, ...)" in str(model.summary())
    assert model.summary(x_shape=(1, 5, 5)).rows[1].outputs == ((2, 3, 3),)


class Own(rb.Layer):
    """A layer that does not declare what it keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.params = {}

    def forward(self, x: np.ndarray) -> Any:
        return x**2, (x,)

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return (2 * saved[0] * dy,)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def test_a_layer_that_does_not_declare_what_it_keeps() -> None:
    found = rb.Sequential(rb.Dense(3, 4), Own(), rb.LSTM(4, 5)).summary(10, 2)
    assert [row.kept_bytes is None for row in found.rows] == [False, True, False]
    assert found.kept_bytes is None
    assert "not known, because a layer does not declare it" in str(found)


@pytest.mark.parametrize(
    ("model", "given", "error", "text"),
    [
        (rb.LSTM(3, 4), {"steps": 5}, ValueError, "steps is given without batch; give both"),
        (rb.LSTM(3, 4), {"batch": 5}, ValueError, "batch is given without steps; give both"),
        (rb.LSTM(3, 4), {"steps": 0, "batch": 1}, ValueError, "summary: steps must be at least 1"),
        (rb.LSTM(3, 4), {"steps": 2, "batch": "a"}, TypeError, "summary: batch must be an integer"),
        (rb.LSTM(3, 4), {"x_shape": (4,)}, rb.ShapeError, "must have size 3, found 4"),
        (
            rb.Sequential(rb.Tanh(), rb.Conv2D(1, 2, 3)),
            {"steps": 2, "batch": 1},
            rb.ShapeError,
            "give x_shape",
        ),
        (
            rb.Tanh(),
            {"steps": 2, "batch": 1, "x_shape": (3,)},
            TypeError,
            "summary: .* has no parameters",
        ),
    ],
)
def test_what_it_refuses(model: Any, given: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        model.summary(**given)

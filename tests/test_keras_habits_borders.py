"""Slips of who comes from Keras or PyTorch, in networks and cells: each error says what to write."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import pytest

import rnnbp as rb


def model() -> rb.Sequential:
    return rb.Sequential(rb.LSTM(3, 4, rng=0), rb.Dense(4, 2, rng=0))


@pytest.mark.parametrize("name", ["weight", "bias", "weight_hh", "weight_ih_l0"])
@pytest.mark.parametrize("owner", [model, lambda: model()[0], lambda: model()[0].cell])
def test_weights_assigned_to_a_network_are_said_to_change_nothing(owner: Any, name: str) -> None:
    with pytest.warns(UserWarning, match=rf"\.{name} = \.\.\. changes no parameter; write into"):
        setattr(owner(), name, np.ones(3))


def test_other_attributes_of_a_network_and_those_of_a_class_of_ones_own_are_free() -> None:
    class Mine(rb.Sequential):
        def __init__(self) -> None:
            super().__init__(rb.RNN(3, 4))
            self.bias = False

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mine, net = Mine(), model()
        net.vocabulary = "abc"
    assert (mine.bias, net.vocabulary) == (False, "abc")


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("plan", "rnnbp.plan(model, loss, steps=T, batch=B, budget='64 MB')"),
        ("forecast", "rnnbp.forecast(model, loss, steps=T, batch=B)"),
        ("bptt", "rnnbp.bptt(model, x, target, loss)"),
        ("check_grads", "rnnbp.check_grads(model, x, target, loss)"),
        ("explain", "rnnbp.explain(model)"),
        ("compare", "rnnbp.compare.sweep(model, x, target, loss)"),
    ],
)
def test_functions_that_are_no_methods(name: str, call: str) -> None:
    text = re.escape(f"'Sequential' object has no attribute {name!r}; it is a function: {call}")
    with pytest.raises(AttributeError, match=f"^{text}$"):
        getattr(model(), name)


def test_values_in_a_list() -> None:
    x, h, d = rb.Input(3), rb.State(4), rb.Dense((3, 4), 4, rng=0)
    for block, values, call in (
        (d, [x, h], "found a list of 2; call layer(x, h), not layer([x, h])"),
        (rb.Add(), (h, h), "found a tuple of 2; call layer(x, h), not layer([x, h])"),
        (rb.LSTM(3, 4), [x], "found a list of 1; call layer(x), not layer([x])"),
        (model(), [x], "found a list of 1; call layer(x), not layer([x])"),
    ):
        text = f"^{re.escape(f'{block} takes its values one by one, {call}')}$"
        with pytest.raises(TypeError, match=text):
            block(values)  # type: ignore[operator]  # every layer and network is callable
    assert d(np.ones((2, 3)), [[1, 2, 3, 4], [5, 6, 7, 8]]).shape == (2, 4)


def test_states_and_what_follows_them_swapped() -> None:
    x, h = rb.Input(3), rb.State(4)
    new = rb.Tanh()(rb.Dense((3, 4), 4, rng=0)(x, h))
    with pytest.raises(ValueError, match=r"the keys of next_state are States, .* 0; swap the two$"):
        rb.Cell(x, {new: h}, new)
    with pytest.raises(ValueError, match=r"found a computed value as key 1$"):
        rb.Cell(x, {h: new, new: new}, new)


class Gain(rb.Layer):
    """The layer of help(rnnbp.Layer)."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.params = {"weight": np.ones(n, "float32")}

    def forward(self, x: np.ndarray, **context: Any) -> Any:
        return x * self.params["weight"], (x,)

    def backward_inputs(self, saved: Any, dy: np.ndarray) -> Any:
        return (dy * self.params["weight"],)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes

    def lower(self, ops: Any, x: int) -> Any:
        return (ops.gain(x, self.params, "weight"),)


def test_a_weight_of_the_wrong_size_in_a_cell_says_for_how_many_features() -> None:
    x, h = rb.Input(3), rb.State(48)
    new = rb.Tanh()(Gain(3)(rb.Dense((3, 48), 48, rng=0)(x, h)))
    cell = rb.Recurrent(rb.Cell(x, {h: new}, new))
    text = "weight has shape (3,), for 3 features, found 48; build the layer for 48 features, or"
    with pytest.raises(rb.ShapeError, match=re.escape(text)):
        rb.predict(cell, np.ones((4, 2, 3), np.float32))


def test_a_named_cell_of_ones_own_has_its_kind_in_the_summary() -> None:
    x, h = rb.Input(3), rb.State(4)
    new = rb.Tanh()(rb.Dense((3, 4), 4, rng=0)(x, h))
    leaky = rb.Recurrent(rb.Cell(x, {h: new}, new, name="leaky"), name="leaky")
    rows = rb.Sequential(leaky, rb.LSTM(4, 2, name="top")).summary().rows
    assert [(row.name, row.layer) for row in rows] == [
        ("leaky", "Recurrent(leaky)"),
        ("top", "LSTM(4, 2, name='top')"),
    ]


def test_bars_count_in_one_style(capsys: pytest.CaptureFixture[str]) -> None:
    x, y = np.ones((8, 2, 3), np.float32), np.zeros((8, 2, 2), np.float32)
    loss = rb.losses.MeanSquaredError()
    rb.fit(model(), rb.Sequences(x, y, batch_size=1), loss, epochs=2, progress=True)
    assert re.search(r"[\d?] steps/s", capsys.readouterr().err)
    x, y = np.ones((9, 2, 3), np.float32), np.zeros((9, 2, 2), np.float32)
    rb.compare.sweep(model(), x, y, loss, shares=[100], schedules=["all"], progress=True)
    assert re.search(r"[\d?] runs/s", capsys.readouterr().err)

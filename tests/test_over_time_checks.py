"""``check_grads`` of networks over time: every gradient by complex steps, within each row's length."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.bptt.networks import Data, Reading
from rnnbp.gradcheck.networks import CheckedNetwork
from rnnbp.layers.pointwise import Pointwise
from tests.over_time_cases import Case, case
from tests.over_time_choice import quickly
from tests.over_time_layers import IN, N, dense, gru, lstm
from tests.over_time_models import EVERY, WITH_RESETS

MSE = rb.losses.MeanSquaredError()


@pytest.fixture(autouse=True)
def nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")


def checked(one: Case, **options: Any) -> Any:
    given = {"chunk": 2, "mask": one.mask, **one.options, **options}
    return rb.check_grads(one.model, one.x, one.target, one.loss, **given)


@pytest.mark.parametrize("name", quickly(EVERY, "read both ways"))
def test_every_array_is_checked(name: str) -> None:
    one = case(name, masked=True)
    found = checked(one, samples=2)
    assert found.worst <= 1e-12
    names = [key for key in found.errors if key.startswith("x")]
    assert len(names) == sum(array.dtype.kind == "f" for array in one.given.inputs)
    assert set(found.errors) >= set(one.model.params)


@pytest.mark.long
@pytest.mark.grid
@pytest.mark.parametrize("name", EVERY)
def test_every_element(name: str) -> None:
    assert checked(case(name, seed=1), checkpoint="sqrt").worst <= 1e-12


@pytest.mark.long
@pytest.mark.grid
@pytest.mark.parametrize("size", ["ragged", "whole"])
@pytest.mark.parametrize("name", WITH_RESETS)
def test_with_resets(name: str, size: str) -> None:
    assert checked(case(name, size, resets=True), samples=20).worst <= 1e-12


@pytest.mark.long
@pytest.mark.parametrize("name", ["two axes", "several", "by state"])
def test_without_a_loss(name: str) -> None:
    one = case(name)
    found = rb.check_grads(one.model, one.x, chunk=3, samples=3, **one.options)
    assert found.worst <= 1e-12


def test_all_steps_of_each_row_are_varied_and_none_past_its_end() -> None:
    one = case("both")
    lengths = one.options["lengths"]
    data, reading = Data(one.x, one.target, one.loss, None), Reading(lengths=lengths, chunk=2)
    places = CheckedNetwork(one.model, data, reading, "all").case(np.dtype(complex)).places["x"]
    alive = np.broadcast_to((np.arange(7)[:, None] < lengths)[..., None], one.x.shape)
    np.testing.assert_array_equal(np.sort(places), np.flatnonzero(alive))


def test_states_that_are_given_to_a_run_and_those_of_the_graph() -> None:
    one = case("by state", "one step")
    start = (np.full((2, N), 0.5), np.full((2, N), -0.5))
    found = checked(one, samples=1, state=[start, None])
    assert {name for name in found.errors if name.startswith("state")} == {"state 0 h", "state 0 c"}


def test_penalties_of_values_that_are_not_trained() -> None:
    x = rb.Input(IN, "x")
    y = lstm(0)(x)
    a = rb.Penalty(l2=0.3)(rb.Tanh()(dense(1)(y)))
    model = rb.Graph(x, {"a": a, "b": dense(2)(y)})
    data = case("both")
    loss = {"a": None, "b": MSE + rb.losses.L2(0.1, "*weight*")}
    found = rb.check_grads(
        model, data.x, {"b": data.target}, loss, chunk=4, samples=1, **data.options
    )
    assert found.worst <= 1e-12


class Wrong(Pointwise):
    """An activation with a wrong derivative."""

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
        y = np.tanh(x)
        return y, (y,)

    def derivative(self, saved: tuple[np.ndarray, ...]) -> np.ndarray:
        return 1 - saved[0]


def wrong_head() -> Any:
    return rb.Sequential(rb.Bidirectional(lstm(0), gru(1)), Wrong(), rb.Last())


def wrong_cell() -> Any:
    x, a, h = rb.Input(IN, "x"), rb.Input(IN, "a"), rb.State(N, "h")
    h_new = Wrong()(dense(0, (IN, N))(a, h))
    cell = rb.Recurrent(rb.Cell(a, {h: h_new}, output=h_new), reverse=True)
    return rb.Graph(x, cell(x, return_state=True)[1])


@pytest.mark.parametrize("model", [wrong_head, wrong_cell])
def test_a_wrong_layer_is_named(model: Any) -> None:
    one = case("both")
    with pytest.raises(rb.GradientError, match=r"Wrong\(\), which are wrong alone too"):
        rb.check_grads(model(), one.x, samples=5, **one.options)


def test_errors_are_those_of_bptt() -> None:
    one = case("both")
    with pytest.raises(ValueError, match="lengths is 9 at sequence 1, beyond T = 7"):
        checked(one, lengths=[3, 9, 1, 5])
    with pytest.raises(rb.ShapeError, match="reset"):
        checked(one, reset=np.zeros((4, 7), bool))
    with pytest.raises(TypeError, match=r"a model of several inputs, found .* of one"):
        rb.check_grads(one.model, (one.x,), **one.options)


def test_a_model_of_one_direction_with_lengths() -> None:
    one = case("lstm")
    assert checked(one, samples=2, reset=np.eye(7, 4, dtype=bool)).worst <= 1e-12

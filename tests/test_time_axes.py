"""Time axes of series, and which graphs are networks over time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.axes import is_over_time, value_axes
from rnnbp.graph.value_pers import value_pers
from rnnbp.graph.values import Value


def test_a_series_has_the_axis_of_its_input() -> None:
    x, source = rb.Input(3, "x"), rb.Input(3, "source", axis="source")
    fixed = rb.Input(2, per="sequence")
    assert (x.axis, source.axis, fixed.axis) == ("time", "source", "")
    assert rb.Dense((3, 2), 4)(source, fixed).axis == "source"
    assert rb.LSTM(3, 4)(source).axis == "source"
    assert rb.Tanh()(fixed).axis == rb.Parameter(3).axis == rb.Last()(source).axis == ""


def test_a_graph_called_on_values_has_their_axis() -> None:
    inner = rb.Sequential(rb.Dense(3, 4), rb.GRU(4, 4))
    assert inner(rb.Input(3, axis="source")).axis == "source"


def test_the_state_of_a_cell_meets_series_of_any_axis() -> None:
    x, h = rb.Input(3, axis="source"), rb.State(4, "h")
    h_new = rb.Tanh()(rb.Dense((3, 4), 4)(x, h))
    rnn = rb.Recurrent(rb.Cell(x, {h: h_new}, h_new))
    assert rnn(rb.Input(3)).axis == "time"


def both_axes() -> tuple[Value, Value]:
    return rb.Input(3, "text", axis="source"), rb.Input(3, "y")


def static_memory(source: Value, y: Value) -> rb.Graph:
    """A sum over y that starts from the last step of the source."""
    rnn = rb.GRU(3, 3)
    _, state = rnn(source, return_state=True)
    return rb.Graph((source, y), rb.GRU(3, 3)(y, state=state))


def test_each_value_of_a_graph_has_an_axis_and_changes_as_often_as_it_should() -> None:
    graph = static_memory(*both_axes())
    assert value_axes(graph) == ("source", "time", "source", "", "time")
    assert value_pers(graph) == ("step", "step", "step", "sequence", "step")
    assert value_axes(rb.GRU(3, 4).cell)[:3] == ("time", "", "time")


MIXED: dict[str, Callable[[Value, Value], object]] = {
    "a sum": lambda a, b: a + b,
    "a layer": lambda a, b: rb.Dense((3, 3), 4)(a, b),
    "a Concat": lambda a, b: rb.Concat(3, 3)(rb.Tanh()(a), b),
    "a graph": lambda a, b: two_inputs()(a, b),
    "a Recurrent": lambda a, b: rb.Recurrent(paired())(a, b),
}


def two_inputs() -> rb.Graph:
    a, b = rb.Input(3), rb.Input(3)
    return rb.Graph((a, b), a * b)


def paired() -> rb.Cell:
    a, b, h = rb.Input(3, "a"), rb.Input(3, "b"), rb.State(3)
    return rb.Cell((a, b), {h: h + a * b}, h)


@pytest.mark.parametrize("case", MIXED)
def test_series_of_different_axes_do_not_meet(case: str) -> None:
    text = r"input 0 is <Value.*a series of axis 'source', input 1 is <Value y .*axis 'time'; .*same axis="
    with pytest.raises(ValueError, match=text):
        MIXED[case](*both_axes())


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"axis": ""}, "axis is the name of a time axis, found ''; give one as axis='source'"),
        ({"axis": 1}, "axis is the name of a time axis, found 1"),
        ({"per": "sequence", "axis": "source"}, "a static input .* has no time axis, found axis='source'"),
    ],
)  # fmt: skip
def test_an_axis_is_a_name_of_a_series(options: dict[str, object], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        rb.Input(3, **options)  # type: ignore[arg-type]  # what is refused


def reverse_in_a_graph() -> rb.Graph:
    return rb.Sequential(rb.Dense(3, 3), rb.LSTM(3, 4, reverse=True))


def several_outputs() -> rb.Graph:
    y = rb.LSTM(3, 4)(x := rb.Input(3))
    return rb.Graph(x, (rb.Dense(4, 2)(y), y))


OVER_TIME: dict[str, Callable[[], rb.Graph]] = {
    "reverse": reverse_in_a_graph,
    "several axes": lambda: static_memory(*both_axes()),
    "a state passed on": lambda: static_memory(rb.Input(3), rb.Input(3)),
    "a last step": lambda: rb.Sequential(rb.GRU(3, 4), rb.Last()),
    "several outputs": several_outputs,
    "a memory": lambda: rb.Graph(x := rb.Input(3), rb.WholeSeries()(rb.GRU(3, 4)(x))[1]),
}


@pytest.mark.parametrize("case", OVER_TIME)
def test_networks_over_time_are_known(case: str) -> None:
    assert is_over_time(OVER_TIME[case]())


def test_a_reverse_recurrent_alone_is_a_network_over_time() -> None:
    graph = [rb.Graph.of_one(rb.GRU(3, 4, reverse=reverse)) for reverse in (True, False)]
    assert [is_over_time(each) for each in graph] == [True, False]


def test_models_of_one_sweep_are_none() -> None:
    x, fixed = rb.Input(3), rb.Input(2, per="sequence")
    assert not is_over_time(rb.Graph((x, fixed), rb.Dense((3, 2), 4)(x, fixed)))
    assert not is_over_time(rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2)))


def test_a_model_of_another_axis_runs_as_any() -> None:
    x = rb.Input(3, axis="source")
    model, given = rb.Graph(x, rb.GRU(3, 4, rng=0)(x)), np.ones((5, 2, 3), "float32")
    assert not is_over_time(model)
    assert np.array_equal(rb.predict(model, given)[0], rb.predict(rb.GRU(3, 4, rng=0), given)[0])

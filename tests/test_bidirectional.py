"""Bidirectional: its nodes, paths, states and refusals; outputs by name."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.rewritten import recurrent_of

OWN = ["weight_ih", "bias_ih", "weight_hh", "bias_hh"]


def layer(merge: str = "concat", **options: Any) -> rb.Bidirectional:
    return rb.Bidirectional(rb.GRU(3, 4), rb.GRU(3, 4), merge, **options)


@pytest.mark.parametrize(
    ("merge", "size", "layers"),
    [
        ("concat", 8, ["Concat(4, 4)"]),
        ("sum", 4, ["Add()"]),
        ("mul", 4, ["Multiply()"]),
        ("mean", 4, ["Add()", "Scale(0.5, 0.0)"]),
    ],
)
def test_both_directions_read_x_and_are_merged(merge: str, size: int, layers: list[str]) -> None:
    built = layer(merge)
    first, second, *merging = built.nodes
    assert (first.block, second.block) == (built.forward, built.backward)
    assert (first.args, second.args) == ((0,), (0,))
    assert (built.forward.reverse, built.backward.reverse) == (False, True)
    assert merging[0].args == (*first.outs, *second.outs)
    assert [repr(node.block) for node in merging] == layers
    assert built.output_shapes((3,)) == ((size,),)


def test_what_is_merged_is_what_numpy_merges() -> None:
    a, b = np.arange(4.0), np.arange(4.0) + 2
    found = {merge: layer(merge).merging for merge in ("concat", "sum", "mul", "mean")}
    of_both = {merge: layers[0](a, b) for merge, layers in found.items()}
    assert of_both["concat"].tolist() == [0, 1, 2, 3, 2, 3, 4, 5]
    assert of_both["sum"].tolist() == (a + b).tolist()
    assert of_both["mul"].tolist() == (a * b).tolist()
    assert found["mean"][1](of_both["mean"]).tolist() == ((a + b) / 2).tolist()


def test_paths_begin_with_the_direction() -> None:
    expected = [f"{way}.{key}" for way in ("forward", "backward") for key in OWN]
    assert list(layer().params) == expected
    assert list(rb.Sequential(layer(), rb.Last()).params) == [f"0.{path}" for path in expected]
    assert list(rb.Sequential(layer(name="both")).params) == [f"both.{path}" for path in expected]
    x = rb.Input(3)
    graph = rb.Graph(x, rb.Dense(8, 2, name="head")(layer(name="both")(x)))
    assert list(graph.params) == [f"both.{path}" for path in expected] + [
        "head.weight",
        "head.bias",
    ]
    named = rb.Bidirectional(rb.GRU(3, 4, name="left"), rb.GRU(3, 4, name="right"))
    assert list(named.params)[::4] == ["left.weight_ih", "right.weight_ih"]


def test_a_layer_that_is_in_reverse_is_taken_as_it_is() -> None:
    back = rb.GRU(3, 4, reverse=True)
    assert rb.Bidirectional(rb.GRU(3, 4), back).backward is back


def test_a_layer_that_is_turned_keeps_its_parameters_and_stays_what_it_was() -> None:
    back = rb.GRU(3, 4, initial="learned")
    built = rb.Bidirectional(rb.GRU(3, 4), back)
    assert built.params["backward.initial_h"] is back.params["initial_h"]
    assert not back.reverse


def test_weights_are_shared_where_both_have_one_cell() -> None:
    rnn = rb.GRU(3, 4)
    built = rb.Bidirectional(rnn, rb.Recurrent(rnn.cell, reverse=True))
    assert list(built.params) == [f"forward.{key}" for key in OWN]
    assert list(copy.deepcopy(built).params) == list(built.params)


def test_a_copy_has_both_directions() -> None:
    built = copy.deepcopy(layer("sum", name="both").astype("float64"))
    assert repr(built) == (
        "Bidirectional(GRU(3, 4), GRU(3, 4, reverse=True), merge='sum', name='both')"
    )
    assert [node.block for node in built.nodes[:2]] == [built.forward, built.backward]
    assert built.dtype == np.float64


def test_states_are_a_pair_in_and_out() -> None:
    x, start = rb.Input(3), rb.Input(4, per="sequence")
    built = rb.Bidirectional(rb.LSTM(3, 4), rb.GRU(3, 4), name="both")
    y, ((h, c), state) = built(x, return_state=True)
    assert (y.shape, h.per, c.per, state.shape) == ((8,), "sequence", "sequence", (4,))
    z, _ = built(x, state=((h, start), None), return_state=True)
    graph = rb.Graph((x, start), (y, z, built(x, state=(None, state))))
    assert [node.args for node in graph.nodes if node.block is not built.merging[0]] == [
        (0,), (0,), (0, 3, 1), (0,), (0,), (0, 6),
    ]  # fmt: skip
    assert list(graph.params)[::4] == ["both.forward.weight_ih", "both.backward.weight_ih"]


def test_cells_of_several_inputs_have_them_all() -> None:
    x, z, h = rb.Input(3, "x"), rb.Input(3, "z", per="sequence"), rb.State(3)
    rnn = rb.Recurrent(rb.Cell((x, z), {h: h + x * z}, h))
    built = rb.Bidirectional(rnn, recurrent_of(rnn, rnn.cell), "sum")
    assert (built.input_names, built.pers) == (("x", "z"), ("step", "sequence"))
    with pytest.raises(ValueError, match="inputs of both cells are of the same kinds"):
        rb.Bidirectional(rnn, rb.GRU(3, 3))


RNN = rb.GRU(3, 4)
WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "one layer twice": (lambda: rb.Bidirectional(RNN, RNN), ValueError, r"are one layer, GRU\(3, 4\); build two, or, .* Recurrent\(forward.cell, reverse=True\)"),
    "a reverse forward": (lambda: rb.Bidirectional(rb.GRU(3, 4, reverse=True), RNN), ValueError, "forward is GRU.*runs in reverse; build it without"),
    "a layer": (lambda: rb.Bidirectional(RNN, rb.Tanh()), TypeError, r"backward is a recurrent layer, found Tanh\(\)"),
    "one alone": (lambda: rb.Bidirectional(RNN), TypeError, "backward missing; give Bidirectional"),
    "another merge": (lambda: layer("concta"), ValueError, r"merge is one of 'concat', 'sum', 'mul', 'mean', found 'concta' \(did you mean 'concat'"),
    "a merge of None": (lambda: layer(None), ValueError, "merge is one of .*, found None"),  # type: ignore[arg-type]  # what is refused
    "unequal sizes": (lambda: rb.Bidirectional(RNN, rb.GRU(3, 1), "sum"), rb.ShapeError, r"found \(4,\) features forward and \(1,\) backward; give both as many"),
    "inputs of other sizes": (lambda: rb.Bidirectional(RNN, rb.GRU(2, 4)), rb.ShapeError, "GRU.2, 4, reverse=True.*must have size 2, found 3"),
    "one state": (lambda: layer()(rb.Input(3), state=rb.Input(4, per="sequence")), TypeError, "state= is a pair, .* found .*give state="),
    "three states": (lambda: layer()(rb.Input(3), state=(None,) * 3), TypeError, "is a pair, .* found 3"),
    "an empty name of an output": (lambda: rb.Graph(x := rb.Input(3), {"": x}), ValueError, "name of an output is empty, found ''"),
    "a number as a name": (lambda: rb.Graph(x := rb.Input(3), {0: x}), TypeError, 'outputs are named by texts, found 0; as {"tag": y1'),  # type: ignore[dict-item]  # what is refused
    "no outputs": (lambda: rb.Graph(rb.Input(3), {}), TypeError, "Graph takes symbolic values"),
    "an output of no input": (lambda: rb.Graph(x := rb.Input(3), {"y": x, "w": rb.Parameter(3)}), ValueError, "output w depends on none of the inputs, found <Value of Parameter"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_errors_name_place_found_and_cure(case: str) -> None:
    build, error, text = WRONG[case]
    with pytest.raises(error, match=text):
        build()


def test_outputs_have_names_or_are_in_order() -> None:
    y = rb.GRU(3, 4)(x := rb.Input(3))
    graph = rb.Graph(x, {"tag": rb.Dense(4, 2)(y), "class": rb.Dense(4, 5)(rb.Last()(y))})
    assert (graph.output_names, graph.n_outputs) == (("tag", "class"), 2)
    assert graph.output_shapes((3,)) == ((2,), (5,))
    assert rb.Graph(x, (y, x)).output_names == ("", "")
    assert rb.Graph(x, y).output_names == rb.Graph.of_one(rb.GRU(3, 4)).output_names == ("",)
    tags, classes = graph(rb.Input(3))
    assert (tags.per, classes.per) == ("step", "sequence")


def test_a_model_of_one_output_with_a_name_runs_as_any() -> None:
    y = rb.GRU(3, 4, rng=0)(x := rb.Input(3))
    given = np.ones((5, 2, 3), "float32")
    found = rb.predict(rb.Graph(x, {"y": y}), given)[0]
    assert np.array_equal(found, rb.predict(rb.GRU(3, 4, rng=0), given)[0])


def test_the_graph_that_is_run_keeps_names_and_axes() -> None:
    x = rb.Input(3, "x", axis="source")
    run = hoisted(rb.Graph(x, {"y": rb.Parameter(3) * x}))
    assert (run.output_names, run.axes, run.input_names) == (("y",), ("source",), ("x",))
    assert run.nodes[0].args == ()

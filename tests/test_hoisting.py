"""What is taken out of cells gives the values that it gave within them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.graph import Graph
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array
from tests.helpers import reals

B = 3


def step() -> Recurrent:
    """h' = sigmoid(A s) * tanh((0.5 W) h + U x + b), and y = h' + s A, of a static s."""
    x, s, h = rb.Input(3, "x"), rb.Input(2, "s", per="sequence"), rb.State(4, "h")
    options = {"dtype": "float64"}
    w = rb.Parameter((4, 4), name="w", rng=0, **options)  # type: ignore[arg-type]
    u = rb.Parameter((4, 3), name="u", rng=1, **options)  # type: ignore[arg-type]
    b = rb.Parameter(4, init=0.3, name="b", **options)  # type: ignore[arg-type]
    a = rb.Dense(2, 4, dtype="float64", rng=2)(s)
    h_new = rb.Sigmoid()(a) * rb.Tanh()((0.5 * w) @ h + u @ x + b)
    return Recurrent(rb.Cell((x, s), {h: h_new}, output=h_new + a), name="rnn")


def walked(graph: Graph, inputs: Sequence[Array], states: Sequence[Array] = ()) -> list[Array]:
    """The outputs of a graph at one step: each node by itself, its layer on whole batches."""
    values = dict(enumerate([*inputs, *states]))
    for node in graph.nodes:
        args = [values[k] for k in node.args]
        block = node.block
        if isinstance(block, Recurrent):
            n = block.cell.n_inputs
            y = walked(block.cell, args, states[: len(block.cell.state_shapes)])[0]
            assert n == len(args)
        else:
            y = _of(block, args)
        values[node.outs[0]] = y
    return [values[k] for k in graph.outputs]


def _of(layer: Layer, args: Sequence[Array]) -> Array:
    """A vector of parameters next to a batch is repeated along it."""
    batched = [a for a in args if a.ndim == 2 and len(a) == B]
    wide = [np.broadcast_to(a, (B, *a.shape)) if batched and a.ndim == 1 else a for a in args]
    found: Array = layer.forward(*wide)[0]
    return found


@pytest.mark.quick
def test_only_what_depends_on_steps_stays_within_the_cell() -> None:
    model = Graph.of_one(step())
    found = hoisted(model)
    inner = found.nodes[-1].block
    assert isinstance(inner, Recurrent)
    assert all(not isinstance(layer, rb.Dense) for layer in inner.cell.layers)
    assert inner.cell.pers.count("run") == 3
    assert inner.cell.pers.count("sequence") == 2
    assert inner.cell.n_inputs == 6


def test_values_are_those_of_the_cell_as_it_was_written() -> None:
    model = step()
    x, s, h = reals(B, 3), reals(B, 2, seed=1), reals(B, 4, seed=2)
    expected = walked(model.cell, (x, s), (h,))[0]
    found = walked(hoisted(Graph.of_one(model)), (x, s), (h,))[0]
    np.testing.assert_array_equal(found, expected)


def test_parameters_paths_and_initial_states_are_those_of_the_model() -> None:
    model = Recurrent(step().cell, initial="learned", name="rnn", dtype="float64")
    found = hoisted(Graph.of_one(model))
    assert list(found.params) == list(model.params)
    assert all(found.params[path] is model.params[path] for path in model.params)
    inner = found.nodes[-1].block
    assert isinstance(inner, Recurrent)
    assert inner.initial is model.initial
    assert repr(inner) == repr(model)


def test_a_graph_without_such_nodes_is_the_same_object() -> None:
    model = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2))
    assert hoisted(model) is model


def test_it_is_done_once_for_each_model() -> None:
    model = step()
    assert hoisted(Graph.of_one(model)) is hoisted(Graph.of_one(model))
    x, s = rb.Input(3), rb.Input(2, per="sequence")
    whole = Graph((x, s), rb.Dense(4, 2, dtype="float64")(model(x, s)))
    assert hoisted(whole) is hoisted(whole)
    assert repr(hoisted(whole)) == repr(whole)
    assert list(hoisted(whole).params) == list(whole.params)


def test_a_parameter_as_a_static_input_is_a_leaf_of_the_run() -> None:
    model = step()
    x = rb.Input(3)
    whole = Graph(x, model(x, rb.Parameter(2, name="s", dtype="float64")))
    inner = next(n.block for n in hoisted(whole).nodes if isinstance(n.block, Recurrent))
    assert set(inner.cell.pers) == {"step", "run"}


def test_so_it_is_in_a_cell_of_which_nothing_else_is_taken_out() -> None:
    x, s, h = rb.Input(2), rb.Input(2, per="sequence"), rb.State(2)
    model, outer = Recurrent(rb.Cell((x, s), {h: h * s + x}, output=h)), rb.Input(2)
    whole = Graph(outer, model(outer, rb.Parameter(2, name="s")))
    inner = next(n.block for n in hoisted(whole).nodes if isinstance(n.block, Recurrent))
    assert inner.cell.pers == ("step", "run", "step")


def test_an_output_that_is_hoisted_is_an_input_of_the_cell_within() -> None:
    x, s, h = rb.Input(3), rb.Input(2, per="sequence"), rb.State(4)
    cell = rb.Cell((x, s), {h: h}, output=rb.Dense(2, 4)(s))
    inner = hoisted(Graph.of_one(Recurrent(cell))).nodes[-1].block
    assert isinstance(inner, Recurrent)
    assert inner.cell.nodes == ()
    assert inner.cell.outputs == (1, 2)

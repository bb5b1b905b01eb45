"""Networks over time cut into stages: executed, they give what the network gives in one piece."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.graph.hoisting import hoisted
from rnnbp.sweeps.stage import StaticStage
from rnnbp.sweeps.stages import stages_of
from tests.helpers import reals
from tests.stage_walks import walk, walk_stages


def lstm(n: int, m: int, rng: int, *, reverse: bool = False) -> rb.Recurrent:
    return rb.LSTM(n, m, rng=rng, dtype="float64", reverse=reverse)


def dense(n: int | tuple[int, ...], m: int, rng: int = 9) -> rb.Dense:
    return rb.Dense(n, m, rng=rng, dtype="float64")


def both(x: rb.Value, n: int, m: int, rng: int) -> rb.Value:
    return rb.Concat(m, m)(lstm(n, m, rng)(x), lstm(n, m, rng + 1, reverse=True)(x))


def stack(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    """Two bidirectional layers, of which the last steps are classified."""
    return [dense(6, 2)(rb.Last()(both(both(x, 3, 3, 0), 6, 3, 2)))]


def only_reverse(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    return [lstm(3, 4, 0, reverse=True)(x)]


def two_forward(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    return [lstm(4, 3, 1)(lstm(3, 4, 0)(x)), s]


def there_and_back(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    return [lstm(4, 3, 1, reverse=True)(rb.Tanh()(lstm(3, 4, 0)(x)))]


def parameters_between(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    """A layer with parameters that both directions read: a sweep of its own."""
    return [both(rb.Tanh()(dense(6, 5)(both(x, 3, 3, 0))), 5, 3, 2)]


def state_to_state(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    """The final state of one Recurrent, through a layer, is the initial one of another."""
    _, (h, _) = lstm(3, 4, 0)(x, return_state=True)
    y, (_, c) = lstm(3, 4, 2, reverse=True)(
        x, state=(dense((4, 2), 4)(h, s), None), return_state=True
    )
    return [y, c]


def static_and_series(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    """A static value is added to a series, and outputs are of both kinds."""
    h = lstm(3, 4, 0, reverse=True)(x + dense(2, 3)(s))
    mean = rb.MeanOverTime()(h)
    return [dense(4, 2)(h * mean), rb.MaxOverTime()(x), mean]


def one_by_one(x: rb.Value, s: rb.Value) -> list[rb.Value]:
    """Directions in turn, and a shortcut over all of them."""
    h = x
    for k in range(3):
        h = lstm(3, 3, k, reverse=k % 2 == 1)(h)
    return [h + x, h]


NETWORKS = [
    stack,
    only_reverse,
    two_forward,
    there_and_back,
    parameters_between,
    state_to_state,
    static_and_series,
    one_by_one,
]


def network(build) -> rb.Graph:
    x, s = rb.Input(3, "x"), rb.Input(2, "s", per="sequence")
    return rb.Graph((x, s), build(x, s))


def sweeps(build) -> list:
    return [
        each for each in stages_of(hoisted(network(build))) if not isinstance(each, StaticStage)
    ]


@pytest.mark.quick
@pytest.mark.parametrize("build", NETWORKS)
def test_stages_give_what_the_network_gives(build) -> None:
    model = network(build)
    given = {0: reals(5, 2, 3), 1: reals(2, 2, seed=1)}
    graph = hoisted(model)
    expected, found = walk(graph, given), walk_stages(model, given)
    for k in graph.outputs:
        np.testing.assert_allclose(found[k], expected[k], rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (stack, [2, 2, 0]),
        (only_reverse, [1, 0]),
        (two_forward, [2]),
        (there_and_back, [1, 1, 0]),
        (parameters_between, [2, 0, 2, 0]),
        (state_to_state, [1, 1, 0]),
    ],
)
def test_recurrents_by_sweep(build, expected: list[int]) -> None:
    assert [len(each.unrollings) for each in sweeps(build)] == expected


def test_parameters_of_a_sweep_are_those_of_the_model_by_its_paths() -> None:
    model = network(parameters_between)
    found: dict[str, np.ndarray] = {}
    for sweep in sweeps(parameters_between):
        assert not found.keys() & sweep.graph.params.keys()
        found |= sweep.graph.params
    assert found.keys() == model.params.keys()


def test_parameters_are_live() -> None:
    model = network(stack)
    held = {
        id(array)
        for stage in stages_of(hoisted(model))
        if not isinstance(stage, StaticStage)
        for array in stage.graph.params.values()
    }
    assert held < {id(array) for array in model.params.values()}


def test_a_series_that_both_directions_read_is_stored_once() -> None:
    first, *_ = sweeps(there_and_back)
    assert [(end.edge, end.result) for end in first.outputs] == [(True, False)]


def test_numbers_are_drawn_by_the_place_in_the_model() -> None:
    x = rb.Input(3)
    y = dense(6, 2)(rb.Dropout(0.5)(both(x, 3, 3, 0)))
    graph = hoisted(rb.Graph(x, y))
    (number,) = [node.number for node in graph.nodes if isinstance(node.block, rb.Dropout)]
    numbers = [
        node.number
        for stage in stages_of(graph)
        for node in stage.graph.nodes
        if isinstance(node.block, rb.Dropout)
    ]
    assert numbers == [number]


def test_stages_are_found_once() -> None:
    graph = hoisted(network(stack))
    assert stages_of(graph) is stages_of(graph)

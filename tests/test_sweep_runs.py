"""A sweep by itself: several outputs, outlets, its two parts, under every schedule."""

from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.ledger import Ledger
from tests.every_schedule import every_schedule
from tests.helpers import assert_same_arrays, assert_same_named
from tests.sweep_runs import GRAPHS, Sweep, Swept, inputs, state_deltas, swept, weights
from tests.traced_runs import BACKENDS

T, B, N, CHUNK = 13, 3, 4, 2
SCHEDULES = every_schedule(7)
LONG = pytest.mark.long
PAUSED = ("headed", "without time", "stacked")
OTHERS = ("both ways", "without time", "stacked")
KINDS = ["headed", *(pytest.param(kind, marks=LONG) for kind in OTHERS)]


def summed(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
    """A loss of weights: the sum of their products with y."""
    return float(np.vdot(target, y)), target


def assert_same(found: Swept, expected: Swept) -> None:
    """That two runs of a sweep have the same bits."""
    assert found.found.loss == expected.found.loss
    assert_same_arrays(found.ys, expected.ys)
    assert_same_named(found.found.grads, expected.found.grads)
    for a, b in ((found.dxs, expected.dxs), (found.found.dstatic, expected.found.dstatic)):
        assert a.keys() == b.keys()
        assert_same_arrays(a.values(), b.values())
    for one, other in (
        (found.states, expected.states),
        (found.found.dstate, expected.found.dstate),
    ):
        assert_same_arrays(chain(*one), chain(*other))


def assert_close(found: Swept, expected: Swept) -> None:
    """That the gradients of two runs are the same to rounding."""
    for name, grad in expected.found.grads.items():
        np.testing.assert_allclose(
            found.found.grads[name], grad, rtol=0, atol=1e-12 * np.abs(grad).max()
        )


COMPARED = {False: assert_same, True: assert_close}
"""By whether chunks were rebuilt, which is no replay."""


def case(kind: str, **how: Any) -> dict[str, Any]:
    graph = GRAPHS[kind](N)
    given = {"graph": graph, "xs": inputs(graph, T, B), "weights": weights(graph, T, B)}
    given |= {"dstate": state_deltas(graph, B), "wanted": [True] * graph.n_outputs}
    return given | {"chunk": CHUNK} | how


@pytest.mark.quick
@pytest.mark.parametrize("kind", ["both ways", *KINDS[:1], *KINDS[2:]])
def test_gradients_are_those_of_all_outputs_joined(kind: str) -> None:
    graph = GRAPHS[kind](N)
    xs, given = inputs(graph, T, B), weights(graph, T, B)
    found = swept(graph, xs, given, [True] * graph.n_outputs, chunk=CHUNK)
    values = [rb.Input(s, per=per) for s, per in zip(graph.input_shapes, graph.pers, strict=True)]
    sizes = [shape[0] for shape in graph.output_shapes(*graph.input_shapes)]
    joined = rb.Graph(values, rb.Concat(*sizes)(*graph(*values)))
    target = np.concatenate(given, axis=-1)
    expected = rb.bptt(joined, tuple(xs), target, summed, chunk=CHUNK)
    assert found.found.loss == pytest.approx(expected.loss, rel=1e-12)
    y, states = rb.predict(joined, tuple(xs), chunk=CHUNK, training=True)
    dxs = found.dxs | found.found.dstatic
    ours = [*found.found.grads.values(), *(dxs[k] for k in sorted(dxs))]
    theirs = [*expected.grads.values(), *expected.dx]
    ours += [np.concatenate(found.ys, axis=-1), *chain(*found.states), *chain(*found.found.dstate)]
    theirs += [y, *chain(*states), *chain(*expected.dstate)]
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * np.abs(b).max())


@pytest.mark.one_in(80, "backend")
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("title", SCHEDULES)
@pytest.mark.parametrize("kind", GRAPHS)
def test_every_replaying_schedule_gives_the_same_bits(kind: str, title: str, backend: str) -> None:
    expected = swept(**case(kind, backend=backend))
    sweep = Sweep(**case(kind, backend=backend, checkpoint=SCHEDULES[title]))
    sweep.forward()
    found = sweep.backward()
    rebuilds = found.found.stats.chunks_rebuilt > 0
    COMPARED[rebuilds](found, expected)
    assert sweep.outlets.chunks == list(range(7))  # each once, in order


@pytest.mark.parametrize("kind", ["stacked", *KINDS[1:3], pytest.param("headed", marks=LONG)])
def test_outputs_that_are_not_wanted_are_not_taken(kind: str) -> None:
    expected, all_of = swept(**case(kind)), case(kind)
    wanted = [k == 1 for k in range(len(all_of["wanted"]))]
    found = swept(**all_of | {"wanted": wanted, "checkpoint": "sqrt"})
    assert [y is not None for y in found.ys] == wanted
    ys = [y if yes else None for y, yes in zip(expected.ys, wanted, strict=True)]
    assert_same(found, expected._replace(ys=ys))


@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_flows_from_outputs_without_deltas(kind: str, backend: str) -> None:
    given = case(kind, backend=backend)
    found = swept(**given | {"weights": [None] * len(given["wanted"]), "dstate": ()})
    gradients = [*found.found.grads.values(), *found.dxs.values(), *found.found.dstatic.values()]
    assert found.found.loss == 0.0
    assert not any(array.any() for array in (*gradients, *chain(*found.found.dstate)))


@pytest.mark.parametrize(
    "kind", ["headed", *(pytest.param(kind, marks=LONG) for kind in ("both ways", "stacked"))]
)
def test_deltas_of_the_final_state_alone(kind: str) -> None:
    given = case(kind)
    none = {"weights": [None] * len(given["wanted"])}
    both = swept(**given)
    parts = [swept(**given | none), swept(**given | {"dstate": ()})]
    for name, grad in both.found.grads.items():
        total = sum(part.found.grads[name] for part in parts)
        np.testing.assert_allclose(total, grad, rtol=0, atol=1e-12 * np.abs(grad).max())


@pytest.mark.parametrize("placed", [False, pytest.param(True, marks=LONG)])
def test_deltas_of_inputs_with_a_place_or_without(placed: bool) -> None:
    assert_same(swept(**case("stacked", placed=placed)), swept(**case("stacked")))


@pytest.mark.quick
@pytest.mark.parametrize("checkpoint", [pytest.param("all", marks=LONG), "sqrt"])
def test_sweeps_that_pause_while_others_run(checkpoint: str) -> None:
    alone = [swept(**case(kind, checkpoint=checkpoint)) for kind in PAUSED]
    sweeps = [Sweep(**case(kind, checkpoint=checkpoint)) for kind in PAUSED]
    ledger = Ledger(chain(*(sweep.lent for sweep in sweeps)))
    for k, sweep in enumerate(sweeps):
        sweep.ledger = ledger
        sweep.forward()
        assert ledger.total == sum(each.forecast.paused for each in sweeps[: k + 1])
    found = [sweep.backward() for sweep in reversed(sweeps)]
    for one, expected in zip(reversed(found), alone, strict=True):
        assert_same(one, expected)
    assert ledger.total == sum(sweep.forecast.left for sweep in sweeps)


@pytest.mark.one_in(100, "backend")
@pytest.mark.parametrize("backend", [*BACKENDS, "interpreter"])
@pytest.mark.parametrize("title", SCHEDULES)
@pytest.mark.parametrize("kind", GRAPHS)
def test_the_ledger_is_as_it_was_predicted(kind: str, title: str, backend: str) -> None:
    sweep = Sweep(**case(kind, backend=backend, checkpoint=SCHEDULES[title]))
    sweep.begin()
    sweep.run.forward()
    ledger, forecast = sweep.run.ledger, sweep.forecast
    assert (ledger.peak_bytes, ledger.total) == (forecast.forward, forecast.paused)
    ledger.peak_bytes = 0
    sweep.run.backward(sweep.dstate)
    sweep.run.close()
    assert (ledger.peak_bytes, ledger.total) == (forecast.backward, forecast.left)

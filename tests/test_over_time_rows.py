"""A batch of rows of different lengths is its rows run alone, in whatever order they come."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays, reals
from tests.over_time_cases import Case, case
from tests.over_time_choice import quickly
from tests.over_time_layers import dense, gru, lstm
from tests.over_time_models import EVERY
from tests.over_time_reference import as_graph, axis_of

PAST = ["lstm", "three of both", "skips", "all reductions", "by state", "self attention"]
RANDOM = ("dropped",)
ROWS = [name for name in EVERY if name not in RANDOM]
MSE = rb.losses.MeanSquaredError()


@pytest.fixture
def nothing_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RNNBP_BACKEND", "interpreter")


def cut(one: Case, rows: Any) -> Case:
    """A case of some of the rows."""
    graph = as_graph(one.model)
    inputs = [
        array[:, rows] if per == "step" else array[rows]
        for array, per in zip(one.given.inputs, graph.pers, strict=True)
    ]
    lengths = {axis: each[rows] for axis, each in one.given.lengths.items()}
    wanted = [
        replace(each, target=each.target[:, rows] if series else each.target[rows])
        for each, series in zip(one.wanted, one.series, strict=True)
    ]
    given = lengths if len(lengths) > 1 else next(iter(lengths.values()))
    moved = replace(one.given, inputs=inputs, lengths=lengths)
    return replace(one, given=moved, wanted=wanted, options={"lengths": given})


def unpadded(one: Case) -> Case:
    """A case of one row without what is past its end, and without lengths."""
    graph, lengths = as_graph(one.model), one.given.lengths
    inputs = [
        array[: lengths[axis_of(graph, k)][0]] if per == "step" else array
        for k, (array, per) in enumerate(zip(one.given.inputs, graph.pers, strict=True))
    ]
    return replace(one, given=replace(one.given, inputs=inputs, lengths={}), options={})


@pytest.mark.parametrize("name", quickly(ROWS, "self attention"))
def test_outputs_are_those_of_rows_alone(name: str) -> None:
    """Each cut to its length: nothing is padded there."""
    one = case(name)
    ys, _ = one.predict()
    for b in range(4):
        alone, _ = unpadded(cut(one, [b])).predict()
        for y, own, along in zip(ys, alone, one.series, strict=True):
            seen = y[: len(own), b : b + 1] if along else y[b : b + 1]
            np.testing.assert_allclose(seen, own, rtol=0, atol=1e-13)
            rest = y[len(own) :, b] if along else np.zeros(1)
            assert not rest.any()


@pytest.mark.parametrize("name", quickly(ROWS, "by state"))
def test_the_order_of_rows_changes_nothing(name: str) -> None:
    one, order = case(name), np.array([2, 0, 3, 1])
    other = cut(one, order)
    (ys, _), (moved, _) = one.predict(), other.predict()
    for y, z, along in zip(ys, moved, one.series, strict=True):
        np.testing.assert_allclose(z, y[:, order] if along else y[order], rtol=0, atol=1e-13)
    grads, others = one.grads(one.bptt()), other.grads(other.bptt())
    graph = as_graph(one.model)
    for k, per in enumerate(graph.pers):
        grads[f"x{k}"] = np.take(grads.get(f"x{k}", np.zeros((4, 4))), order, int(per == "step"))
        others.setdefault(f"x{k}", np.zeros((4, 4)))
    for key, grad in grads.items():
        scale = max(1e-3, np.abs(grad).max())
        np.testing.assert_allclose(others[key], grad, rtol=0, atol=1e-12 * scale, err_msg=key)


@pytest.mark.parametrize("past", quickly([np.inf, 1e300, 0.0], np.inf))
@pytest.mark.parametrize("name", quickly(PAST, "all reductions"))
def test_what_is_past_the_end_is_never_looked_at(name: str, past: float) -> None:
    """The same bits, whatever stands there; the gradient by it is 0."""
    one = case(name)
    first = one.bptt()
    inputs = [np.where(np.isnan(a), past, a) for a in one.given.inputs]
    found = replace(one, given=replace(one.given, inputs=inputs)).bptt()
    assert found.loss == first.loss
    assert_same_arrays(found.grads.values(), first.grads.values())
    for k, array in enumerate(one.given.inputs):
        dx = one.grads(found)[f"x{k}"]
        assert_same_arrays([dx], [one.grads(first)[f"x{k}"]])
        assert not dx[np.isnan(array)].any()
        assert np.isfinite(dx).all()


EPISODES: dict[str, Any] = {
    "forward": lambda: rb.Sequential(lstm(0), dense(1)),
    "learned": lambda: rb.Sequential(lstm(0, initial="learned"), gru(1, 2)),
    "reverse": lambda: rb.Sequential(gru(0, reverse=True), dense(1)),
    "both": lambda: rb.Sequential(rb.Bidirectional(lstm(0), gru(1)), dense(2, 4)),
}


@pytest.mark.parametrize("name", quickly(EPISODES, "both"))
@pytest.mark.usefixtures("nothing_is_compiled")
def test_a_stream_with_resets_is_its_episodes_alone(name: str) -> None:
    """Bit for bit: the episodes are of whole chunks, and 4, so that means divide by powers of 2."""
    model, steps = EPISODES[name](), 4
    x, target = reals(4 * steps, 1, 3), reals(4 * steps, 1, 2, seed=1)
    reset = np.zeros((4 * steps, 1), bool)
    reset[::steps] = True
    whole = rb.bptt(model, x, target, MSE, chunk=2, reset=reset)
    y, _ = rb.predict(model, x, chunk=2, reset=reset)
    for k in range(4):
        span = slice(k * steps, (k + 1) * steps)
        alone = rb.bptt(model, x[span], target[span], MSE, chunk=2)
        assert_same_arrays([y[span]], [rb.predict(model, x[span], chunk=2)[0]])
        assert_same_arrays([whole.dx[span] * 4], [alone.dx])


@pytest.mark.parametrize("name", quickly(EPISODES, "both"))
@pytest.mark.usefixtures("nothing_is_compiled")
def test_episodes_of_any_length(name: str) -> None:
    """Rows reset at steps of their own, within chunks; a flag at the first step does nothing."""
    model, steps = EPISODES[name](), 9
    x, reset = reals(steps, 3, 3), np.zeros((steps, 3), bool)
    starts = [[0, 4, 5], [1, 8], [0]]
    for b, places in enumerate(starts):
        reset[places, b] = True
    y, _ = rb.predict(model, x, chunk=4, reset=reset)
    for b, places in enumerate(starts):
        ends = [*dict.fromkeys([0, *places]), steps]
        for begin, end in pairwise(ends):
            alone, _ = rb.predict(model, x[begin:end, b : b + 1])
            np.testing.assert_allclose(y[begin:end, b : b + 1], alone, rtol=0, atol=1e-14)


@pytest.mark.usefixtures("nothing_is_compiled")
def test_a_state_that_is_given_ends_where_the_first_episode_does() -> None:
    """Later ones start from the model's own: what was carried in is of the first alone."""
    model, x, target = lstm(0, initial="learned"), reals(7, 2, 3), reals(7, 2, 2, seed=1)
    reset = np.zeros((7, 2), bool)
    reset[3, 0] = reset[0, 1] = True
    state = (reals(2, 2, seed=2), reals(2, 2, seed=3))
    found = rb.bptt(model, x, target, MSE, chunk=2, reset=reset, state=state)
    y, _ = rb.predict(model, x, chunk=2, reset=reset, state=state)
    first = rb.predict(model, x[:3, :1], state=tuple(s[:1] for s in state))[0]
    np.testing.assert_allclose(y[:3, :1], first, rtol=0, atol=1e-14)
    np.testing.assert_allclose(y[3:, :1], rb.predict(model, x[3:, :1])[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(y[:, 1:], rb.predict(model, x[:, 1:])[0], rtol=0, atol=1e-14)
    assert all(not delta[1].any() and delta[0].all() for delta in found.dstate[0])

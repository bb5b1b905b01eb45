"""Sequences whose inputs have different numbers of steps, as a past and a horizon, and what static
inputs, tuples and targets of them are told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import assert_same_arrays

MSE = rb.losses.MeanSquaredError()
RNG = np.random.default_rng(0)
N, PAST, AHEAD = 7, 5, 3
LENGTHS = np.array([2, 5, 3, 1, 4, 5, 2])
P, F, Y = (RNG.normal(size=(N, steps, 1)) for steps in (PAST, AHEAD, AHEAD))
RAGGED = [row[:n] for row, n in zip(P, LENGTHS, strict=True)]


def forecaster() -> rb.Graph:
    """A past on an axis of its own, whose final state begins the future."""
    past, future = rb.Input(1, "p", axis="p"), rb.Input(1, "f", axis="f")
    _, state = rb.GRU(1, 2, dtype="float64", rng=0)(past, return_state=True)
    later = rb.GRU(1, 2, dtype="float64", rng=1)(future, state=state)
    return rb.Graph((past, future), rb.Dense(2, 1, dtype="float64", rng=2)(later))


def one_axis() -> rb.Graph:
    a, b = rb.Input(1, "a"), rb.Input(1, "b")
    return rb.Graph((a, b), rb.GRU(1, 1, dtype="float64", rng=0)(a + b))


def tagged() -> rb.Graph:
    x, s = rb.Input(1, "x"), rb.Input(PAST, "s", per="sequence")
    joined = rb.Concat(1, PAST)(x, s)
    return rb.Graph((x, s), rb.Dense(PAST + 1, 1, dtype="float64", rng=0)(joined))


def loss_of_rows(past: Any, future: Any, target: Any) -> float:
    """The mean over all steps, of sequences that are run one by one."""
    model, rows = forecaster(), zip(past, future, target, strict=True)
    each = [rb.evaluate(model, {"p": p[:, None], "f": f[:, None]}, y[:, None], MSE)[0] for p, f, y in rows]  # fmt: skip
    return float(np.average(each, weights=[*map(len, target)]))


LONG = [*RNG.normal(size=(N, PAST, 1))]
PASSED: dict[str, tuple[Any, Any, Any]] = {
    "arrays": (P, F, Y),
    "lists of one length": ([*P], [*F], [*Y]),
    "a list that is ragged": (RAGGED, [*F], [*Y]),
    "next to an array": (RAGGED, F, Y),
    "with an array of targets": (RAGGED, [*F], Y),
    "as long as the longest": (RAGGED, LONG, LONG),
    "with an array as long": (RAGGED, LONG, np.stack(LONG)),
    "one sequence": (RAGGED[:1], [*F[:1]], [*Y[:1]]),
    "lists that end alike": (RAGGED, RAGGED, RAGGED),
}


@pytest.mark.parametrize("case", PASSED)
def test_a_past_and_a_horizon(case: str) -> None:
    past, future, target = PASSED[case]
    data = rb.Sequences({"p": past, "f": future}, target, batch_size=3)
    expected = loss_of_rows(past, future, target)
    assert rb.evaluate(forecaster(), data, MSE)["loss"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.quick
def test_it_is_trained_and_predicted() -> None:
    data = rb.Sequences((RAGGED, [*F]), [*Y], batch_size=3)
    assert rb.fit(forecaster(), data, MSE, epochs=1, validation=data).steps == 3
    found = rb.predict(forecaster(), data)
    alone = [rb.predict(forecaster(), (p[:, None], f[:, None]))[0][:, 0] for p, f in zip(RAGGED, F, strict=True)]  # fmt: skip
    np.testing.assert_allclose(found, alone, rtol=1e-12)


def test_time_first() -> None:
    turned = [part.swapaxes(0, 1) for part in (P, F, Y)]
    data = rb.Sequences((turned[0], turned[1]), turned[2], batch_size=9, batch_first=False)
    expected = rb.evaluate(forecaster(), (turned[0], turned[1]), turned[2], MSE)[0]
    assert rb.evaluate(forecaster(), data, MSE)["loss"] == pytest.approx(expected, rel=1e-12)
    batches = rb.Batches([((P, F), Y)], batch_first=True, static=())
    assert rb.evaluate(forecaster(), batches, MSE)["loss"] == pytest.approx(expected, rel=1e-12)


def heads() -> rb.Graph:
    x = rb.Input(1)
    r = rb.GRU(1, 2, dtype="float64", rng=0)(x)
    each, last = rb.Dense(2, 1, dtype="float64", rng=1), rb.Dense(2, 1, dtype="float64", rng=2)
    return rb.Graph(x, (each(r), last(rb.Last()(r))))


@pytest.mark.parametrize("form", [tuple, list])
def test_targets_in_order_are_those_of_outputs(form: Any) -> None:
    targets = {0: P, 1: P[:, 0]}
    expected = rb.evaluate(heads(), rb.Sequences(P, targets, batch_size=4), (MSE, MSE))
    data = rb.Sequences(P, form(targets.values()), batch_size=4)
    assert rb.evaluate(heads(), data, (MSE, MSE)) == expected
    masks = rb.Sequences(P, (P, P[:, 0]), mask=(np.ones((N, PAST)), None), batch_size=4)
    assert rb.evaluate(heads(), masks, (MSE, MSE)) == pytest.approx(expected)


def test_a_list_of_targets_of_sequences_stays_one() -> None:
    data = rb.Sequences(P[:3, :3], [*P[:3, :3]], batch_size=3, shuffle=False)
    assert_same_arrays([data.batch(0, 0).target], [P[:3, :3].swapaxes(0, 1)])


def test_several_numbers_for_each_sequence() -> None:
    model = rb.Sequential(rb.GRU(1, 2, dtype="float64"), rb.Last(), rb.Dense(2, PAST, dtype="float64"))  # fmt: skip
    labels = RNG.normal(size=(N, PAST))
    with pytest.raises(rb.ShapeError, match=r"give \(N, ...\), or say static='target' if axis 1"):
        rb.fit(model, rb.Sequences(P, labels, batch_size=4), MSE, epochs=1)
    data = rb.Sequences(P, labels, batch_size=4, static="target")
    assert rb.fit(model, data, MSE, epochs=1).steps == 2


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "one axis": (lambda: evaluated(one_axis(), {"a": P, "b": F}, Y), rb.ShapeError, r"^Sequences: x\['b'\] has 3 steps, x\['a'\] 5, and both are of the time axis 'time' of the model; .*axis='f'\)"),
    "no axis": (lambda: evaluated(forecaster(), {"p": P, "f": F}, P[:, :4]), rb.ShapeError, r"^Sequences: target must begin with the axes \(7, 5\) of x\['p'\] or \(7, 3\) of x\['f'\]"),
    "the other axis": (lambda: evaluated(forecaster(), {"p": P, "f": F}, P), rb.ShapeError, r"^Sequences: target has the steps of x\['p'\], 5 steps, and the output of the model has the time axis of x\['f'\], 'f', of 3 steps"),
    "an array that ends": (lambda: evaluated(forecaster(), {"p": RAGGED, "f": P}, P), rb.ShapeError, r"^Sequences: x\['f'\] is an array of 5 steps, .* two time axes, 'p' and 'f'; give both as lists"),
    "lengths": (lambda: rb.Sequences({"p": P, "f": F}, Y, lengths=LENGTHS.clip(1, 3), batch_size=2), TypeError, "lengths are for one number of steps, and the series of x have 5, 3"),
    "lengths of an item": (lambda: next(iter(rb.Batches([((P, F), Y, LENGTHS)], batch_first=True, static=()))), TypeError, r"the series of x have 5 and 3 steps; give train.Batch\("),
    "a static input": (lambda: evaluated(tagged(), {"x": P[:5], "s": P[:5, :, 0]}, P[:5]), rb.ShapeError, r"^Sequences: x\['s'\], of shape \(5, 5\), is read as a value for each step, and the model takes one for each sequence, by per='sequence'; say static=\['s'\]"),
    "a static input of items": (lambda: rb.evaluate(tagged(), rb.Batches([({"x": P[:5], "s": P[:5, :, 0]}, P[:5])], batch_first=True, static=()), MSE), rb.ShapeError, r"^Batches: input 's' of the model has one value for each sequence, .* say static=\['s'\]"),
    "padded targets of a list": (lambda: evaluated(rb.GRU(1, 1, dtype="float64"), RAGGED, np.ones((N, 6))), rb.ShapeError, "or of a list x give a list of targets that end as it does"),
    "one of a tuple": (lambda: evaluated(tagged(), (P, P[:, :, 0]), P), rb.ShapeError, r"x\[1\], of shape .* say static=\[1\]"),
    "a series": (lambda: evaluated(one_axis(), {"a": P, "b": P}, P, static="b"), rb.ShapeError, r"static names x\['b'\], and the model takes a value for each step"),
    "floats without features": (lambda: rb.Sequences({"s": P[:, :2, 0], "x": P}, P, batch_size=2), rb.ShapeError, r"^Sequences: x\['s'\] must begin with the axes \(7, 5\) of x\['x'\], found shape \(7, 2\); if it has one value for each sequence say static=\['s'\]"),
    "one number": (lambda: rb.Sequences({"x": P, "s": P[:, 0, 0]}, P, batch_size=2), rb.ShapeError, "or name it in static if it has one value"),
    "an array of static": (lambda: rb.Sequences(P, P, batch_size=2, static=P[:, 0]), TypeError, r"^Sequences: static has the names of inputs of x, found an array of shape \(7, 1\); give the inputs as x, as \{'x': x, 's': s\}"),
    "so of Windows": (lambda: rb.Windows(P[0], P[0], horizon=2, batch_size=1, static=P[0]), TypeError, "^Windows: static has the names"),
    "static of one stream": (lambda: rb.Windows(P[0], P[0], horizon=2, batch_size=1, static=["s"]), TypeError, "^Windows: static is for several inputs, and x is one"),
    "static of examples": (lambda: rb.Examples(P[:, 0], P[:, 0], batch_size=1, static=["s"]), TypeError, "^Examples: static is for several inputs, and x is one"),
    "a list of inputs": (lambda: rb.Sequences([P, P[:, 0]], P, batch_size=2), rb.ShapeError, "^Sequences: x is a list of arrays of 2 and 3 axes; .* or a tuple in order"),
    "a tuple for one input": (lambda: evaluated(rb.GRU(1, 1, dtype="float64"), (P, P), P), TypeError, "^Sequences: x is a tuple, of 2 inputs in order, and the model has one input"),
    "numbers of a sequence": (lambda: rb.Sequences(P, P[:, :2, 0], batch_size=2), rb.ShapeError, r"or say static='target' if it has values for each sequence as a whole"),
    "of an output": (lambda: rb.Sequences(P, {"y": P[:, :2, 0]}, batch_size=2), rb.ShapeError, r"or say static=\['y'\] if it has"),
}  # fmt: skip


def evaluated(model: Any, x: Any, target: Any, **options: Any) -> Any:
    return rb.evaluate(model, rb.Sequences(x, target, batch_size=3, **options), MSE)


@pytest.mark.parametrize("case", WRONG)
def test_what_does_not_fit_is_told_with_the_cure(case: str) -> None:
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()

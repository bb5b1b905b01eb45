"""Training on several inputs: sources, static inputs with their rows, exact resume."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch
from tests.helpers import assert_same_arrays, assert_same_named
from tests.several_inputs import gated_cell, mixed

N, STEPS, ROWS = 4, 6, 10
MSE = rb.losses.MeanSquaredError()
RNG = np.random.default_rng(0)
X, Z = RNG.normal(size=(ROWS, STEPS, N)), RNG.normal(size=(ROWS, STEPS, N))
S, TARGET = RNG.normal(size=(ROWS, N)), RNG.normal(size=(ROWS, STEPS, N))
GIVEN = {"s": S, "x": X, "z": Z}


def sequences(**options: Any) -> rb.Sequences:
    options = {"x": GIVEN, "target": TARGET, "batch_size": 4, "static": ["s"]} | options
    return rb.Sequences(**options)


def windows(**options: Any) -> rb.Windows:
    given = {"s": S[0], "x": X.reshape(-1, N), "z": Z.reshape(-1, N)}
    target = TARGET.reshape(-1, N)
    how = {"horizon": 5, "batch_size": 2, "static": ["s"]} | options
    return rb.Windows(given, target, **how)


def test_a_repr_shows_each_input() -> None:
    shown = repr(sequences())
    for name, shape in (("x['s']", (10, 4)), ("x['z']", (10, 6, 4)), ("target", (10, 6, 4))):
        assert re.search(rf"{re.escape(name)} +{re.escape(str(shape))} float64", shown), shown
    assert re.search(r"x\['s'\] +\(1, 4\) float64", repr(windows()))
    batch = sequences().batch(0, 0)
    assert repr(batch).startswith("Batch: x['s'] (4, 4) float64, x['x'] (6, 4, 4) float64, x['z']")
    inputs = Batch((X.swapaxes(0, 1), S), None)
    assert repr(inputs) == "Batch: x[0] (6, 10, 4) float64, x[1] (10, 4) float64, fresh=True"
    examples = rb.Examples({"a": S, "b": X}, None, batch_size=4, static=["a"])
    assert re.search(r"x\['a'\] +\(10, 4\) float64", repr(examples))


@pytest.mark.quick
def test_a_static_input_goes_with_its_row() -> None:
    rows = np.arange(ROWS, dtype=float)
    x = np.broadcast_to(rows[:, None, None], (ROWS, STEPS, 1))
    data = rb.Sequences({"x": x, "s": rows[:, None]}, x, batch_size=3, static="s", seed=1)
    batches = list(data)
    for batch in batches:
        assert batch.x["x"].shape == (STEPS, len(batch.x["s"]), 1)
        assert_same_arrays([*batch.x["x"]], [batch.x["s"]] * STEPS)
    assert sorted(np.concatenate([b.x["s"][:, 0] for b in batches])) == list(rows)


def test_a_tuple_with_static_numbers_is_in_order_and_time_first_too() -> None:
    data = rb.Sequences((S, X), TARGET, batch_size=4, static=(0,), shuffle=False)
    turned = rb.Sequences(
        (S, X.swapaxes(0, 1)), TARGET.swapaxes(0, 1), batch_size=4, static=(0,), shuffle=False, batch_first=False
    )  # fmt: skip
    for one, other in zip(data, turned, strict=True):
        assert isinstance(one.x, tuple)
        assert_same_arrays([*one.x, one.target], [*other.x, other.target])
    assert_same_arrays(data.batch(0, 0).x, (S[:4], X[:4].swapaxes(0, 1)))


def test_examples_of_several_inputs() -> None:
    data = rb.Examples({"a": S, "b": X[:, 0]}, TARGET[:, 0], batch_size=4, shuffle=False)
    assert [array.shape for array in data.batch(0, 0).x.values()] == [(1, 4, N)] * 2
    x, s = rb.Input(N, "b"), rb.Input(N, "a", per="sequence")
    model = rb.Graph((x, s), rb.Dense((N, N), N, dtype="float64", rng=0)(x, s))
    static = rb.Examples({"a": S, "b": X[:, 0]}, TARGET[:, 0], batch_size=4, static=["a"])
    assert rb.fit(model, static, MSE, epochs=1).steps == 3


def test_windows_keep_a_static_input_for_all_lanes_and_recordings() -> None:
    data = windows()
    for batch in data:
        assert_same_arrays([batch.x["s"]], [np.stack([S[0]] * 2)])
        assert batch.x["x"].shape == batch.x["z"].shape == batch.target.shape
    takes = [X[0], X[1][:4]], S[:2]
    listed = rb.Windows(
        (takes[0], S[:2]), [TARGET[0], TARGET[1][:4]], horizon=3, batch_size=1, static=(1,)
    )
    assert [(b.x[0].shape[0], b.fresh) for b in listed] == [
        (3, True),
        (3, False),
        (3, True),
        (1, False),
    ]
    assert_same_arrays([b.x[1] for b in listed], [S[:1], S[:1], S[1:2], S[1:2]])


def looped(model: Any, data: Any, epochs: int) -> dict[str, np.ndarray]:
    """Training by hand."""
    rule, state, step = rb.optim.SGD(model, 0.1), None, 0
    for epoch in range(epochs):
        for index in range(data.batches_per_epoch):
            batch = data.batch(epoch, index)
            given = None if batch.fresh else state
            found = rb.bptt(
                model, batch.x, batch.target, MSE, mask=batch.mask, state=given, dx=False
            )
            rule.step({name: found.grads[name] for name in rule.params})
            state, step = found.state, step + 1
    return dict(model.params)


SOURCES: dict[str, Callable[[], Any]] = {
    "sequences": sequences,
    "windows": windows,
    "batches": lambda: rb.Batches([(b.x, b.target) for b in sequences(shuffle=False)]),
}


@pytest.mark.parametrize("source", SOURCES)
def test_training_is_a_loop_over_its_batches(source: str) -> None:
    model, expected = mixed(N), looped(mixed(N), SOURCES[source](), 2)
    history = rb.fit(
        model, SOURCES[source](), MSE, epochs=2, optimizer=rb.optim.SGD(model, 0.1), validation=SOURCES[source]()
    )  # fmt: skip
    assert_same_named(dict(model.params), expected)
    assert len(history.validation_steps) > 0


@pytest.mark.parametrize("source", ["sequences", "windows"])
def test_a_run_that_was_stopped_goes_on_with_the_same_bits(source: str, tmp_path: Path) -> None:
    def trainer(model: Any, folder: Path) -> rb.Trainer:
        return rb.Trainer(model, rb.optim.Adam(model), MSE, folder=folder, snapshot_every=1)

    whole, parts, again = mixed(N), mixed(N), mixed(N)
    trainer(whole, tmp_path / "whole").fit(SOURCES[source](), steps=7)
    trainer(parts, tmp_path / "parts").fit(SOURCES[source](), steps=3)
    resumed = trainer(again, tmp_path / "parts").resume()
    resumed.fit(SOURCES[source](), until_steps=7)
    assert_same_named(dict(again.params), dict(whole.params))
    other = mixed(N)
    begun = trainer(other, tmp_path / "parts").resume()
    changed = {
        "sequences": lambda: sequences(x=GIVEN | {"s": S + 1}),
        "windows": lambda: windows(horizon=4),
    }
    with pytest.raises(ValueError, match="the run began on other data"):
        begun.fit(changed[source](), steps=1)


def test_evaluate_and_predict_of_a_source() -> None:
    model = mixed(N)
    y = rb.predict(model, sequences())
    whole, _ = rb.predict(model, {k: a if k == "s" else a.swapaxes(0, 1) for k, a in GIVEN.items()})
    np.testing.assert_allclose(y, whole.swapaxes(0, 1), rtol=0, atol=1e-14)
    found = rb.evaluate(model, sequences(), MSE, metrics=["mae"])
    assert found["loss"] == pytest.approx(((y - TARGET) ** 2).mean(), rel=1e-12)
    assert found["mae"] == pytest.approx(abs(y - TARGET).mean(), rel=1e-12)
    items = [(b.x, None) for b in sequences(shuffle=False)]
    np.testing.assert_allclose(
        np.concatenate([a.swapaxes(0, 1) for a in [rb.predict(model, [item]).swapaxes(0, 1) for item in items]]),
        y, rtol=0, atol=1e-14,
    )  # fmt: skip


def test_loaders_are_turned() -> None:
    items = [
        ({"x": X[k : k + 4], "s": S[k : k + 4], "z": Z[k : k + 4]}, TARGET[k : k + 4])
        for k in (0, 4)
    ]
    data = rb.Batches(items, batch_first=True, static=["s"])
    for one, other in zip(data, sequences(shuffle=False), strict=False):
        assert_same_arrays([one.x[k] for k in "sxz"], [other.x[k] for k in "sxz"])
        assert_same_arrays([one.target], [other.target])
    last = rb.Batches([((X[:4], S[:4]), TARGET[:4, -1])], batch_first=True, last=True, static=(1,))
    assert rb.fit(gated_cell(N), last, MSE, steps=1).steps == 1


@pytest.mark.parametrize(
    "options", [{"accumulate": 2}, {"checkpoint": "3 MB"}, {"checkpoint": "sqrt"}]
)
def test_options_of_training(options: dict[str, Any]) -> None:
    model = mixed(N)
    history = rb.fit(
        model, sequences(), MSE, epochs=4, optimizer=rb.optim.Adam(model, 0.01), **options
    )
    assert history.losses[-1] < history.losses[0]


def test_lengths_and_last_are_those_of_the_series() -> None:
    lengths = np.arange(1, ROWS + 1).clip(max=STEPS)
    padded = X.copy()
    padded[np.arange(STEPS)[None] >= lengths[:, None]] = np.nan
    data = rb.Sequences(
        (padded, S), TARGET[:, 0], lengths=lengths, last=True, batch_size=4, static=(1,)
    )
    model = gated_cell(N)
    assert rb.fit(model, data, MSE, epochs=1).steps == 3
    assert np.isfinite(rb.predict(model, data)).all()


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "no such input": (lambda: sequences(static=["S"]), ValueError, r"Sequences: static names 'S', which is no input of x \(did you mean 's'\?\); it has 's', 'x', 'z'"),
    "all static": (lambda: rb.Sequences((S, S), TARGET, batch_size=2, static=(0, 1)), ValueError, "x has no input with a value at each step"),
    "static of one": (lambda: rb.Sequences(X, TARGET, batch_size=2, static=("s",)), TypeError, "static is for several inputs, and x is one"),
    "other rows": (lambda: sequences(x=GIVEN | {"s": S[:4]}), rb.ShapeError, r"Sequences: x\['s'\] must begin with the axes \(10,\) of x\['x'\], found shape \(4, 4\)"),
    "not said to be static": (lambda: sequences(static=None), rb.ShapeError, r"Sequences: x\['s'\] must begin with the axes \(10, 6\) of x\['x'\], found shape \(10, 4\); .* say static=\['s'\]"),
    "other streams": (lambda: rb.Windows({"a": X[0], "b": X[0][:4]}, TARGET[0], horizon=2, batch_size=1), rb.ShapeError, r"the series of x have \[6\] and \[4\] steps"),
    "a value for each recording": (lambda: rb.Windows(([X[0], X[1]], S[:3]), [TARGET[0], TARGET[1]], horizon=2, batch_size=1, static=(1,)), rb.ShapeError, r"x\[1\] is static and must have a value for each of 2 recordings, found shape \(3, 4\)"),
    "a loader that does not say": (lambda: next(iter(rb.Batches([((X, S), TARGET)], batch_first=True))), TypeError, r"say which of them have no axis of time, as Batches\(..., static=\('s',\)\)"),
    "one input for a model of three": (lambda: rb.fit(mixed(N), rb.Sequences(X, TARGET, batch_size=4), MSE, steps=1), TypeError, "has 3 inputs, s .*; x must be a tuple"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_says_what_to_do(case: str) -> None:
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()


def test_a_source_of_ones_own_gives_batches_of_several_inputs() -> None:
    class Own:
        batches_per_epoch = 2

        def batch(self, epoch: int, index: int) -> Batch:
            part = slice(4 * index, 4 * index + 4)
            return Batch((X[part].swapaxes(0, 1), S[part]), TARGET[part].swapaxes(0, 1))

    assert rb.fit(gated_cell(N), Own(), MSE, epochs=2, validation=Own()).steps == 4

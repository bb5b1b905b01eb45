"""Windows over a stream of episodes; hints for what else is passed to windows and batches; what a
History and a bar show of several outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch

MSE = rb.losses.MeanSquaredError()
RNG = np.random.default_rng(0)
S = 23
X, Y = RNG.normal(size=(S, 1)), RNG.normal(size=(S, 1))
BEGINS = np.isin(np.arange(S), [0, 4, 9, 10, 17])


def net() -> rb.Sequential:
    return rb.Sequential(
        rb.GRU(1, 2, dtype="float64", rng=0), rb.Dense(2, 1, dtype="float64", rng=1)
    )


def windows(x: Any = X, y: Any = Y, **options: Any) -> rb.Windows:
    return rb.Windows(x, y, **({"horizon": 5, "batch_size": 1} | options))


@pytest.mark.quick
def test_each_episode_begins_with_the_initial_state() -> None:
    data = windows(reset=BEGINS)
    starts = np.flatnonzero(BEGINS)[1:]
    each = [rb.predict(net(), part[:, None])[0][:, 0] for part in np.split(X, starts)]
    np.testing.assert_allclose(rb.predict(net(), data), np.concatenate(each), rtol=1e-12)
    assert rb.fit(net(), data, MSE, epochs=1).steps == 5


def test_flags_are_cut_into_lanes_and_go_with_recordings() -> None:
    found = np.concatenate([batch.reset for batch in windows(batch_size=2, reset=BEGINS)])
    np.testing.assert_array_equal(found, BEGINS[:22].reshape(2, 11).T)
    lists = {"x": [X[:9], X[9:]], "y": [Y[:9], Y[9:]], "reset": [BEGINS[:9], BEGINS[9:]]}
    apart = np.concatenate([batch.reset[:, 0] for batch in windows(**lists)])
    np.testing.assert_array_equal(apart, BEGINS)
    for batch in windows(join=True, **lists):
        assert (batch.reset[1:, 0] == BEGINS[np.isin(X[:, 0], batch.x[1:, 0, 0])]).all()


def test_a_fingerprint_has_them() -> None:
    prints = [windows(reset=flags).fingerprint for flags in (None, BEGINS, ~BEGINS)]
    assert len({*prints}) == 3


STREAM, PAIR = X[:10, None], (X[:10, None], Y[:10, None])
FLAGS = BEGINS[:10, None]
WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "numbers of steps": (lambda: windows(reset=np.array([4, 9])), rb.ShapeError, r"^Windows: reset must have shape \(23,\), a flag for each step of x, found \(2,\); of numbers of steps make"),
    "integers": (lambda: windows(reset=BEGINS.astype(int)), rb.DtypeError, r"expected bool.*give reset.astype\(bool\)"),
    "no list": (lambda: windows([X, X], [Y, Y], reset=BEGINS), TypeError, "reset must be a list of 2 arrays, one for each recording"),
    "of a recording": (lambda: windows([X, X], [Y, Y], reset=[BEGINS, BEGINS[1:]]), rb.ShapeError, r"^Windows: reset\[1\] must have shape \(23,\)"),
    "join of a stream": (lambda: windows(join=True), ValueError, "^Windows: join=True puts the recordings of a list in a row, and x is one stream; leave join out"),
    "stateful": (lambda: windows(stateful=True), TypeError, "windows always carry the state"),
    "shuffle": (lambda: windows(shuffle=True), TypeError, "shuffled ones are sequences"),
    "stride": (lambda: windows(stride=5), TypeError, "sliding_window_view"),
    "dones": (lambda: windows(dones=BEGINS), TypeError, "the flags are reset="),
    "reset of Sequences": (lambda: rb.Sequences(X[None], Y[None], batch_size=1, reset=BEGINS), TypeError, r"Windows\(x, target, reset=flags, ...\)"),
    "four parts": (lambda: rb.evaluate(net(), [(*PAIR, None, FLAGS)], MSE), TypeError, r"train.Batch\(x, target, mask, lengths=..., reset=...\)"),
    "a dict": (lambda: rb.evaluate(net(), [{"inputs": STREAM, "labels": STREAM, "reset": FLAGS}], MSE), TypeError, r"choose two, as \(\(b\['inputs'\], b\['labels'\]\) for b in ...\), or \(train.Batch\(b\['inputs'\], b\['labels'\], reset=b\['reset'\]\)"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused_says_what_to_do(case: str) -> None:
    call, error, message = WRONG[case]
    with pytest.raises(error, match=message):
        call()


def test_a_batch_takes_flags() -> None:
    batches = [Batch(*PAIR, reset=FLAGS)]
    assert rb.fit(net(), batches, MSE, epochs=1).steps == 1


def test_lengths_in_floats_are_told() -> None:
    x = RNG.normal(size=(3, 4, 1))
    with pytest.warns(RuntimeWarning, match=r"whole numbers up to T = 4: .* lengths.astype\(int\)"):
        next(iter(rb.Batches([(x, x, np.array([2.0, 4.0, 3.0]))], batch_first=True)))
    for weights in ([1.0, 1.0, 1.0], [0.5, 4.0, 3.0], [0.0, 4.0, 1.0], [1.0, 2.0, 1.0]):
        next(iter(rb.Batches([(x, x, np.array(weights))], batch_first=True)))


# Several outputs


def heads() -> rb.Graph:
    x = rb.Input(1)
    h = rb.GRU(1, 2, dtype="float64", rng=0)(x)
    tag, mean = rb.Dense(2, 1, dtype="float64", rng=1), rb.Dense(2, 1, dtype="float64", rng=2)
    return rb.Graph(x, {"a_long_name_of_a_tag": tag(h), "mean": mean(rb.Last()(h))})


def test_a_history_and_a_bar_show_each_output(capfd: pytest.CaptureFixture[str]) -> None:
    x = RNG.normal(size=(4, 5, 1))
    data = rb.Sequences(x, {"a_long_name_of_a_tag": x, "mean": x[:, 0]}, batch_size=2)
    metrics = {"a_long_name_of_a_tag": ["mse", "mae"], "mean": ["mse", "mae"]}
    history = rb.fit(heads(), data, (MSE, MSE), epochs=1, metrics=metrics, validation=data, progress=True)  # fmt: skip
    shown = repr(history)
    assert all(f"{name} " in shown for name in history.metrics)
    assert "..." not in shown
    assert max(map(len, shown.splitlines())) <= 100
    err = capfd.readouterr().err
    assert "mean_loss=" in err
    assert "validation_mean_loss" not in err

"""Weights on disk: into the live arrays of the same model, and into no other."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import load_weights, save_weights


def model(n=5, dtype="float32", rng=0, **more):
    return rb.Sequential(
        rb.LSTM(3, n, dtype=dtype, rng=rng), rb.Dense(n, 2, dtype=dtype, rng=rng, **more)
    )


@pytest.mark.quick
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_return_into_the_live_arrays(tmp_path, dtype):
    saved, other = model(dtype=dtype), model(dtype=dtype, rng=1)
    save_weights(saved, tmp_path / "a", metadata={"note": [1, None]})
    live = dict(other.params)
    assert load_weights(other, tmp_path / "a") == {"note": [1, None]}
    for name, p in other.params.items():
        assert p is live[name]
        np.testing.assert_array_equal(p, saved.params[name])


def test_weights_of_a_recurrent_and_of_tied_parameters(tmp_path):
    saved, other = rb.GRU(3, 4, rng=0), rb.GRU(3, 4, rng=1)
    save_weights(saved, tmp_path / "a")
    assert load_weights(other, tmp_path / "a") == {}
    assert all(np.array_equal(p, other.params[name]) for name, p in saved.params.items())


OTHERS = {
    "misshapen": (
        lambda: model(6),
        r"0\.weight_ih has shape \(20, 3\), the model's \(24, 3\).*1\.weight has shape",
    ),
    "missing": (
        lambda: rb.Sequential(*model().blocks, rb.Dense(2, 2, rng=0)),
        r"2\.weight is missing; 2\.bias is missing",
    ),
    "unexpected": (lambda: model(bias=False), r"1\.bias is unexpected"),
    "dtype": (
        lambda: model(dtype="float64"),
        r"is float32 in the file and float64 in the model; load into model.astype",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_weights_of_another_model_change_nothing(tmp_path, case):
    build, message = OTHERS[case]
    save_weights(model(rng=1), tmp_path / "a")
    other = build()
    before = {name: p.copy() for name, p in other.params.items()}
    with pytest.raises(ValueError, match=message):
        load_weights(other, tmp_path / "a")
    assert all(np.array_equal(p, before[name]) for name, p in other.params.items())


def test_weights_into_a_read_only_parameter_change_nothing(tmp_path):
    save_weights(model(rng=1), tmp_path / "a")
    other = model()
    first, *_, last = other.params.values()
    before, last.flags.writeable = first.copy(), False
    with pytest.raises(ValueError, match="read-only"):
        load_weights(other, tmp_path / "a")
    np.testing.assert_array_equal(first, before)

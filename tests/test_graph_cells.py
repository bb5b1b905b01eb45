"""Cells in graphs: states that are learned, options."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rnnbp as rb


def summing(**options: Any) -> rb.Recurrent:
    x, h = rb.Input(2), rb.State(2, "h")
    h_new = h + x
    return rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new), **options)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_learned_state_of_a_cell_without_parameters_has_its_own_dtype(dtype: str) -> None:
    assert summing(initial="learned").params["initial_h"].dtype == np.float32
    model = summing(initial="learned", dtype=dtype)
    assert model.params["initial_h"].dtype == dtype
    assert rb.predict(model, np.ones((2, 1, 2), dtype))[0].dtype == dtype
    assert rb.LSTM(2, 2, initial="learned", dtype=dtype).params["initial_h"].dtype == dtype


def test_gradcheck_still_copies_into_complex() -> None:
    assert (
        rb.check_grads(rb.LSTM(2, 2, rng=0, initial="learned"), np.ones((3, 1, 2))).method
        == "complex"
    )


@pytest.mark.parametrize("name", ["bias_init", "input_init", "recurrent_init", "rng"])
def test_none_is_the_default_of_a_cell_s_option(name: str) -> None:
    found = rb.LSTM(40, 4, **({"rng": 0} | {name: None}))  # type: ignore[arg-type]
    assert all(np.abs(p).max() <= 0.5 for p in found.params.values())  # 1/√4
    assert np.abs(found.params["bias_ih"]).max() > 0.2  # 1/√40 is 0.16

"""Weights of PyTorch's layers of both directions, by their names, both ways."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

import rnnbp as rb
from tests.torch_states import as_arrays, saved, state_dict

BOTH = ("", "_reverse")


def stack(cell: str, layers: int) -> rb.Sequential:
    build = getattr(rb, cell)
    sizes = [3, *[8] * (layers - 1)]
    return rb.Sequential(*[rb.Bidirectional(build(n, 4), build(n, 4)) for n in sizes], name="rnn")


@pytest.mark.parametrize("cell", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("layers", [1, 3])
def test_both_directions_come_and_go_back(cell: str, layers: int, tmp_path: Path) -> None:
    theirs = state_dict(cell, layers=layers, endings=BOTH)
    model = rb.Sequential(stack(cell, layers), rb.Dense(8, 2, name="head"))
    theirs["head.weight"] = np.ones((2, 8), "float32")
    rb.load_weights(model, saved(tmp_path / "net", theirs), rename="torch")
    top = f"_l{layers - 1}"
    for ours, name in (("forward.weight_ih", "weight_ih" + top), ("backward.bias_hh", f"bias_hh{top}_reverse")):  # fmt: skip
        found = model.params[f"rnn.{layers - 1}.{ours}"]
        np.testing.assert_array_equal(found, theirs[f"rnn.{name}"])
    rb.save_weights(model, tmp_path / "back", rename="torch")
    assert as_arrays(safetensors.numpy.load_file(tmp_path / "back")) == as_arrays(theirs)


@pytest.mark.parametrize("name", ["rnn", None])
def test_a_layer_of_both_directions_by_itself(name: str | None, tmp_path: Path) -> None:
    theirs = state_dict(module=name or "", layers=1, endings=BOTH)
    layer = rb.Bidirectional(rb.LSTM(3, 4), rb.LSTM(3, 4), name=name)
    model = rb.Sequential(layer) if name else layer
    own = {key: array for key, array in theirs.items() if "head" not in key}
    rb.load_weights(model, saved(tmp_path / "net", own), rename="torch")
    path = f"{name}.backward.weight_hh" if name else "backward.weight_hh"
    expected = theirs[f"{name}.weight_hh_l0_reverse" if name else "weight_hh_l0_reverse"]
    np.testing.assert_array_equal(model.params[path], expected)

"""Weights of other libraries: the recipes in the help run, and give what those compute."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb

N_IN, N, T, B = 3, 4, 6, 2


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def keras_rnn(
    kernel: Any, recurrent: Any, bias: Any, x: np.ndarray, h: np.ndarray, c: np.ndarray
) -> tuple[Any, Any]:
    """A step as Keras's SimpleRNNCell."""
    return np.tanh(x @ kernel + bias + h @ recurrent), c


def keras_lstm(
    kernel: Any, recurrent: Any, bias: Any, x: np.ndarray, h: np.ndarray, c: np.ndarray
) -> tuple[Any, Any]:
    """A step as Keras's LSTMCell: gates i, f, c, o."""
    i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def keras_gru(
    kernel: Any, recurrent: Any, bias: Any, x: np.ndarray, h: np.ndarray, c: np.ndarray
) -> tuple[Any, Any]:
    """A step as Keras's GRUCell: gates z, r, h; two biases with reset_after, else one."""
    of_x, of_h = bias if bias.ndim == 2 else (bias, 0 * bias)
    xz, xr, xh = np.split(x @ kernel + of_x, 3, axis=1)
    hz, hr, hh = np.split(h @ recurrent + of_h, 3, axis=1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    inner = r * hh if bias.ndim == 2 else (r * h) @ recurrent[:, 2 * N :]
    return z * h + (1 - z) * np.tanh(xh + inner), c


CELLS: dict[str, tuple[Callable[[], rb.Recurrent], Any, int, int]] = {
    "SimpleRNN": (lambda: rb.RNN(N_IN, N, rng=0, dtype="float64"), keras_rnn, 1, 1),
    "LSTM": (lambda: rb.LSTM(N_IN, N, rng=0, dtype="float64"), keras_lstm, 4, 1),
    "GRU": (lambda: rb.GRU(N_IN, N, rng=0, dtype="float64"), keras_gru, 3, 2),
    "GRU, reset before": (
        lambda: rb.GRU(N_IN, N, reset_after=False, rng=0, dtype="float64"),
        keras_gru,
        3,
        1,
    ),
}
HELP = {"SimpleRNN": rb.RNN, "LSTM": rb.LSTM, "GRU": rb.GRU, "GRU, reset before": rb.GRU}


def recipe(function: Any) -> str:
    """The lines of code in the help of a cell."""
    return textwrap.dedent(function.__doc__.split("theirs::\n")[1])


class Layer:
    """As a layer of Keras, for the recipe."""

    def __init__(self, *weights: np.ndarray) -> None:
        self.get_weights = lambda: list(weights)


@pytest.mark.parametrize("name", CELLS)
def test_weights_of_keras_by_the_recipe_in_the_help(name: str) -> None:
    make, step, gates, biases = CELLS[name]
    rng = np.random.default_rng(1)
    kernel, recurrent = rng.normal(size=(N_IN, gates * N)), rng.normal(size=(N, gates * N))
    bias = rng.normal(size=(biases, gates * N) if biases > 1 else gates * N)
    model = make()
    exec(recipe(HELP[name]), {"model": model, "layer": Layer(kernel, recurrent, bias), "np": np})
    x = rng.normal(size=(T, B, N_IN))
    y, h, c = rb.predict(model, x)[0], np.zeros((B, N)), np.zeros((B, N))
    for t in range(T):
        h, c = step(kernel, recurrent, bias, x[t], h, c)
        np.testing.assert_allclose(y[t], h, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("function", [rb.RNN, rb.LSTM, rb.GRU])
def test_the_help_names_the_libraries(function: Any) -> None:
    for library in ("PyTorch", "Keras", "TensorFlow", "_l0"):
        assert library in function.__doc__


@pytest.mark.parametrize(
    ("content", "page"),
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "LSTM"),
        (b"PK\x03\x04" + bytes(100), "load_weights"),
        (b"\x80\x02" + bytes(100), "load_weights"),
    ],
)
def test_files_of_other_libraries_point_to_the_recipe(
    content: bytes, page: str, tmp_path: Path
) -> None:
    model = rb.LSTM(N_IN, N, rng=0)
    path = tmp_path / "theirs"
    path.write_bytes(content)
    with pytest.raises(
        rb.StorageError, match=rf"is no safetensors file.* see help\(rnnbp.{page}\)"
    ):
        rb.load_weights(model, path)


@pytest.mark.parametrize(
    ("ending", "text"), [("_l0", "rename='torch'"), ("_l1_reverse", r"Bidirectional\(LSTM")]
)
def test_names_of_pytorch_in_a_file_of_ours_do_too(ending: str, text: str, tmp_path: Path) -> None:
    model = rb.LSTM(N_IN, N, rng=0)

    class Named:
        params = {name + ending: p for name, p in model.params.items()}  # noqa: RUF012

    rb.save_weights(Named(), tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match=text):
        rb.load_weights(model, tmp_path / "w.safetensors")

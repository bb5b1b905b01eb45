"""Runs every case in Keras, here, and in Keras again, and writes arrays: a process of its own."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import rnnbp as rb
from tests.keras_cases import CASES, OF_EXAMPLES, ONE_WAY, input_of

Array = npt.NDArray[Any]
HERE = Path(__file__).parents[1]
DTYPES = {
    "float32": [*CASES],
    "float64": [
        "lstm",
        "gru",
        "gru before",
        "bidirectional lstm, last",
        "backwards gru",
        "layer norms",
    ],
}
"""By dtype the cases that are run in it; in float64 Keras over PyTorch rounds products to 32 bits."""
RUNS = [(name, dtype) for dtype, names in DTYPES.items() for name in names]
"""Names of cases and dtypes."""


def run_program(module: str, *args: str) -> str:
    """Run a module in a process of its own, with Keras over PyTorch. Returns how it failed, or ""."""
    program = [sys.executable, "-m", module, *args]
    environment = os.environ | {"KERAS_BACKEND": "torch"}
    done = subprocess.run(program, cwd=HERE, env=environment, capture_output=True, text=True)
    return done.stderr[-3000:] if done.returncode else ""


@cache
def results() -> dict[str, Array] | str:
    """The arrays of all cases, by ``case/dtype/whose/what``, or how the run failed."""
    with tempfile.TemporaryDirectory() as folder:
        if failed := run_program("tests.keras_runs", folder):
            return failed
        with np.load(Path(folder) / "arrays.npz") as arrays:
            return dict(arrays)


def filled(model: Any, rng: np.random.Generator) -> None:
    """Random numbers in all weights."""
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape) * 0.6)


def in_keras(keras: Any, model: Any, x: Array, dy: Array | None, dtype: str) -> dict[str, Array]:
    """y, dx and the gradients of all weights; dy is drawn once y is known."""
    import torch

    given = torch.tensor(x, requires_grad=x.dtype.kind == "f")
    y = model(given, training=False)
    assert str(y.dtype) == f"torch.{dtype}", model.name
    drawn = np.random.default_rng(1).normal(size=y.shape).astype(dtype) if dy is None else dy
    (y * torch.tensor(drawn)).sum().backward()
    found = {"y": y.detach().numpy(), "dy": drawn}
    if given.grad is not None:
        found["dx"] = given.grad.numpy()
    for k, weight in enumerate(model.trainable_weights):
        found[f"weight {k:02}"] = keras.ops.convert_to_numpy(weight.value)
        found[f"gradient {k:02}"] = weight.value.grad.numpy()
    return found


def here(model: Any, x: Array, dy: Array, *, static: bool) -> dict[str, Array]:
    """The same by this library, in Keras's axes and orders."""
    loss: Any = lambda _, delta: (0.0, delta)  # noqa: E731
    if static:
        result = rb.backprop(model, x, dy, loss, training=False)
        y = rb.predict(model, x[None])[0][0]
        found = {"y": y, "dx": result.dx}
    else:
        over = np.swapaxes(x, 0, 1)
        series = dy.ndim > 2
        delta = np.swapaxes(dy, 0, 1) if series else dy
        result = rb.bptt(model, over, delta, loss, chunk=3, checkpoint="sqrt", training=False)
        y = rb.predict(model, over, chunk=3)[0]
        found = {"y": np.swapaxes(y, 0, 1) if series else y}
        found |= {} if result.dx is None else {"dx": np.swapaxes(result.dx, 0, 1)}
    for k, array in enumerate(in_their_order(model.params)):
        found[f"weight {k:02}"] = array
    for k, array in enumerate(in_their_order(result.grads)):
        found[f"gradient {k:02}"] = array
    return found


def in_their_order(arrays: Any) -> list[Array]:
    """Arrays by our paths as those of Keras, written out anew."""
    found: list[Array] = []
    for owner, paths in itertools.groupby(arrays, key=lambda path: path.rpartition(".")[0]):
        own = {path.rpartition(".")[2]: arrays[path] for path in paths}
        found += _recurrent(own) if "weight_hh" in own else _layer(owner, own)
    return found


def _recurrent(own: dict[str, Array]) -> list[Array]:
    n = own["weight_hh"].shape[1]
    gru = len(own["weight_ih"]) == 3 * n
    order = np.r_[n : 2 * n, :n, 2 * n : 3 * n] if gru else slice(None)
    of_h = np.concatenate([own[k] for k in ("weight_hh", "weight_hm") if k in own])
    found = [own["weight_ih"][order].T, of_h[order].T]
    if "bias_ih" in own:
        both = [own["bias_ih"][order], own["bias_hh"]]
        two = gru and "weight_hm" not in own
        found.append(np.stack([both[0], both[1][order]]) if two else both[0])
    return found


def _layer(owner: str, own: dict[str, Array]) -> list[Array]:
    weight = own.pop("weight", None)
    axes = 0 if weight is None or "embedding" in owner else weight.ndim
    first = [] if weight is None else [weight.transpose(*range(axes)[::-1]) if axes else weight]
    return [*first, *own.values()]


def one(keras: Any, name: str, dtype: str) -> dict[str, Array]:
    """All of a case in one dtype."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    rng = np.random.default_rng(len(name))
    model = CASES[name](keras)
    filled(model, rng)
    x = input_of(name, rng, dtype)
    theirs = in_keras(keras, model, x, None, dtype)
    ours = rb.interchange.from_keras(model)
    runs = {
        "theirs": theirs,
        "ours": here(ours, x, theirs["dy"], static=name in OF_EXAMPLES),
    }
    if name not in ONE_WAY:
        runs["back"] = in_keras(keras, rb.interchange.to_keras(ours), x, theirs["dy"], dtype)
    return {f"{name}/{dtype}/{k}/{what}": a for k, run in runs.items() for what, a in run.items()}


def main(folder: str) -> None:
    import keras

    arrays: dict[str, Any] = {}
    for name, dtype in RUNS:
        arrays |= one(keras, name, dtype)
    np.savez(Path(folder) / "arrays.npz", **arrays)


if __name__ == "__main__":
    main(sys.argv[1])

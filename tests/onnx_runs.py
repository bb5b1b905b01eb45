"""Models written by ``to_onnx`` and run in onnxruntime, next to ``predict``."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

import rnnbp as rb
from tests.helpers import Array, reals

TOLERANCE = {"float32": 2e-6, "float64": 1e-12}


def randomised(model: Any, seed: int = 0) -> Any:
    """The model with random numbers in every parameter, biases and learned states among them."""
    for k, array in enumerate(model.params.values()):
        array[...] = 0.5 * reals(*array.shape, seed=1000 * seed + k)
    return model


def session(model: Any, folder: Path, **options: Any) -> Any:
    """A session of onnxruntime on the file of a model."""
    runtime = pytest.importorskip("onnxruntime")
    path = folder / "model.onnx"
    rb.interchange.to_onnx(model, path, **options)
    return runtime.InferenceSession(path, providers=["CPUExecutionProvider"])


def outputs(y: Any) -> list[Array]:
    """The arrays of what ``predict`` returns."""
    return list(y.values()) if isinstance(y, dict) else list(y) if isinstance(y, tuple) else [y]


def flat(states: Any) -> list[Array]:
    return [array for arrays in states for array in arrays]


def near(found: Any, expected: Any, name: str = "") -> None:
    """Within a share of the largest value, which is at least 1."""
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape), name
    size = max(1.0, float(np.abs(expected).max(initial=0)))
    worst = float(np.abs(found - expected).max(initial=0)) / size
    assert worst <= TOLERANCE[found.dtype.name], f"{name}: {worst}"


def agree(
    run: Any, model: Any, given: Mapping[str, Array], *, by: str = "interpreter", **options: Any
) -> None:
    """That all outputs of a session are those of ``predict``, and final states if it has them.

    Args:
        given: inputs by the names that they have in the file.
        by: the backend of ``predict``. By default nothing is compiled, which takes longer than such
            runs.
        options: of ``predict``, as lengths and state.
    """
    parts = list(given.values())
    with patch.dict(os.environ, {"RNNBP_BACKEND": by}):
        y, states = rb.predict(model, parts[0] if len(parts) == 1 else tuple(parts), **options)
    feeds = dict(given) | fed(run, options)
    found = dict(zip([o.name for o in run.get_outputs()], run.run(None, feeds), strict=True))
    finals = [name for name in found if name.startswith("final_")]
    expected = outputs(y) + (flat(states) if finals else [])
    for (name, array), wanted in zip(found.items(), expected, strict=True):
        near(array, wanted, name)


def fed(run: Any, options: Mapping[str, Any]) -> dict[str, Array]:
    """Lengths and initial states under the names of the inputs of a session."""
    names = [i.name for i in run.get_inputs()]
    lengths, state = options.get("lengths"), options.get("state")
    by_axis = lengths if isinstance(lengths, dict) else {"": lengths}
    found = {f"lengths_{axis}" if axis else "lengths": rows for axis, rows in by_axis.items()}
    starts = [name for name in names if name.startswith("initial_")]
    found |= dict(zip(starts, flat(state or ()), strict=True))
    return {name: array for name, array in found.items() if name in names and array is not None}

"""Keras → here → Keras with random weights: outputs, dx, the gradients of all weights, the bits."""

from __future__ import annotations

import numpy as np
import pytest

from tests.installed import need
from tests.keras_cases import ONE_WAY
from tests.keras_runs import RUNS, results

need("keras", "torch", extra="keras,torch")
TOLERANCE = 2e-6
BACK = [run for run in RUNS if run[0] not in ONE_WAY]


def of(name: str, dtype: str, whose: str) -> dict[str, np.ndarray]:
    """The arrays of a run."""
    found, start = results(), f"{name}/{dtype}/{whose}/"
    assert isinstance(found, dict), found
    return {key.removeprefix(start): a for key, a in found.items() if key.startswith(start)}


def check_near(found: dict[str, np.ndarray], expected: dict[str, np.ndarray], dtype: str) -> None:
    """Equal to the tolerance, relative to the largest value of each array."""
    for what, array in found.items():
        other = expected[what]
        assert (array.shape, array.dtype) == (other.shape, np.dtype(dtype)), what
        worst = np.abs(array - other).max()
        assert worst <= TOLERANCE * max(np.abs(other).max(), 1e-3), what


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_outputs_and_gradients_are_those_of_keras(name: str, dtype: str) -> None:
    theirs, ours = of(name, dtype, "theirs"), of(name, dtype, "ours")
    assert sorted(ours) == sorted({*theirs} - {"dy"})
    check_near(ours, theirs, dtype)


@pytest.mark.parametrize(("name", "dtype"), RUNS)
def test_weights_here_have_the_bits_of_those_of_keras(name: str, dtype: str) -> None:
    theirs, ours = of(name, dtype, "theirs"), of(name, dtype, "ours")
    weights = [what for what in theirs if what.startswith("weight")]
    assert weights
    for what in weights:
        np.testing.assert_array_equal(ours[what], theirs[what])


@pytest.mark.parametrize(("name", "dtype"), BACK)
def test_the_way_back_keeps_the_bits_of_weights(name: str, dtype: str) -> None:
    theirs, back = of(name, dtype, "theirs"), of(name, dtype, "back")
    assert sorted(theirs) == sorted(back)
    check_near(back, theirs, dtype)
    for what in [what for what in theirs if what.startswith("weight")]:
        assert back[what].tobytes() == theirs[what].tobytes(), what

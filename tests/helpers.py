"""What tests of many subjects share: random arrays, the same bits, Python in a child process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from itertools import chain

import numpy as np
import numpy.typing as npt
import pytest

import rnnbp as rb

Array = npt.NDArray[np.generic]

UseThreads = Callable[[int | str], None]
"""The fixture ``use_threads``: sets how many threads runs have from there on."""


def reals(
    *shape: int, dtype: npt.DTypeLike = np.float64, seed: int = 0
) -> np.ndarray[tuple[int, ...], np.dtype[np.floating]]:
    """Numbers of the normal distribution."""
    found: npt.NDArray[np.floating] = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    return found


def assert_same_arrays(found: Iterable[object], expected: Iterable[object]) -> None:
    """That both have the same bits in the same dtypes and shapes, or None in the same places."""
    for place, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert (a is None) == (b is None), place
        one, other = np.asarray(a), np.asarray(b)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), place
        if one.tobytes() != other.tobytes():  # shows where: but for the sign of a zero
            np.testing.assert_array_equal(one, other, err_msg=f"array {place}")
            assert one.tobytes() == other.tobytes(), f"array {place}: the signs of zeros differ"


def assert_same_named(found: Mapping[str, object], expected: Mapping[str, object]) -> None:
    """That both have the same names, and the same bits under each."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert_same_arrays([found[name]], [array])


def assert_same_bits(found: rb.Gradients, expected: rb.Gradients) -> None:
    """That loss, gradients, states and their gradients have the same bits."""
    assert found.loss == expected.loss
    assert_same_named(found.grads, expected.grads)
    assert_same_arrays([found.dx], [expected.dx])
    for one, other in ((found.state, expected.state), (found.dstate, expected.dstate)):
        assert [len(arrays) for arrays in one] == [len(arrays) for arrays in other]
        assert_same_arrays(chain.from_iterable(one), chain.from_iterable(other))


def assert_close(found: rb.Gradients, expected: rb.Gradients, rtol: float = 1e-12) -> None:
    """That loss and gradients agree, each to ``rtol`` of its largest value."""
    assert found.loss == pytest.approx(expected.loss, rel=rtol)
    assert found.grads.keys() == expected.grads.keys()
    for name, grad in expected.grads.items():
        np.testing.assert_allclose(
            found.grads[name], grad, rtol=0, atol=rtol * np.abs(grad).max(), err_msg=name
        )


def run_python(
    *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """Python in a child process, whose environment is this one's with ``env`` added."""
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=timeout,
    )

"""Dropout's product with its mask by machine code: NumPy's bits, by any number of threads."""

from __future__ import annotations

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.machine.masks import masked
from tests.helpers import assert_same_arrays, reals

pytest.importorskip("llvmlite")


@pytest.mark.parametrize("threads", ["1", "2"])
@pytest.mark.parametrize("shape", [(1,), (3, 7, 11), (0, 4), (5, 30, 1000)], ids=str)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_masked_is_numpys(dtype, shape, threads, monkeypatch):
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    monkeypatch.setenv("RNNBP_NUM_THREADS", threads)
    x, mask = reals(*shape).astype(dtype), reals(*shape, seed=1) > 0.3
    x.reshape(-1)[:1] = np.inf  # times 0 it is NaN
    with np.errstate(invalid="ignore"):
        wanted = x * mask
        wanted *= 1 / 0.7
        assert_same_arrays([masked(x, mask, 1 / 0.7)], [wanted])
        strided = masked(x[..., ::2], mask[..., ::2], 1 / 0.7)
    assert_same_arrays([strided], [wanted[..., ::2].copy()])


def test_a_mask_of_a_different_shape_is_refused(monkeypatch):
    monkeypatch.setenv("RNNBP_BACKEND", "llvm")
    with pytest.raises(rb.ShapeError, match=r"shapes \(3,\), \(4,\)"):
        masked(np.ones(3), np.ones(4, bool), 2.0)


@pytest.mark.parametrize("per", ["step", "sequence"])
def test_dropout_between_cells_has_numpys_mask_and_bits(per, monkeypatch):
    """The mask does not depend on the backend, so with one Dropout alone no bit differs."""
    net, x = rb.Sequential(rb.Dropout(0.3, per=per)), reals(40, 6, 90).astype("float32")
    found = []
    for backend in ("numpy", "llvm"):
        monkeypatch.setenv("RNNBP_BACKEND", backend)
        run = rb.bptt(net, x, -x, rb.losses.MeanSquaredError(), chunk=8, return_y=True)
        found.append([run.y, run.dx])
    assert_same_arrays(*found)

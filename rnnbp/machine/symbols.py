"""Symbols by machine code: numbering them as they come, and adding rows up by symbol."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rnnbp.machine.arrays import do
from rnnbp.machine.elementwise import DELTA_SUM, library
from rnnbp.machine.records import place
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, ShapeError, address


def numbered(x: Array, rows: Array, found: Array) -> Array:
    """``rows`` (K,) at x, of int64; where it is negative symbols get the next row.

    found[0] counts those that have one, which follow it. What is out of range becomes −1.
    """
    # A copy: what is looked at cannot change before it is used as an index.
    out = np.array(x, np.int64, order="C")
    number = library(np.dtype(np.float32)).function("number", 6)
    number(address(out), out.size, rows.size, address(rows), address(found), address(out))
    return out


def scattered(d: Array, x: Array, n: int) -> Array:
    """(n, K): the sums of the rows of d (N, K) where x (N,) is each of n symbols.

    Raises ShapeError, IndexError for a symbol out of range.
    """
    # A copy: what is looked at cannot change before it is used as an index.
    own = np.array(x, np.int64)
    if own.shape != d.shape[:1]:
        raise ShapeError(f"{len(d)} rows, found symbols of shape {own.shape}; give one for each")
    if own.size and own.view(np.uint64).max() >= n:  # what is below 0 is far above, seen so
        raise IndexError(f"symbols must lie in [0, {n}), found {own.min()} to {own.max()}")
    out = np.zeros((n, d.shape[1]), d.dtype)
    scatter(d, own, out)
    return out


@lru_cache(64)
def _scatter(function: int, n: int, k: int) -> Job:
    """The rows of an array (n, k) to rows of another."""
    task = DELTA_SUM.row(
        function, False, d=place(0), ldd=k, x=place(1), ldx=0, N=n, M=k, K=0, o=place(2), ldo=k
    )
    return Job(np.array([[task]], np.int64))


def scatter(d: Array, x: Array, out: Array) -> None:
    """Add the rows of d (N, K) to those of out (n, K) that x (N,), of int64 in [0, n), names."""
    job = _scatter(library(d.dtype).address("scatter.task"), *d.shape)
    do(job, [address(d), address(x), address(out)], 0)

"""NumPy functions that stand for products with matrices that are values, (..., n · m, B).

A factor that is the same at every step has no axis of steps.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

import numpy as np

from rnnbp.numerics import Array

STEPS = 3
"""Axes of a value of all steps of a block."""


def by_steps(work: Callable[..., None]) -> Callable[..., None]:
    """A function of one step for a block of steps too: step by step.

    NumPy would take buffers for what is not contiguous in a block.
    """

    @wraps(work)
    def run(*given: object) -> None:
        steps = [len(a) for a in given if isinstance(a, np.ndarray) and a.ndim == STEPS]
        if not steps:
            work(*given)
        for t in range(max(steps, default=0)):
            work(*[a[t] if isinstance(a, np.ndarray) and a.ndim == STEPS else a for a in given])

    return run


def matrices(x: Array, columns: int) -> Array:
    """(..., n m, B) as (..., n, m, B)."""
    return x.reshape(*x.shape[:-2], -1, columns, x.shape[-1])


def matvec(matrix: Array, vector: Array, out: Array, columns: int) -> None:
    """Each row's matrix times its vector."""
    np.einsum("...nmb,...mb->...nb", matrices(matrix, columns), vector, out=out)


@by_steps
def vecmat(matrix: Array, d: Array, out: Array, columns: int) -> None:
    """Each row's matrix, turned, times its vector."""
    np.einsum("...nmb,...nb->...mb", matrices(matrix, columns), d, out=out)


@by_steps
def outer(d: Array, vector: Array, out: Array, columns: int) -> None:
    """d vᵀ of each row, line by line: NumPy would take a buffer as large as the result."""
    for number, line in zip(d, matrices(out, columns), strict=True):
        np.multiply(vector, number, line)


@by_steps
def matmat(a: Array, b: Array, out: Array, sizes: tuple[int, int, int, bool, bool]) -> None:
    """The product of each row's two matrices, of which either may lie turned."""
    n, k, m, left, right = sizes
    first, second = "kn" if left else "nk", "mk" if right else "km"
    factors = matrices(a, n if left else k), matrices(b, k if right else m)
    np.einsum(f"...{first}b,...{second}b->...nmb", *factors, out=matrices(out, m))


def transpose(x: Array, out: Array, columns: int) -> None:
    """Each row's matrix, turned."""
    found = matrices(x, columns)
    np.copyto(matrices(out, found.shape[-3]), np.swapaxes(found, -3, -2))


def outer_sum(
    d: Array, vector: Array, total: Array, part: Array, columns: int, spare: Array
) -> None:
    """Add the sum of d vᵀ over the steps to a total; apart first, as it may be much smaller."""
    part.fill(0)
    _add_outer(d, vector, part, columns, spare)
    np.add(total, part, total)


@by_steps
def _add_outer(d: Array, vector: Array, part: Array, columns: int, spare: Array) -> None:
    outer(d, vector, spare, columns)
    np.add(part, spare, part)

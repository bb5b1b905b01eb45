"""Products with matrices that are values, and transposes."""

from __future__ import annotations

import math

from rnnbp.compiler.matrix_pairs import sizes_of
from rnnbp.interchange.onnx_out.attributes import columns
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.shaping import narrowed, reshaped, turned, widened
from rnnbp.interchange.onnx_out.writer import Writer


def transpose(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    m = columns(attr)
    return turned(to, reshaped(to, ts[0], (math.prod(ts[0].shape) // m, m)))


def product(to: Writer, matrix: Tensor, vector: Tensor) -> Tensor:
    """W v, of a matrix for all or one for each sequence."""
    n, _ = matrix.shape
    if matrix.lead == 0:
        return to.emit("MatMul", vector, turned(to, matrix), shape=(n,))
    column = widened(to, vector, -1, (*vector.shape, 1))
    return narrowed(to, to.emit("MatMul", matrix, column, shape=(n, 1)), -1, (n,))


def matvec(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    matrix, vector = ts
    m = columns(attr)
    return product(to, reshaped(to, matrix, (math.prod(matrix.shape) // m, m)), vector)


def vecmat(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    """Wᵀ v."""
    matrix, vector = ts
    m = columns(attr)
    whole = reshaped(to, matrix, (math.prod(matrix.shape) // m, m))
    row = widened(to, vector, -2, (1, *vector.shape))
    return narrowed(to, to.emit("MatMul", row, whole, shape=(1, m)), -2, (m,))


def outer(to: Writer, ts: tuple[Tensor, ...], _: object) -> Tensor:
    a, b = ts
    (n,), (m,) = a.shape, b.shape
    column, row = widened(to, a, -1, (n, 1)), widened(to, b, -2, (1, m))
    return reshaped(to, to.emit("Mul", column, row, shape=(n, m)), (n * m,))


def matmat(to: Writer, ts: tuple[Tensor, ...], attr: object) -> Tensor:
    n, k, m, left, right = sizes_of(attr)
    a = reshaped(to, ts[0], (k, n) if left else (n, k))
    b = reshaped(to, ts[1], (m, k) if right else (k, m))
    first, second = turned(to, a) if left else a, turned(to, b) if right else b
    return to.emit("MatMul", first, second, shape=(n, m))

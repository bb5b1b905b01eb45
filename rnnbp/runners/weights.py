"""Weights as a step program reads them, built from parameters, and their gradients taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from rnnbp.compiler.leaves import LeafOwner
from rnnbp.compiler.weights import Matrix, Rows, Vector
from rnnbp.numerics import Array, Dtype
from rnnbp.runners.sums import Accumulator

Given: TypeAlias = Mapping[str, Array]
"""The leaves of a run, by the keys that ``key_of`` has."""
NONE: Given = {}


def source_of(part: Rows, leaves: Given) -> Array:
    """The parameter, or the leaf of this run, that rows are from."""
    return (leaves if leaves and isinstance(part.owner, LeafOwner) else part.owner)[part.key]


def weights_of(matrix: Matrix, dtype: Dtype, leaves: Given = NONE) -> Array:
    """The weights of a matrix, put together."""
    found = np.empty(matrix.shape, dtype)
    whole, at = found.T if matrix.turned else found, 0
    for lane in matrix.lanes:  # into their place: weights may be most of what a run holds
        part = source_of(lane, leaves)[lane.start : lane.stop]
        np.multiply(part, dtype.type(lane.factor), out=whole[at : at + lane.count])
        at += lane.count
    return found


def vector_of(vector: Vector, dtype: Dtype, leaves: Given = NONE) -> Array:
    """The elements of a vector, added up."""
    found, at = np.zeros(vector.count, dtype), 0
    for n, parts in vector.lanes:
        for part in parts:
            whole = source_of(part, leaves) if leaves else part.owner[part.key]
            if whole.ndim > 1:  # a leaf
                whole = whole.reshape(-1)
            given = whole[part.start : part.stop]
            found[at : at + n] += given if part.factor == 1 else given * dtype.type(part.factor)
        at += n
    return found


def spread(matrix: Matrix, product: Array, grads: Accumulator) -> None:
    """Add the gradients of stacked weights to those of the parameters."""
    at = 0
    for lane in matrix.lanes:
        grads.at(lane.owner, lane.key)[lane.start : lane.stop] += product[at : at + lane.count]
        at += lane.count


def spread_vector(vector: Vector, sums: Array, grads: Accumulator) -> None:
    """The same of an added vector."""
    at = 0
    for n, parts in vector.lanes:
        for part in parts:
            whole = grads.at(part.owner, part.key)
            if whole.ndim > 1:  # of a leaf
                whole = whole.reshape(-1)  # a view: sums lie together
            whole[part.start : part.stop] += sums[at : at + n]
        at += n

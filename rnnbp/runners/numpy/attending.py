"""NumPy functions that stand for attention, (features, B) of a step, line by line of the keys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnbp.numerics import Array
from rnnbp.runners.numpy.matrices import by_steps


@by_steps
def masked(x: Array, mask: Array, out: Array, spare: Array, fill: float) -> None:
    """x where the mask is at least ½, else a number; out may be one of them."""
    outside: Array = spare.view(np.bool_)[..., : out.shape[-1]]
    np.greater_equal(mask.real, 0.5, outside)
    np.logical_not(outside, outside)
    np.copyto(out, x)
    np.copyto(out, fill, where=outside)


@by_steps
def additive(keys: Array, query: Array, out: Array, vector: Array, spare: Array) -> None:
    """v · tanh(k + query) of each line k of the keys."""
    for k, line in _lines(keys, vector):
        _tanh(line, query, spare)
        np.multiply(spare, vector, spare)
        np.add.reduce(spare, axis=-2, out=out[..., k, :])


@by_steps
def additive_back(
    keys: Array, query: Array, d: Array, out: Array, vector: Array, spare: Array, part: Array
) -> None:
    """The deltas of the query and of the vector."""
    n = len(vector)
    out.fill(0)
    to_query, to_vector = out[..., :n, :], out[..., n:, :]
    for k, line in _lines(keys, vector):
        delta = d[..., k : k + 1, :]
        _tanh(line, query, spare)
        np.multiply(spare, delta, part)
        np.add(to_vector, part, to_vector)
        _slope(spare)
        np.multiply(spare, delta, spare)
        np.add(to_query, spare, to_query)
    np.multiply(to_query, vector, to_query)


@by_steps
def additive_keys(keys: Array, query: Array, d: Array, out: Array, vector: Array) -> None:
    """The delta of the keys."""
    n = len(vector)
    for k, line in _lines(keys, vector):
        part = out[..., k * n : (k + 1) * n, :]
        _tanh(line, query, part)
        _slope(part)
        np.multiply(part, vector, part)
        np.multiply(part, d[..., k : k + 1, :], part)


def additive_sum(
    keys: Array, query: Array, d: Array, total: Array, part: Array, vector: Array, spare: Array
) -> None:
    """Add the delta of static keys, summed over the steps, to a total; apart first."""
    part.fill(0)
    _add_keys(keys, query, d, part, vector, spare)
    np.add(total, part, total)


@by_steps
def _add_keys(
    keys: Array, query: Array, d: Array, part: Array, vector: Array, spare: Array
) -> None:
    additive_keys(keys, query, d, spare, vector)
    np.add(part, spare, part)


def _lines(keys: Array, vector: Array) -> Iterator[tuple[int, Array]]:
    """The lines of the keys, numbered; each is as long as the vector."""
    n = len(vector)
    for k in range(keys.shape[-2] // n):
        yield k, keys[..., k * n : (k + 1) * n, :]


def _tanh(line: Array, query: Array, out: Array) -> None:
    """tanh(line + query)."""
    np.add(line, query, out)
    np.tanh(out, out)


def _slope(e: Array) -> None:
    """1 − e² in the place of e."""
    np.multiply(e, e, e)
    np.subtract(1, e, e)

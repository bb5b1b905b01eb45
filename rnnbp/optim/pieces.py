"""A parameter in pieces that are no larger than the scratch of its optimiser."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from rnnbp.numerics import Array

Piece: TypeAlias = tuple[Array, Array, dict[str, Array], Array, Array]
"""Elements of a parameter, their gradient and slots, and two scratch arrays of the same shape."""


def pieces(p: Array, g: Array, slots: Mapping[str, Array], scratch: Array) -> Iterator[Piece]:
    """A parameter whole, if the scratch (2, n) has room for it; else, if it is flat, in pieces."""
    most = scratch.shape[1]
    if p.size <= most:
        a, b = (row[: p.size].reshape(p.shape) for row in scratch)
        yield p, g, dict(slots), a, b
        return
    for at in range(0, p.size, most):
        part = slice(at, at + most)
        a, b = scratch[:, : len(p[part])]
        yield p[part], g[part], {slot: x[part] for slot, x in slots.items()}, a, b

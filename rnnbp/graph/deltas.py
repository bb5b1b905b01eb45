"""Deltas on their way back through a graph: taken from a node's outputs, added to its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeAlias, TypeVar

from rnnbp.graph.graph import Node
from rnnbp.numerics import Array


class Summed(Protocol):
    """An array, or what stands for it in a rehearsal."""

    def __add__(self, other: Self, /) -> Self: ...


T = TypeVar("T")
S = TypeVar("S", bound=Summed)
Deltas: TypeAlias = list[Array | None]
"""The derivative of the loss by every value of a graph, None where nothing has reached it."""


def take_deltas(node: Node, deltas: list[T | None]) -> T | tuple[T | None, ...] | None:
    """The ``dy`` of a node, removed from ``deltas``: None where no output has one, a tuple for
    several outputs. Of arrays, or of what stands for them in a rehearsal."""
    dys = [deltas[k] for k in node.outs]
    for k in node.outs:
        deltas[k] = None
    if all(dy is None for dy in dys):
        return None
    return dys[0] if len(dys) == 1 else tuple(dys)


def take_delta(node: Node, deltas: list[T | None]) -> T | None:
    """The same of a node of one output."""
    (k,) = node.outs
    found, deltas[k] = deltas[k], None
    return found


def add_deltas(node: Node, dxs: Sequence[Array | None], deltas: Deltas) -> None:
    """Send deltas on to the arguments."""
    send(node.args, dxs, deltas)


def send(values: Sequence[int], given: Sequence[S | None], deltas: list[S | None]) -> None:
    """Put the deltas of ``values`` there; where a value was split, they are summed anew."""
    for k, delta in zip(values, given, strict=True):
        if delta is not None:
            present = deltas[k]
            deltas[k] = delta if present is None else present + delta


def alone(delta: Array | None) -> Array | None:
    """A delta that waits for the chunk before, without the larger array that it is a part of."""
    whole = None if delta is None else delta.base
    if delta is None or whole is None or whole.nbytes <= delta.nbytes:
        return delta
    return delta.copy()

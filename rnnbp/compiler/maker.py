"""New values and operations: each operation only once."""

from __future__ import annotations

import math
from collections.abc import Iterable

from rnnbp.compiler.op import Op
from rnnbp.compiler.weights import Identity, identity_of
from rnnbp.numerics import Shape


class Values:
    """The feature shapes of values, by number."""

    def __init__(self, shapes: Iterable[Shape] = ()) -> None:
        self.shapes: list[Shape] = list(shapes)

    def new(self, shape: Shape) -> int:
        """The number of a new value."""
        self.shapes.append(shape)
        return len(self.shapes) - 1

    def rows(self, value: int) -> int:
        """Features of a value."""
        return math.prod(self.shapes[value])


class Maker:
    """Appends operations, each only once."""

    def __init__(self, values: Values) -> None:
        self.values = values
        self.ops: list[Op] = []
        self.made: dict[int, Op] = {}
        """By value, the operation that gives it."""
        self.known: dict[int, int] = {}
        """In a rewrite, new values by those that they replace."""
        self._known: dict[Identity, tuple[int, ...]] = {}

    def put(self, op: Op) -> tuple[int, ...]:
        """The outputs of an operation, or of an equal one that is there."""
        if op.name in ("opaque", "opaque_back") or not op.outs:
            return self._append(op)
        if op.identity not in self._known:
            self._known[op.identity] = self._append(op)
        return self._known[op.identity]

    def _append(self, op: Op) -> tuple[int, ...]:
        self.ops.append(op)
        self.made.update(dict.fromkeys(op.outs, op))
        return op.outs

    def make(self, name: str, *args: int, attr: object = None, shape: Shape | None = None) -> int:
        """The value of a new operation; of the shape of its first argument unless given."""
        identity = name, args, identity_of(attr)
        if identity in self._known:
            return self._known[identity][0]
        out = self.values.new(self.values.shapes[args[0]] if shape is None else shape)
        return self.put(Op(name, args, (out,), attr))[0]

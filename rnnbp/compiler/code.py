"""Code: a cell as a list of primitive operations on the values of one step, forward or backward."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush

from rnnbp.compiler.weights import Identity, Matrix, Vector, identity_of
from rnnbp.graph.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape


@dataclass(frozen=True, eq=False)
class Opaque:
    """A node whose layer is run by its own methods."""

    node: Node
    layer: Layer
    shapes: tuple[Shape, ...]
    """Feature shapes of its inputs."""


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """An operation: its name, the numbers of its arguments and of its results, and what else it
    needs.

    ``attr`` depends on the name, and is read by the property of its kind: ``matrix``, ``vector``,
    ``rows``, ``affine``, ``opaque``; operations of one number have it as it is.
    """

    name: str
    args: tuple[int, ...]
    outs: tuple[int, ...]
    attr: object = None

    @property
    def out(self) -> int:
        """The first result."""
        return self.outs[0]

    @property
    def identity(self) -> Identity:
        """Equal for operations that compute the same values."""
        return self.name, self.args, identity_of(self.attr)

    @property
    def matrix(self) -> Matrix:
        """The weights of a product, or those whose gradient it is."""
        assert isinstance(self.attr, Matrix), self
        return self.attr

    @property
    def vector(self) -> Vector:
        """The vector of a bias or gain, or the one whose gradient it is."""
        assert isinstance(self.attr, Vector), self
        return self.attr

    @property
    def rows(self) -> tuple[int, int]:
        """Of a part, its first row and that after its last."""
        assert isinstance(self.attr, tuple), self
        start, stop = self.attr
        return start, stop

    @property
    def affine(self) -> tuple[float, float]:
        """Factor and shift of a scale."""
        assert isinstance(self.attr, tuple), self
        factor, shift = self.attr
        return factor, shift

    @property
    def number(self) -> float:
        """The one number of an operation, as eps."""
        assert isinstance(self.attr, float | int), self
        return self.attr

    @property
    def forward(self) -> Op:
        """The operation that runs a layer forward: this one, or the one whose backward it is."""
        return self.attr.forward if isinstance(self.attr, OpaqueBack) else self

    @property
    def opaque(self) -> Opaque:
        """The layer that an operation runs, forward or backward."""
        found = self.forward.attr
        assert isinstance(found, Opaque), self
        return found

    @property
    def present(self) -> tuple[bool, ...]:
        """Of a layer's backward: for each output of the layer, whether it has a delta."""
        assert isinstance(self.attr, OpaqueBack), self
        return self.attr.present


@dataclass(frozen=True, slots=True, eq=False)
class OpaqueBack:
    """The attribute of a layer's backward: its forward operation, and which of its outputs have a
    delta.
    """

    forward: Op
    present: tuple[bool, ...]


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


@dataclass(frozen=True)
class Code:
    """Operations in order, from ``inputs`` to ``outputs``; an output is None where nothing reaches
    it.

    ``free`` operations have no outputs and are always run: those that make parameter gradients.
    """

    values: Values
    inputs: tuple[int, ...]
    ops: tuple[Op, ...]
    outputs: tuple[int | None, ...]
    renamed: dict[int, int] = field(default_factory=dict, repr=False, compare=False)
    """By values of the code that this was rewritten from, the values that replace them."""
    made: dict[int, Op] = field(init=False, repr=False, compare=False)
    """By value, the operation that gives it."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "made", {v: op for op in self.ops for v in op.outs})

    def users(self) -> dict[int, list[Op]]:
        """By value, the operations that take it."""
        found: dict[int, list[Op]] = {}
        for op in self.ops:
            for v in dict.fromkeys(op.args):
                found.setdefault(v, []).append(op)
        return found

    def depending(self, values: Iterable[int]) -> set[int]:
        """The values that depend on some of ``values``, these included."""
        found = set(values)
        for op in self.ops:
            if not found.isdisjoint(op.args):
                found.update(op.outs)
        return found

    def live(self, outputs: Iterable[int | None] | None = None, *, free: bool = True) -> Code:
        """Without dead operations; for other outputs where they are given."""
        ends = tuple(self.outputs if outputs is None else outputs)
        needed, kept = {v for v in ends if v is not None}, []
        for op in reversed(self.ops):
            if not needed.isdisjoint(op.outs) or (free and not op.outs):
                needed.update(op.args)
                kept.append(op)
        return replace(self, ops=tuple(reversed(kept)), outputs=ends)

    def rewrite(self, change: Callable[[Op, Maker], Sequence[int] | None]) -> Code:
        """The code with each operation, its arguments already those of the new code, changed or
        left (None).
        """
        maker = Maker(self.values)
        known = maker.known
        for op in self.ops:
            present = replace(op, args=tuple([known.get(v, v) for v in op.args]))
            outs = change(present, maker)
            if outs is None:
                outs = maker.put(present)
            known.update(zip(op.outs, outs, strict=True))
        outputs = tuple([None if v is None else known.get(v, v) for v in self.outputs])
        renamed = {v: new for v, new in known.items() if v != new}
        return replace(self, ops=tuple(maker.ops), outputs=outputs, renamed=renamed).live()

    def taking(self, renamed: Mapping[int, int]) -> Code:
        """The same operations on values of other numbers."""
        ops = (replace(op, args=tuple([renamed.get(v, v) for v in op.args])) for op in self.ops)
        return replace(self, ops=tuple(ops))

    def ordered(self) -> Code | None:
        """The same operations, each after those that make its arguments; None where there is a
        circle.
        """
        missing = [len({v for v in op.args if v in self.made}) for op in self.ops]
        takers: dict[int, list[int]] = {}
        for k, op in enumerate(self.ops):
            for v in set(op.args):
                takers.setdefault(v, []).append(k)
        ready, found = (
            [k for k, n in enumerate(missing) if n == 0],
            list[Op](),
        )  # a heap: it is sorted
        while ready:
            found.append(op := self.ops[heappop(ready)])
            for k in (k for v in op.outs for k in takers.get(v, [])):
                missing[k] -= 1
                if missing[k] == 0:
                    heappush(ready, k)
        return replace(self, ops=tuple(found)) if len(found) == len(self.ops) else None


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

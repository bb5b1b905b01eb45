"""Lowering: the nodes of a cell as primitive operations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnbp.compiler.code import Code, Maker, Matrix, Op, Opaque, Rows, Values, Vector
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Shape, ShapeError


class Lowering:
    """The primitives (``rnnbp.layers.primitives``), appended to code."""

    def __init__(self, values: Values) -> None:
        self.values, self.maker = values, Maker(values)

    def shape(self, x: int) -> Shape:
        return self.values.shapes[x]

    def linear(self, x: int, owner: dict[str, Array], key: str) -> int:
        rows, columns = owner[key].shape
        self._check(x, owner, key, columns)
        return self.maker.make("linear", x, attr=Matrix((Rows(owner, key, 0, rows),)), shape=(rows,))

    def bias(self, x: int, owner: dict[str, Array], key: str) -> int:
        return self.maker.make("bias", x, attr=self._vector(x, owner, key))

    def gain(self, x: int, owner: dict[str, Array], key: str) -> int:
        return self.maker.make("gain", x, attr=self._vector(x, owner, key))

    def add(self, a: int, b: int) -> int:
        return self._pair("add", a, b)

    def sub(self, a: int, b: int) -> int:
        return self._pair("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        return self._pair("mul", a, b)

    def scale(self, x: int, factor: float, shift: float = 0.0) -> int:
        return x if (factor, shift) == (1, 0) else self.maker.make("scale", x, attr=(factor, shift))

    def tanh(self, x: int) -> int:
        return self.maker.make("tanh", x)

    def sigmoid(self, x: int) -> int:
        return self.maker.make("sigmoid", x)

    def relu(self, x: int) -> int:
        return self.maker.make("relu", x)

    def part(self, x: int, start: int, stop: int) -> int:
        if not 0 <= start < stop <= self.values.rows(x):
            raise ShapeError(f"part: {start} to {stop} is not within features {self.shape(x)}")
        return self.maker.make("part", x, attr=(start, stop), shape=(stop - start,))

    def concat(self, *xs: int) -> int:
        return self.maker.make("concat", *xs, shape=(sum(self.values.rows(x) for x in xs),))

    def normal(self, x: int, eps: float) -> int:
        y, slope = self.values.new(self.shape(x)), self.values.new((1,))
        return self.maker.put(Op("normal", (x,), (y, slope), eps))[0]

    def softmax(self, x: int) -> int:
        return self.maker.make("softmax", x)

    def same(self, x: int, shape: Shape) -> int:
        if math.prod(shape) != self.values.rows(x):
            raise ShapeError(f"same: {shape} is not of as many features as {self.shape(x)}")
        return self.maker.make("same", x, attr=shape, shape=shape)

    def _vector(self, x: int, owner: dict[str, Array], key: str) -> Vector:
        rows = len(owner[key])
        self._check(x, owner, key, rows)
        return Vector(((rows, (Rows(owner, key, 0, rows),)),))

    def _check(self, x: int, owner: dict[str, Array], key: str, expected: int) -> None:
        """Raise ShapeError where a parameter is not for as many features."""
        if (found := self.values.rows(x)) != expected:
            raise ShapeError(f"{key} has shape {owner[key].shape}, for {expected} features, found {found}")

    def _pair(self, name: str, a: int, b: int) -> int:
        if self.shape(a) != self.shape(b):
            raise ShapeError(f"{name}: {self.shape(a)} and {self.shape(b)} must be one shape")
        return self.maker.make(name, a, b)


def tied(cell: Cell) -> tuple[int, ...]:
    """Which parameters of a cell are one array, by their numbers; () if none are. Code has them as they were."""
    arrays = [id(array) for layer in cell.layers for array in layer.params.values()]
    return tuple([arrays.index(array) for array in arrays]) if len(set(arrays)) < len(arrays) else ()


def lower(cell: Cell, shapes: Sequence[Shape], values: Values) -> Code:
    """The code of a cell from (x, *state) to (y, *state); ``shapes`` are those of its values."""
    ops = Lowering(values)
    inputs = tuple([values.new(shape) for shape in shapes[: len(cell.input_shapes)]])
    found = dict(enumerate(inputs))
    for node in cell.nodes:
        args = tuple([found[k] for k in node.args])
        found.update(zip(node.outs, _lowered(ops, node, args, [shapes[k] for k in node.outs]), strict=True))
    return Code(values, inputs, tuple(ops.maker.ops), tuple([found[k] for k in cell.outputs])).live()


def _lowered(ops: Lowering, node: Node, args: tuple[int, ...], shapes: Sequence[Shape]) -> tuple[int, ...]:
    layer = node.block
    assert isinstance(layer, Layer)
    try:
        found = None if layer.random else layer.lower(ops, *args)
        if found is not None and [ops.shape(value) for value in found] != list(shapes):
            raise ShapeError(f"gives {[ops.shape(value) for value in found]}, output_shapes says {list(shapes)}")
    except ShapeError as error:
        raise ShapeError(f"{layer}: lower: {error}; let lower do what forward does") from None
    if found is not None:
        return found
    outs = tuple([ops.values.new(shape) for shape in shapes])
    return ops.maker.put(Op("opaque", args, outs, Opaque(node, layer, tuple([ops.shape(a) for a in args]))))

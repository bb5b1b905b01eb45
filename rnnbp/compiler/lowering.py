"""Lowering: the nodes of a cell as primitive operations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import numpy as np

from rnnbp.compiler.code import Code
from rnnbp.compiler.drawn import DRAWN, Draw
from rnnbp.compiler.leaves import LeafValues
from rnnbp.compiler.maker import Maker, Values
from rnnbp.compiler.op import Op, Opaque
from rnnbp.compiler.operations import OPERATIONS, PRIMITIVES
from rnnbp.compiler.penalties import PENALTY, Charge
from rnnbp.compiler.weights import Matrix, Rows, Vector
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.layers.primitives import Numbers, Primitives
from rnnbp.numerics import Array, Shape, ShapeError, broadcast, shown
from rnnbp.rng import Per, check_per
from rnnbp.support.nearest import hint


class MisfitError(ShapeError):
    """A parameter that is not for as many features as a layer's ``lower`` gives it."""


@final
class Lowering(Primitives):
    """The primitives, appended to code."""

    def __init__(self, values: Values, *, training: bool = True) -> None:
        self.values, self.maker, self._training = values, Maker(values), training
        self.node = 0
        """The number of the node whose layer is being lowered."""
        self.leaves: LeafValues | None = None
        """None without any."""

    @property
    def training(self) -> bool:
        return self._training

    def shape(self, x: int) -> Shape:
        return self.values.shapes[x]

    def apply(self, name: str, *xs: int, attr: object = None) -> int:
        if name not in PRIMITIVES:
            raise ValueError(
                f"primitive {shown(name)} is unknown{hint(name, PRIMITIVES)}; use one of "
                f"{', '.join(PRIMITIVES)}"
            )
        if self.leaves is not None and any(x in self.leaves for x in xs):
            return self._of_leaves(self.leaves, name, xs, attr)
        record, shapes = OPERATIONS[name], tuple([self.shape(x) for x in xs])
        if record.arity not in (None, len(xs)):
            raise TypeError(f"{name} takes {record.arity} values, found {len(xs)}")
        if record.kind == "pointwise" and len(set(shapes)) > 1:
            whole = broadcast(shapes)
            if whole is None:
                raise ShapeError(
                    f"{name}: {' and '.join(map(str, shapes))} must be one shape, but for a last "
                    "axis of 1"
                )
            return self.apply(name, *[self.spread(x, whole) for x in xs], attr=attr)
        if record.kind == "rowwise" and len(xs) == 1 and len(shapes[0]) != 1:
            return self._by_lines(name, *xs, attr)
        found = record.shapes(shapes, attr)
        if len(found) == 1:
            return self.maker.make(name, *xs, attr=attr, shape=found[0])
        return self.maker.put(
            Op(name, xs, tuple([self.values.new(shape) for shape in found]), attr)
        )[0]

    def read_leaves(self, cell: Cell) -> None:
        """Let those of the first values be leaves that are inputs per "run" of a cell."""
        if "run" in cell.pers:
            self.leaves = LeafValues(cell, self.maker)
            for k, per in enumerate(cell.pers):
                if per == "run":
                    self.leaves.add(k, k)

    def _of_leaves(self, leaves: LeafValues, name: str, xs: tuple[int, ...], attr: object) -> int:
        """``apply`` to values of which some are leaves."""
        found = leaves.joined(name, *xs) if len(xs) == 2 else None
        return self.apply(name, *map(leaves.solid, xs), attr=attr) if found is None else found

    def solid(self, *xs: int) -> tuple[int, ...]:
        """Values as a layer's own methods, and outputs, take them."""
        return xs if self.leaves is None else tuple(map(self.leaves.solid, xs))

    def fixed_product(self, w: int, x: int) -> int | None:
        if self.leaves is None or w not in self.leaves:
            return None
        return self.apply("linear", *self.solid(x), attr=self.leaves.matrix(w))

    def spread(self, x: int, shape: Shape) -> int:
        """x (..., 1) repeated over the last axis of a shape; x itself where it has that shape."""
        if self.shape(x) == shape:
            return x
        lines = self.values.rows(x)
        name = "spread" if lines == 1 else "repeat"
        return self._as(self.apply(name, self._as(x, (lines,)), attr=shape[-1]), shape)

    def _by_lines(self, name: str, x: int, attr: object) -> int:
        """An operation on the features of each line along the last axis of x (..., n)."""
        *outer, n = self.shape(x)
        lines, flat = math.prod(outer), self._as(x, (self.values.rows(x),))
        if lines == 1:
            found = self.apply(name, flat, attr=attr)
        elif attr is None:
            found = self.apply(name, flat, attr=lines)
        else:
            parts = [self.part(flat, k * n, (k + 1) * n) for k in range(lines)]
            found = self.concat(*[self.apply(name, part, attr=attr) for part in parts])
        return self._as(found, (*outer, self.values.rows(found) // lines))

    def _as(self, x: int, shape: Shape) -> int:
        """A value in a shape that it may have already."""
        return x if self.shape(x) == shape else self.same(x, shape)

    def linear(self, x: int, owner: dict[str, Array], key: str) -> int:
        rows, columns = owner[key].shape
        self._check(x, owner, key, columns)
        return self.apply("linear", x, attr=Matrix((Rows(owner, key, 0, rows),)))

    def bias(self, x: int, owner: dict[str, Array], key: str) -> int:
        return self.apply("bias", x, attr=self._vector(x, owner, key))

    def gain(self, x: int, owner: dict[str, Array], key: str) -> int:
        return self.apply("gain", x, attr=self._vector(x, owner, key))

    def additive(self, keys: int, query: int, owner: dict[str, Array], key: str) -> int:
        return self.apply("additive", keys, query, attr=self._vector(query, owner, key))

    def times(self, x: int, constants: Array) -> int:
        return self.apply("times", x, attr=self._constants(x, constants))

    def plus(self, x: int, constants: Array) -> int:
        return self.apply("plus", x, attr=self._constants(x, constants))

    def at_least(self, x: int, least: float) -> int:
        return self.apply("at_least", x, attr=self._least(x, least))

    def where(self, x: int, least: float, a: int, b: int) -> int:
        return self.apply("where", x, a, b, attr=self._least(x, least))

    def _least(self, x: int, least: float) -> float:
        """A number as it is compared with x: random numbers are float32 in ``forward``."""
        made = self.maker.made.get(x)
        drawn = made is not None and made.name == DRAWN
        return float(np.float32(least)) if drawn else float(least)

    def random(
        self, numbers: Numbers, like: int | Shape, *, per: Per = "step", draw: int = 0
    ) -> int:
        if numbers not in ("uniform", "normal"):
            raise ValueError(f"random draws 'uniform' or 'normal', found {shown(numbers)}")
        shape = self.shape(like) if isinstance(like, int) else like
        attr = Draw(numbers, shape, self.node, check_per("random: per", per), draw)
        return self.maker.make(DRAWN, attr=attr, shape=shape)

    def penalty(self, x: int, factor: int, l1: float, l2: float) -> int:
        if self.leaves is None or factor not in self.leaves or not (l1 or l2):
            return x  # once a run, where the layer's own methods run
        x = self.leaves.solid(x)
        charge = Charge(self.leaves.vector(factor), l1, l2)
        return self.maker.make(PENALTY, x, attr=charge, shape=self.shape(x))

    def part(self, x: int, start: int, stop: int) -> int:
        if not 0 <= start < stop <= self.values.rows(x):
            raise ShapeError(f"part: {start} to {stop} is not within features {self.shape(x)}")
        return self.apply("part", x, attr=(start, stop))

    def concat(self, *xs: int) -> int:
        return self.apply("concat", *xs)

    def same(self, x: int, shape: Shape) -> int:
        if math.prod(shape) != self.values.rows(x):
            raise ShapeError(f"same: {shape} is not of as many features as {self.shape(x)}")
        return self.apply("same", x, attr=shape)

    def _constants(self, x: int, constants: Array) -> Vector:
        whole = np.broadcast_to(constants, self.shape(x)).reshape(-1)
        owner = {"constants": whole}  # the code keeps it, as it does a layer's parameters
        return Vector(((whole.size, (Rows(owner, "constants", 0, whole.size),)),))

    def _vector(self, x: int, owner: dict[str, Array], key: str) -> Vector:
        rows = owner[key].size
        self._check(x, owner, key, rows)
        return Vector(((rows, (Rows(owner, key, 0, rows),)),))

    def _check(self, x: int, owner: dict[str, Array], key: str, expected: int) -> None:
        """Raise ShapeError where a parameter is not for as many features."""
        if (found := self.values.rows(x)) != expected:
            raise MisfitError(
                f"{key} has shape {owner[key].shape}, for {expected} features, found {found}; "
                f"build the layer for {found} features"
            )


def tied(cell: Cell) -> tuple[int, ...]:
    """Parameters of a cell that are one array, by number, for code as it was; () if none are."""
    arrays = [id(array) for layer in cell.layers for array in layer.params.values()]
    return (
        tuple([arrays.index(array) for array in arrays]) if len(set(arrays)) < len(arrays) else ()
    )


def lower(cell: Cell, shapes: Sequence[Shape], values: Values, *, training: bool = True) -> Code:
    """The code of a cell from (*inputs, *state) to (y, *state).

    Args:
        shapes: of its values. training: False for that of evaluation mode.
    """
    ops = Lowering(values, training=training)
    inputs = tuple([values.new(shape) for shape in shapes[: len(cell.input_shapes)]])
    found = dict(enumerate(inputs))
    ops.read_leaves(cell)
    for node in cell.nodes:
        args = tuple([found[k] for k in node.args])
        found.update(
            zip(node.outs, lowered(ops, node, args, [shapes[k] for k in node.outs]), strict=True)
        )
    outputs, static = ops.solid(*(found[k] for k in cell.outputs)), static_inputs(cell)
    ops_ = tuple(ops.maker.ops)
    return Code(values, inputs, ops_, outputs, len(cell.state_shapes), static).live()


def static_inputs(cell: Cell) -> tuple[int, ...]:
    """The positions of the inputs of a cell that are the same at every step."""
    return tuple([k for k in range(cell.n_inputs) if cell.pers[k] != "step"])


def lowered(
    ops: Lowering, node: Node, args: tuple[int, ...], shapes: Sequence[Shape]
) -> tuple[int, ...]:
    layer = node.block
    assert isinstance(layer, Layer)
    try:
        ops.node = node.number
        found = layer.lower(ops, *args)
        if found is not None and [ops.shape(value) for value in found] != list(shapes):
            raise ShapeError(
                f"returned {[ops.shape(value) for value in found]}, output_shapes returned "
                f"{list(shapes)}"
            )
    except MisfitError as error:
        raise ShapeError(f"{layer}: lower: {error}, or let lower do what forward does") from None
    except ShapeError as error:
        raise ShapeError(f"{layer}: lower: {error}; let lower do what forward does") from None
    if found is not None:
        return found
    outs, args = tuple([ops.values.new(shape) for shape in shapes]), ops.solid(*args)
    return ops.maker.put(
        Op("opaque", args, outs, Opaque(node, layer, tuple([ops.shape(a) for a in args])))
    )

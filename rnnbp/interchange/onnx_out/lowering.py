"""Layers lowered to ONNX nodes by the primitives that the compiler lowers them to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NoReturn, final

import numpy as np

from rnnbp.interchange.onnx_out.matrices import product
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.primitives import FORMS
from rnnbp.interchange.onnx_out.shaping import level, reshaped, widened
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.layers.base import Layer
from rnnbp.layers.primitives import Numbers, Primitives
from rnnbp.numerics import Array, Shape
from rnnbp.rng import Per


@final
class OnnxPrimitives(Primitives):
    """The primitives, each written as nodes where it is called, in evaluation mode."""

    def __init__(self, to: Writer, layer: Layer, args: Sequence[Tensor]) -> None:
        self.to, self.layer, self.tensors = to, layer, list(args)

    def __getitem__(self, x: int) -> Tensor:
        return self.tensors[x]

    def put(self, t: Tensor) -> int:
        """The number of a new value."""
        self.tensors.append(t)
        return len(self.tensors) - 1

    def shape(self, x: int) -> Shape:
        return self[x].shape

    def apply(self, name: str, *xs: int, attr: object = None) -> int:
        if name not in FORMS:
            refuse(self.layer, f"its primitive {name!r} has no form in ONNX")
        return self.put(FORMS[name](self.to, tuple([self[x] for x in xs]), attr))

    def linear(self, x: int, owner: dict[str, Array], key: str) -> int:
        return self.put(product(self.to, self.to.parameter(owner, key), self[x]))

    def fixed_product(self, w: int, x: int) -> int | None:
        return None

    def bias(self, x: int, owner: dict[str, Array], key: str) -> int:
        return self._with("Add", x, owner, key)

    def gain(self, x: int, owner: dict[str, Array], key: str) -> int:
        return self._with("Mul", x, owner, key)

    def _with(self, kind: str, x: int, owner: dict[str, Array], key: str) -> int:
        vector = reshaped(self.to, self.to.parameter(owner, key), self.shape(x))
        return self.put(self.to.emit(kind, self[x], vector, shape=self.shape(x)))

    def times(self, x: int, constants: Array) -> int:
        return self._with_constants("Mul", x, constants)

    def plus(self, x: int, constants: Array) -> int:
        return self._with_constants("Add", x, constants)

    def _with_constants(self, kind: str, x: int, constants: Array) -> int:
        other = self.to.constant(np.asarray(constants).astype(self.to.dtype))
        return self.put(self.to.emit(kind, self[x], other, shape=self.shape(x)))

    @property
    def training(self) -> bool:
        return False

    def random(
        self, numbers: Numbers, like: int | Shape, *, per: Per = "step", draw: int = 0
    ) -> int:
        refuse(self.layer, "it draws random numbers in evaluation mode too")

    def penalty(self, x: int, factor: int, l1: float, l2: float) -> int:
        return x

    def part(self, x: int, start: int, stop: int) -> int:
        ends = [self.to.ints(n) for n in (start, stop, -1)]
        flat = reshaped(self.to, self[x], (math.prod(self.shape(x)),))
        return self.put(self.to.emit("Slice", flat, *ends, shape=(stop - start,)))

    def concat(self, *xs: int) -> int:
        flat = [reshaped(self.to, self[x], (math.prod(self.shape(x)),)) for x in xs]
        most = max(flat, key=lambda t: (t.inner, t.lead))
        parts = [level(self.to, t, most) for t in flat]
        size = sum(math.prod(t.shape) for t in parts)
        return self.put(self.to.emit("Concat", *parts, shape=(size,), axis=-1))

    def additive(self, keys: int, query: int, owner: dict[str, Array], key: str) -> int:
        (n,) = self.shape(query)
        lines = math.prod(self.shape(keys)) // n
        row = widened(self.to, self[query], -2, (1, n))
        both = self.to.emit("Add", reshaped(self.to, self[keys], (lines, n)), row, shape=(lines, n))
        seen, weight = self.to.emit("Tanh", both, shape=(lines, n)), self.to.parameter(owner, key)
        return self.put(
            self.to.emit("MatMul", seen, reshaped(self.to, weight, (n,)), shape=(lines,))
        )

    def same(self, x: int, shape: Shape) -> int:
        return self.put(reshaped(self.to, self[x], shape))


def refuse(layer: object, why: str) -> NoReturn:
    """Raise ValueError for a layer that has no form in ONNX."""
    raise ValueError(
        f"to_onnx: {layer} cannot be written: {why}; replace it by layers of the library, or give "
        "it a lower() of primitives that have one, see help(rnnbp.Layer)"
    )


def lowered(to: Writer, layer: Layer, args: Sequence[Tensor]) -> list[Tensor]:
    """The outputs of a layer by its ``lower``. Raises ValueError for one without."""
    ops = OnnxPrimitives(to, layer, args)
    found = layer.lower(ops, *range(len(args)))
    if found is None:
        refuse(layer, "it runs as Python")
    return [ops[x] for x in found]

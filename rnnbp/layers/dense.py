"""Affine layers: the text's W y + b."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import final

import numpy as np
import numpy.typing as npt

from rnnbp.initializers import InitializerLike, generator_of, initialize
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch, buffered
from rnnbp.layers.primitives import Primitives
from rnnbp.numerics import (
    Array,
    Saved,
    Shape,
    ShapeError,
    flag,
    float_dtype,
    mismatch,
    positive_int,
    require_features,
)
from rnnbp.rng import RngLike


@final
class Dense(Layer):
    """y = Σ_k x_k W_kᵀ + b.

    Args:
        n_in: size of the input, or one size for each of several inputs.
        n_out: size of the output.
        bias: False for no b.
        weight_init, bias_init: initializers; uniform ±1/√n_in by default.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.
        name: the first part of its parameters' paths; in a cell, their suffix.

    Shapes: x_k (..., n_in_k) → y (..., n_out). Parameters: ``weight`` (n_out, n_in), or
    ``weight_0``, ``weight_1``, … for several inputs; ``bias`` (n_out,). Keeps its inputs.

    Raises ShapeError for an input of the wrong size, ValueError for a size below one.

    >>> import numpy as np, rnnbp as rb
    >>> rb.Dense(3, 2, weight_init=1.0, bias_init=0.5)(np.ones((4, 3), "float32"))[0].tolist()
    [3.5, 3.5]
    """

    partial: bool = False
    """True for some products of a layer, whose parameters it shares."""
    _part_bias: bool = True
    """False for some products of a layer whose bias is added elsewhere."""

    def __init__(
        self,
        n_in: int | Sequence[int],
        n_out: int,
        *,
        bias: bool = True,
        weight_init: InitializerLike = "uniform",
        bias_init: InitializerLike | None = None,
        dtype: npt.DTypeLike = "float32",
        rng: RngLike = None,
        name: str | None = None,
    ) -> None:
        several = isinstance(n_in, Sequence)
        sizes = tuple(n_in) if isinstance(n_in, Sequence) else (n_in,)
        if not sizes:
            raise ValueError("Dense: n_in is empty; give the size of each input")
        self.n_in = tuple(positive_int("Dense: n_in", n) for n in sizes)
        self.n_out = positive_int("Dense: n_out", n_out)
        super().__init__(name=name)
        self._names = tuple(f"weight_{k}" for k in range(len(sizes))) if several else ("weight",)
        numbers, dtype = generator_of("Dense", rng), float_dtype(dtype)
        self.params = {
            key: initialize(weight_init, numbers, (self.n_out, n), dtype, f"Dense: {key}")
            for key, n in zip(self._names, self.n_in, strict=True)
        }
        if flag("Dense: bias", bias):
            limit = 1 / np.sqrt(sum(self.n_in))
            values = numbers.uniform(-limit, limit, self.n_out)
            how = (lambda _, __: values) if bias_init is None else bias_init
            self.params["bias"] = initialize(how, numbers, (self.n_out,), dtype, "Dense: bias")

    def of_some(self, inputs: Sequence[int], *, bias: bool) -> Dense:
        """The products of some inputs alone, with the bias or without, by the same parameters."""
        names = tuple([self._names[k] for k in inputs])
        new, sizes = Dense.__new__(Dense), tuple([self.n_in[k] for k in inputs])
        own = {"n_in": sizes, "_names": names, "partial": True, "_part_bias": bias}
        vars(new).update(vars(self) | own)
        return new

    @property
    def keys(self) -> tuple[str, ...]:
        """The names of the parameters that it takes."""
        return (*self._names, *(("bias",) if self._has_bias else ()))

    @property
    def _has_bias(self) -> bool:
        return "bias" in self.params and self._part_bias

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        self._check_count(len(xs))
        for k, (x, n) in enumerate(zip(xs, self.n_in, strict=True)):
            require_features(self, x, (n,), f"input {k}")
        y = _rows(xs[0]) @ self.params[self._names[0]].T
        for x, key in zip(xs[1:], self._names[1:], strict=True):
            y += _rows(x) @ self.params[key].T
        if self._has_bias:
            y += self.params["bias"]
        return y.reshape(*xs[0].shape[:-1], self.n_out), xs

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        dxs = (_rows(dy) @ self.params[key] for key in self._names)
        return tuple([dx.reshape(*dy.shape[:-1], dx.shape[-1]) for dx in dxs])

    def backward_params(self, saved: Saved, dy: Array) -> dict[str, Array]:
        rows = _rows(dy)
        grads: dict[str, Array] = {
            key: rows.T @ _rows(x) for key, x in zip(self._names, saved, strict=True)
        }
        if self._has_bias:
            grads["bias"] = rows.sum(axis=0)
        return grads

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        self._check_count(len(shapes))
        for k, (shape, n) in enumerate(zip(shapes, self.n_in, strict=True)):
            if shape is not None and shape != (n,):
                what = f"input {k}" if len(shapes) > 1 else "input"
                raise ShapeError(mismatch(self, (n,), shape, what) + _flatten_hint(shape))
        return ((self.n_out,),)

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=tuple(range(len(shapes))))

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        size = rows * self.n_out
        return Scratch(size if len(self.n_in) > 1 else buffered(size) * self._has_bias)

    def lower(self, ops: Primitives, *xs: int) -> tuple[int, ...]:
        products = [ops.linear(x, self.params, key) for x, key in zip(xs, self._names, strict=True)]
        y = reduce(ops.add, products)
        return (ops.bias(y, self.params, "bias") if self._has_bias else y,)

    def _check_count(self, found: int) -> None:
        if found != len(self.n_in):
            raise ShapeError(
                f"{self}: takes {len(self.n_in)} input{'s' * (len(self.n_in) > 1)}, found {found}; "
                "give one for each size in n_in"
            )

    def describe(self) -> str:
        sizes: object = self.n_in if self._names[0] != "weight" else self.n_in[0]
        return f"{sizes}, {self.n_out}" + ("" if self._has_bias else ", bias=False")


def learned(layer: Layer) -> list[Array]:
    """The parameters that a layer has gradients of: all, but of some products of a Dense."""
    if isinstance(layer, Dense) and layer.partial:
        return [p for key, p in layer.params.items() if key in layer.keys]
    return list(layer.params.values())


def _rows(x: Array) -> Array:
    """(L, B, n) as (L·B, n): one product, where NumPy would make one for each of the L."""
    return x if x.ndim == 2 else x.reshape(-1, x.shape[-1])


def _flatten_hint(shape: Shape) -> str:
    return f"; or put Flatten({len(shape)}) before it" if len(shape) > 1 else ""

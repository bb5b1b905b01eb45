"""Random cells: a graph of layers over x and one to three states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import rnnbp as rb
from tests.generator.draws import Draw
from tests.generator.own import Alarm, Fork, Sine, Tilt

SYMBOLS = 5
POINTWISE: list[Callable[[], Any]] = [
    rb.Sigmoid, rb.Tanh, rb.ReLU, rb.Softmax, rb.GELU, rb.Softplus, rb.Identity, lambda: rb.Dropout(0.4),
    lambda: rb.Dropout(0.3, per="sequence"), lambda: rb.GaussianNoise(0.2),
    lambda: rb.GaussianNoise(0.1, per="sequence"),
    rb.LogSoftmax, rb.LeakyReLU, rb.ELU, rb.Square, rb.Abs, rb.Sum, rb.Mean, lambda: rb.Clip(-0.5, 0.7),
]  # fmt: skip
POSITIVE: list[Callable[[Any], Any]] = [
    lambda a: rb.Log()(a),
    lambda a: rb.Sqrt()(a),
    lambda a: rb.Exp()(-1 * a),
    lambda a: rb.Tanh()(a) / a - 0.5 / a,
    lambda a: a**-0.5 + a**3 * np.linspace(-1, 1, a.shape[0]),
]
"""Of what is above 0.1."""
OWN: list[Callable[[], Any]] = [Sine, Alarm]
TEMPLATES: list[Callable[[Any], Any]] = [
    lambda a: rb.Sigmoid()(a),
    lambda a: rb.Tanh()(a),
    lambda a: a * rb.Sigmoid()(a),
    lambda a: rb.GELU()(a),
    lambda a: rb.Tanh()(a) * rb.Sigmoid()(a),
]
REPEATING: list[Callable[[Any, Any], Any]] = [
    lambda a, b: a + b,
    lambda a, b: a - b,
    lambda a, b: a * b,
    lambda a, b: rb.Maximum()(a, b),
    lambda a, b: rb.Minimum()(a, b),
    lambda a, b: a / (rb.Softplus()(b) + 0.5),
    lambda a, b: np.linspace(0.5, 2, a.shape[0]) * a - abs(b),
]
MERGES: list[Callable[[Any, Any], Any]] = [
    *REPEATING,
    lambda a, b: rb.Zoneout(0.3)(a, b),
]
KINDS = [
    "positive",
    "repeated",
    "gain",
    "matrix",
    "dense",
    "pointwise",
    "pointwise",
    "merge",
    "scale",
    "split",
    "slice",
    "concat",
    "norm",
    "gates",
    "gates",
]


class CellMaker:
    """Draws a cell.

    Args:
        sizes: features that values may have. own: whether layers that run as Python, by ``own.py``, are drawn.
        symbols: whether x is symbols, which an Embedding or OneHot within the cell takes.
        products: whether x is taken by products alone, as what is looked up by symbol must be.
        more: inputs in addition to x, each a series or static, in any order, and not all of them used.
        parameters: whether there are parameter values, and products with them.
    """

    def __init__(
        self, draw: Draw, sizes: Sequence[int] = (2, 3, 4), *, dtype: str = "float64", own: bool = False,
        symbols: bool = False, products: bool = False, n_in: int | None = None, more: int = 0, parameters: bool = False,
    ) -> None:  # fmt: skip
        self.draw, self.sizes, self.dtype = draw, sizes, dtype
        self.kinds = [*KINDS, *["own"] * own, *["product"] * (4 * parameters)]
        self.seed, self.made = 0, list[rb.Dense]()
        self.x = rb.Input(() if symbols else self.size() if n_in is None else n_in)
        self.states: list[Any] = [rb.State(self.size()) for _ in range(draw.integer(1, 3))]
        first = [self.x]
        if symbols or products:
            make = self.vectors if symbols else self.product
            first = [make() for _ in range(draw.integer(1, 2))]
        self.first: Any = first[0]
        self.pool = [*first, *self.states]
        self.inputs = [self.x]
        self.pool += [self.parameter(self.size()) for _ in range(2 * parameters)]
        for k in range(more):
            per = draw.pick(["step", "sequence"])
            value = rb.Input(self.size(), f"more{k}", per=per)  # type: ignore[arg-type]
            self.inputs.insert(draw.integer(0, k + 1), value)
            self.pool.append(value)

    def parameter(self, *shape: int) -> Any:
        return rb.Parameter(shape, dtype=self.dtype, rng=self.next_seed())

    def size(self) -> int:
        return self.draw.pick(self.sizes)

    def next_seed(self) -> int:
        self.seed += 1
        return self.seed

    def vectors(self) -> Any:
        """Of the symbols that x is."""
        if self.draw.chance():
            return rb.OneHot(SYMBOLS)(self.x)
        return rb.Embedding(SYMBOLS, self.size(), rng=self.next_seed(), dtype=self.dtype)(self.x)

    def product(self) -> Any:
        """A Dense on x."""
        return self.dense(self.x, n_out=self.size())

    def dense(self, *values: Any, n_out: int) -> Any:
        """A Dense on values: a new one, one that is there, or one whose weights are those of another."""
        taken = tuple(v.shape[0] for v in values)
        fits = [layer for layer in self.made if (layer.n_in, layer.n_out) == (taken, n_out)]
        if fits and not self.draw.chance():
            return self.draw.pick(fits)(*values)
        bias = self.draw.chance()
        layer = rb.Dense(taken, n_out, bias=bias, dtype=self.dtype, rng=self.next_seed())
        if fits and self.draw.chance(0.3):
            tie(layer, fits[0])
        self.made.append(layer)
        return layer(*values)

    def fitting(self, n: int) -> Any:
        """A value of n features."""
        found = [v for v in self.pool if v.shape == (n,)]
        return (
            self.draw.pick(found)
            if found and self.draw.chance()
            else self.dense(self.any(), n_out=n)
        )

    def any(self) -> Any:
        return self.draw.pick(self.pool)

    def several(self) -> list[Any]:
        return [self.any() for _ in range(self.draw.integer(1, 3))]

    def step(self) -> None:
        """One more layer, or several."""
        v, kind = self.any(), self.draw.pick(self.kinds)
        (n,) = v.shape
        one = ("dense", "merge", "pointwise", "scale", "concat", "own", "gates", "gain", "positive",
               "product")  # fmt: skip
        getattr(self, f"_{kind if n > 1 or kind in one else 'dense'}")(v, n)

    def _dense(self, v: Any, n: int) -> None:
        self.pool.append(self.dense(*self.several(), n_out=self.size()))

    def _pointwise(self, v: Any, n: int) -> None:
        self.pool.append(self.draw.pick(POINTWISE)()(v))

    def _merge(self, v: Any, n: int) -> None:
        self.pool.append(self.draw.pick(MERGES)(v, self.fitting(n)))

    def _positive(self, v: Any, n: int) -> None:
        self.pool.append(self.draw.pick(POSITIVE)(rb.Softplus()(v) + 0.1))

    def _repeated(self, v: Any, n: int) -> None:
        """One feature, repeated for the others."""
        pair = v, self.fitting(1)
        self.pool.append(self.draw.pick(REPEATING)(*(pair if self.draw.chance() else pair[::-1])))

    def _gain(self, v: Any, n: int) -> None:
        layer = rb.Gain(n, weight_init="uniform", dtype=self.dtype, rng=self.next_seed())
        self.pool.append(layer(v))

    def _matrix(self, v: Any, n: int) -> None:
        """A matrix of features times a value."""
        rows = self.size()
        self.pool.append(rb.MatVec()(self.dense(self.any(), n_out=n * rows), v))

    def _scale(self, v: Any, n: int) -> None:
        self.pool.append(
            rb.Scale(self.draw.pick([-1.0, 1.0, 0.5]), self.draw.pick([0.0, 1.0, -0.3]))(v)
        )

    def _product(self, v: Any, n: int) -> None:
        """A product with a matrix that is a function of parameters, or its transpose."""
        rows, turned = self.size(), self.draw.chance()
        w = self.parameter(n, rows) if turned else self.parameter(rows, n)
        if self.draw.chance():
            w = self.draw.pick([abs(w), w * w, rb.Tanh()(w), rb.Dropout(0.3)(w), 0.5 * w])
        if self.draw.chance(0.3):
            w = self.parameter(w.shape[0], 1) * w
        self.pool.append(w.T @ v if turned else w @ v)

    def _split(self, v: Any, n: int) -> None:
        self.pool.extend(rb.Split(1, n - 1)(v))

    def _slice(self, v: Any, n: int) -> None:
        self.pool.append(rb.Slice(n, 0, n - 1)(v))

    def _concat(self, v: Any, n: int) -> None:
        other = self.any()
        self.pool.append(rb.Concat(n, other.shape[0])(v, other))

    def _norm(self, v: Any, n: int) -> None:
        self.pool.append(rb.LayerNorm(n, eps=0.1, dtype=self.dtype)(v))

    def _gates(self, v: Any, n: int) -> None:
        """Gates of one template, each by a Dense of its own on the same values, merged."""
        taken, template, size = self.several(), self.draw.pick(TEMPLATES), self.size()
        gates = [template(self.dense(*taken, n_out=size)) for _ in range(self.draw.integer(2, 4))]
        whole, merge = gates[0], self.draw.pick([*MERGES, MERGES[2]])
        for gate in gates[1:]:
            whole = merge(whole, gate)
        self.pool += [whole, self.draw.pick(gates)]

    def _own(self, v: Any, n: int) -> None:
        kind = self.draw.integer(0, len(OWN) + 1)
        if kind == len(OWN):
            self.pool.append(Tilt(n, self.dtype, self.next_seed())(v))
        elif kind > len(OWN):
            self.pool.extend(Fork()(v))
        else:
            self.pool.append(OWN[kind]()(v))

    def cell(self, *, tame: bool = False) -> rb.Cell:
        """The cell; where ``tame`` its states are bounded, so that many steps stay finite."""
        for _ in range(self.draw.integer(1, 8)):
            self.step()
        after = {s: self.fitting(s.shape[0]) for s in self.states}
        if tame:
            after = {s: rb.Tanh()(v) for s, v in after.items()}
        y = self.draw.pick(self.pool)
        if not reaches(self.x, [y, *after.values()]):
            y = rb.Concat(y.shape[0], self.first.shape[0])(y, self.first)
        return rb.Cell(self.inputs, after, output=y)


def reaches(x: Any, ends: Sequence[Any]) -> bool:
    """Whether one of the values at the end depends on x."""
    waiting, seen = list(ends), set[int]()
    while waiting:
        v = waiting.pop()
        if v is x:
            return True
        if v.source is not None and v.source.serial not in seen:
            seen.add(v.source.serial)
            waiting.extend(v.source.args)
    return False


def tie(layer: Any, other: Any) -> None:
    """Give a layer the arrays of another, where both have them."""
    layer.params = {key: other.params.get(key, array) for key, array in layer.params.items()}

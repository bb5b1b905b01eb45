"""Random models for what they take in bytes.

Parallel branches, layers of every kind around Recurrents.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.layers.declared import Keeps, Scratch
from tests import models

Array = np.ndarray


class Squared(rb.Layer):
    """y = x², by Python, with what it keeps and needs declared."""

    def __init__(self) -> None:
        self.params = {}

    def forward(self, x: Array) -> Any:
        return x * x, (x,)

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (2 * dy * saved[0],)

    def keeps(self, *shapes: Any) -> Keeps:
        return Keeps(inputs=(0,))

    def scratch(self, rows: int, *shapes: Any) -> Scratch:
        return Scratch(inputs=rows * shapes[0][0])

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


class Gained(rb.Layer):
    """y = w x by Python: parameters of a person's own."""

    def __init__(self, n: int, dtype: str) -> None:
        self.params = {"w": np.full(n, 0.9, dtype)}

    def forward(self, x: Array) -> Any:
        return x * self.params["w"], (x,)

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (dy * self.params["w"],)

    def backward_params(self, saved: Any, dy: Array) -> Any:
        n = len(self.params["w"])
        return {"w": (dy * saved[0]).reshape(-1, n).sum(axis=0)}

    def keeps(self, *shapes: Any) -> Keeps:
        return Keeps(inputs=(0,))

    def scratch(self, rows: int, *shapes: Any) -> Scratch:
        return Scratch(params=rows * shapes[0][0])

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def own_cell(n_in: int, n: int, dtype: str, rng: int) -> rb.Recurrent:
    """A cell with a layer that runs as Python."""
    x, h = rb.Input(n_in), rb.State(n, "h")
    a = rb.Dropout(0.2)(rb.Dense((n_in, n), n, dtype=dtype, rng=rng)(x, h))
    new = rb.Tanh()(Gained(n, dtype)(a))
    return rb.Recurrent(rb.Cell(x, {h: new}, output=new + rb.Sigmoid()(a)))


@dataclass
class Case:
    """A model and a run of it."""

    model: Any
    x: Array
    target: Array
    loss: Any
    run: dict[str, Any]
    words: str


class Drawn:
    """A random graph over x: values with their numbers of features."""

    def __init__(self, rng: np.random.Generator, dtype: str) -> None:
        self.rng, self.dtype, self.words = rng, dtype, list[str]()

    def pick(self, *options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def size(self) -> int:
        return int(self.pick(3, 8, 16, 32, 64))

    def block(self, n: int) -> tuple[Any, int]:
        """A layer or Recurrent from n features, and the number that it gives."""
        m, seed, dtype = self.size(), int(self.rng.integers(1000)), self.dtype
        recurrent = self.pick(
            lambda: rb.RNN(n, m, rng=seed, dtype=dtype),
            lambda: rb.LSTM(n, m, rng=seed, dtype=dtype, initial=self.pick("zeros", "learned")),
            lambda: rb.GRU(n, m, rng=seed, dtype=dtype),
            lambda: models.minimal_gated_unit(n, m, dtype, norm=True, rng=seed),
            lambda: own_cell(n, m, dtype, seed),
        )
        layer = self.pick(
            lambda: (rb.Dense(n, m, rng=seed, dtype=dtype), m),
            lambda: (rb.Dense(n, m, rng=seed, dtype=dtype), m),
            lambda: (rb.LayerNorm(n, dtype=dtype), n),
            lambda: (rb.Dropout(self.pick(0.0, 0.3)), n),
            lambda: (
                self.pick(rb.Tanh, rb.ReLU, rb.GELU, rb.Sigmoid, rb.Softplus, rb.ELU, rb.Softmax)(),
                n,
            ),
            lambda: (rb.LeakyReLU(0.1), n),
            lambda: (self.pick(Squared(), Gained(n, dtype)), n),
            lambda: (rb.Slice(n, n // 3, n), n - n // 3),
            lambda: self.picture(n),
        )
        if self.rng.random() < 0.45:
            return recurrent(), m
        found: tuple[Any, int] = layer()
        return found

    def picture(self, n: int) -> tuple[Any, int]:
        """A convolution or pooling over the features."""
        pool = self.pick(rb.MaxPool, rb.AvgPool)(2, 1, 1)
        conv = rb.Conv1D(1, 4, 3, padding=1, rng=0, dtype=self.dtype)
        return rb.Sequential(rb.Reshape((n,), (1, n)), conv, pool, rb.Flatten(2)), 4 * (n + 1)

    def graph(self, x: Any, n: int) -> tuple[Any, int]:
        ends = [(x, n)]
        for _ in range(int(self.rng.integers(2, 7))):
            value, n = ends[int(self.rng.integers(max(0, len(ends) - 3), len(ends)))]
            kind = self.rng.random()
            if kind < 0.12 and n > 3:
                parts = rb.Split(n // 2, n - n // 2)(value)
                ends += [(parts[0], n // 2), (parts[1], n - n // 2)]
                self.words.append("split")
                continue
            if kind < 0.3 and len(ends) > 1:
                other, m = ends[int(self.rng.integers(len(ends)))]
                if n == m:
                    how = self.pick(rb.Add(), rb.Multiply(), rb.Subtract(), rb.Concat(n, m))
                    ends.append((how(value, other), 2 * n if isinstance(how, rb.Concat) else n))
                else:
                    ends.append((rb.Concat(n, m)(value, other), n + m))
                self.words.append("merge")
                continue
            made, m = self.block(n)
            self.words.append(repr(made)[:30])
            ends.append((made(value), m))
        last = ends[-int(self.pick(1, 1, 2, 3)) :]
        value, n = last[0]
        for other, m in last[1:]:
            value, n = rb.Concat(n, m)(value, other), n + m
        if self.rng.random() < 0.7:
            m = self.size()
            value, n = rb.Dense(n, m, rng=0, dtype=self.dtype)(value), m
        return value, n


def draw(seed: int, large: int = 1) -> Case:
    """The model of a seed, and a run of it; batches ``large`` times as large."""
    rng = np.random.default_rng(seed)
    made = Drawn(rng, str(rng.choice(["float32", "float32", "float64"])))
    batch, chunk = ((4096, 1), (2048, 2), (1024, 4), (512, 32), (256, 16), (64, 64))[
        int(rng.integers(6))
    ]
    steps = int(rng.choice([1, 2 * chunk + 1, 3 * chunk, 5 * chunk]))
    batch = max(1, batch * large)
    x = rb.Input()
    symbols = rng.random() < 0.25
    n = made.size()
    value: Any = x
    if symbols:
        value = made.pick(rb.Embedding(11, n, dtype=made.dtype, rng=1), rb.OneHot(n, made.dtype))(x)
        made.words.append("symbols")
    elif rng.random() < 0.5:
        x = value = rb.Input(n)
    value, n_out = made.graph(value, n)
    model = rb.Graph(x, value)
    if not model.params:
        value, n_out = rb.Dense(n_out, 4, rng=3, dtype=made.dtype)(value), 4
        model = rb.Graph(x, value)
    kind = made.pick(made.dtype, made.dtype, "float64" if made.dtype == "float32" else "float32")
    given = (
        rng.integers(0, 3, (steps, batch))
        if symbols
        else rng.normal(size=(steps, batch, n)).astype(kind)
    )
    by_class = rng.random() < 0.4
    target = (
        rng.integers(0, n_out, (steps, batch))
        if by_class
        else rng.normal(size=(steps, batch, n_out))
    )
    loss = rb.losses.CrossEntropy() if by_class else rb.losses.MeanSquaredError()
    run: dict[str, Any] = {"chunk": chunk, "dx": bool(rng.random() < 0.5)}
    schedules = (
        "all",
        "all",
        "sqrt",
        lambda n: rb.schedules.EveryK(n, 2),
        lambda n: rb.schedules.Revolve(n, min(n, 2)),
        lambda n: rb.schedules.ThinTapes(n),
    )
    run["checkpoint"] = schedules[int(rng.integers(len(schedules)))]
    if rng.random() < 0.2:
        run["mask"] = rng.random((steps, batch)) < 0.9
        run["mask"][0, 0] = True
    target = target if by_class else target.astype(made.dtype)
    words = f"seed {seed}: B {batch} L {chunk} T {steps} {made.dtype} {type(loss).__name__} {made.words}"
    return Case(model, given, target, loss, run, words)

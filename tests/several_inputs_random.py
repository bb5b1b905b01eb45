"""Random graphs of several inputs, series and static ones, around cells and layers."""

from __future__ import annotations

from typing import Any

import numpy as np

import rnnbp as rb


class Drawn:
    """A random model with data for it, all from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng, self.seed = np.random.default_rng(seed), seed * 1000
        self.steps, self.batch = self._number(1, 12), self._number(1, 6)
        n = self._number(2, 5)
        pers = self.rng.permutation(["step", *self.rng.choice(["step", "sequence"], n - 1)])
        self.sizes = [self._number(1, 6) for _ in range(n)]
        self.inputs = [
            rb.Input(size, f"i{k}", per=per)
            for k, (size, per) in enumerate(zip(self.sizes, pers.tolist(), strict=True))
        ]
        self.values: list[Any] = list(self.inputs)
        for _ in range(self._number(2, 7)):
            self.values.append(self._value())
        series = [value for value in self.values if value.per == "step"]
        y = self._dense(3, series[-1], *self._some(self._number(0, 3)))
        self.model = rb.Graph(self.inputs, y)
        self.x = tuple(
            self.rng.normal(size=(*self._lead(per), size))
            for size, per in zip(self.sizes, pers, strict=True)
        )
        self.target = self.rng.normal(size=(self.steps, self.batch, 3))
        self.chunk = self._number(1, self.steps + 1)

    def _lead(self, per: str) -> tuple[int, ...]:
        return (self.steps, self.batch) if per == "step" else (self.batch,)

    def _number(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high))

    def _some(self, count: int) -> list[Any]:
        return [self.values[self._number(0, len(self.values))] for _ in range(count)]

    def _dense(self, n: int, *values: Any) -> Any:
        self.seed += 1
        sizes = [value.shape[0] for value in values]
        n_in = sizes if len(sizes) > 1 else sizes[0]
        return rb.Dense(n_in, n, dtype="float64", rng=self.seed)(*values)

    def _value(self) -> Any:
        kind, n = self._number(0, 7), self._number(1, 6)
        a, b = self._some(2)
        series = [value for value in self.values if value.per == "step"]
        s = series[self._number(0, len(series))]
        if kind == 0:
            return rb.Tanh()(self._dense(n, a))
        if kind == 1:
            return self._dense(n, a, b)
        if kind == 2:
            return rb.Concat(a.shape[0], b.shape[0])(a, b)
        if kind == 3:
            return self._dense(n, a) * rb.Sigmoid()(self._dense(n, b))
        if kind == 4:
            return rb.Dropout(0.3)(a)
        return (
            self._gated(s, b, n) if kind == 5 else rb.RNN(s.shape[0], n, dtype="float64", rng=1)(s)
        )

    def _gated(self, series: Any, other: Any, n: int) -> Any:
        """A cell that reads another value as it is, or at each step."""
        per = [other.per, "step"][self._number(0, 2)]
        x, s = rb.Input(series.shape[0]), rb.Input(other.shape[0], per=per)
        h = rb.State(n, "h")
        gate = rb.Sigmoid()(self._dense(n, s))
        h_new = gate * rb.Tanh()(self._dense(n, x, h)) + (1 - gate) * h
        return rb.Recurrent(rb.Cell((x, s), {h: h_new}, output=h_new))(series, other)

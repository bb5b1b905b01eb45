"""Random networks over time: a few steps, each a layer, a direction, a reduction or a merge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import rnnbp as rb
from tests.over_time_layers import N, dense, gru, lstm, rnn

Value = Any


class Builder:
    """A network in writing: series by axis and static values, all of N features."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.inputs = {
            "x": rb.Input(N, "x"),
            "z": rb.Input(N, "z"),
            "source": rb.Input(N, "source", axis="source"),
            "about": rb.Input(N, "about", per="sequence"),
        }
        self.series: list[Value] = [v for k, v in self.inputs.items() if k != "about"]
        self.static: list[Value] = [self.inputs["about"]]
        self.cells: list[Any] = []
        self.seeds = iter(range(1000))

    def pick(self, pool: list[Value]) -> Value:
        """One of them, more often one of the last."""
        return pool[-1 - min(int(self.rng.exponential(2.0)), len(pool) - 1)]

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def cell(self) -> Any:
        """A new Recurrent, or one that is there, in a random direction."""
        if self.cells and self.chance(0.2):
            return self.pick(self.cells)
        kind: Any = (lstm, gru, rnn)[self.rng.integers(3)]
        initial = "learned" if self.chance(0.3) else "zeros"
        found = kind(next(self.seeds), N, reverse=self.chance(0.5), initial=initial)
        self.cells.append(found)
        return found

    def unrolled(self) -> None:
        """A Recurrent on a series, perhaps from a static value, perhaps with its final state."""
        cell, x = self.cell(), self.pick(self.series)
        names = cell.cell.state_names
        options: dict[str, Any] = {}
        if self.chance(0.4):
            given = [self.pick(self.static) if self.chance(0.8) else None for _ in names]
            options["state"] = tuple(given)
        if self.chance(0.4):
            y, state = cell(x, return_state=True, **options)
            self.static += list(state) if isinstance(state, tuple) else [state]
        else:
            y = cell(x, **options)
        self.series.append(y)

    def both(self) -> None:
        """Both directions of a series, merged."""
        merge = ("concat", "sum", "mul", "mean")[self.rng.integers(4)]
        pair = rb.Bidirectional(lstm(next(self.seeds), N), gru(next(self.seeds), N), merge=merge)
        y = pair(self.pick(self.series))
        if merge == "concat":
            y = dense(next(self.seeds), 2 * N)(y)
        self.series.append(y)

    def layer(self) -> None:
        """A layer of a series or a static value, with or without parameters."""
        pool = self.series if self.chance(0.7) else self.static
        x = self.pick(pool)
        made: list[Callable[[], Any]] = [
            lambda: rb.Tanh()(dense(next(self.seeds))(x)),
            lambda: rb.Sigmoid()(x),
            lambda: rb.Penalty(l1=0.1, l2=0.2)(x),
            lambda: rb.LayerNorm(N, dtype="float64")(x) * 0.5,
        ]
        pool.append(made[self.rng.integers(len(made))]())

    def merged(self) -> None:
        """Two series of one axis, or a series and a static value."""
        x = self.pick(self.series)
        alike = [v for v in self.series if v.axis == x.axis]
        other = self.pick(self.static) if self.chance(0.4) else self.pick(alike)
        joined = dense(next(self.seeds), (N, N))
        self.series.append((x * other, x + other, joined(x, other))[self.rng.integers(3)])

    def reduced(self) -> None:
        kind = (rb.Last, rb.MeanOverTime, rb.MaxOverTime)[self.rng.integers(3)]
        found = kind()(self.pick(self.series))
        self.static.append(found if self.chance(0.5) else found + self.pick(self.static))

    def conditioned(self) -> None:
        """A cell with a static input."""
        a, s, h = rb.Input(N, "a"), rb.Input(N, "s", per="sequence"), rb.State(N, "h")
        gate = rb.Sigmoid()(dense(next(self.seeds))(s))
        h_new = gate * rb.Tanh()(dense(next(self.seeds), (N, N))(a, h)) + (1 - gate) * h
        cell = rb.Recurrent(rb.Cell((a, s), {h: h_new}, output=h_new), reverse=self.chance(0.5))
        self.series.append(cell(self.pick(self.series), self.pick(self.static)))

    def step(self) -> None:
        ways = (self.unrolled, self.both, self.layer, self.merged, self.reduced, self.conditioned)
        shares = (0.3, 0.15, 0.15, 0.15, 0.15, 0.1)
        ways[self.rng.choice(len(ways), p=shares)]()


def network(seed: int, steps: int = 7) -> Any:
    """A random network of at least one Recurrent, with one to three outputs."""
    builder = Builder(seed)
    builder.unrolled()
    for _ in range(steps):
        builder.step()
    computed = [v for v in (*builder.series, *builder.static) if v.source is not None]
    count = int(builder.rng.integers(1, 4))
    outputs = [builder.pick([v for v in builder.series if v.source is not None])]
    outputs += [builder.pick(computed) for _ in range(count - 1)]
    outputs = list({id(v): v for v in outputs}.values())
    used = leaves(outputs)
    inputs = [v for v in builder.inputs.values() if id(v) in used]
    named: Any = {f"y{k}": v for k, v in enumerate(outputs)} if len(outputs) > 1 else outputs[0]
    return rb.Graph(inputs, named)


def leaves(values: list[Value]) -> set[int]:
    """The identities of the inputs that values depend on."""
    found, waiting, seen = set[int](), list(values), set[int]()
    while waiting:
        value = waiting.pop()
        if value.source is None:
            found.add(id(value))
        elif value.source.serial not in seen:
            seen.add(value.source.serial)
            waiting += value.source.args
    return found

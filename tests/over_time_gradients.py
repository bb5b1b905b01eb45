"""The loss of a network over time by the reference, and its derivatives by complex steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from tests.over_time_reference import Given, Row, as_graph, axis_of, batch_of

Array: TypeAlias = npt.NDArray[Any]
STEP = 1e-30


@dataclass(frozen=True)
class Wanted:
    """What an output is compared with.

    Attributes:
        target: (T, B, ...) of a series, (B, ...) of a static output.
        kind: "mse" or "ce".
        weight: of this loss in the sum.
        mask: (T, B) or (B,), or with an axis for each element; None to count all.
    """

    target: Array
    kind: str = "mse"
    weight: float = 1.0
    mask: Array | None = None

    def losses(self, y: Array, target: Array) -> Array:
        """The loss of each element of ``y`` (..., n), or of its last axis."""
        if self.kind == "mse":
            found: Array = (y - target) ** 2
            return found
        shifted = y - y.real.max(axis=-1, keepdims=True)
        log_norm = np.log(np.exp(shifted).sum(axis=-1))
        of_target: Array = np.take_along_axis(shifted, target[..., None], axis=-1)[..., 0]
        return log_norm - of_target  # type: ignore[no-any-return]

    def weights(self, row: int, shape: tuple[int, ...], *, series: bool) -> Array:
        """Those of the elements of a row's losses, of this shape."""
        if self.mask is None:
            return np.ones(shape)
        mask = self.mask[: shape[0], row] if series else self.mask[row]
        mask = np.asarray(mask, float)
        return np.broadcast_to(mask.reshape(mask.shape + (1,) * (len(shape) - mask.ndim)), shape)

    def row(self, y: Array, row: int, *, series: bool) -> tuple[Any, float]:
        """(Σ w ℓ, Σ w) of a row."""
        target = self.target[: len(y), row] if series else self.target[row]
        losses = self.losses(y, target)
        weights = self.weights(row, losses.shape, series=series)
        return (weights * losses).sum(), float(weights.sum())


@dataclass
class Reference:
    """A model, in complex numbers, and what it is run on.

    Attributes:
        wanted: for each output, or None for one without a loss.
        variables: by name what may be varied: parameters by path, inputs "x0", states "state0.0".
    """

    model: Any
    given: Given
    wanted: Sequence[Wanted | None]
    variables: dict[str, Array] = field(init=False)
    by_row: dict[str, int] = field(init=False)
    """The axis of rows, of a variable that has one."""

    def __post_init__(self) -> None:
        self.model = self.model._astype(np.dtype(complex))
        self.graph = as_graph(self.model)
        inputs = [
            a.astype(complex) if a.dtype.kind == "f" else np.array(a) for a in self.given.inputs
        ]
        state = tuple(
            None if parts is None else tuple(a.astype(complex) for a in parts)
            for parts in self.given.state
        )
        self.given = replace(self.given, inputs=inputs, state=state)
        self.variables, self.by_row = dict(self.model.params), {}
        for k, array in enumerate(inputs):
            if array.dtype.kind == "c":
                self.variables[f"x{k}"] = array
                self.by_row[f"x{k}"] = int(self.graph.pers[k] == "step")
        for k, parts in enumerate(state):
            for j, array in enumerate(parts or ()):
                self.variables[f"state{k}.{j}"], self.by_row[f"state{k}.{j}"] = array, 0
        self.weights = self._weights()

    def rows(self, which: Iterable[int] | None = None) -> list[Row]:
        """Some rows, run, or all."""
        every = range(batch_of(self.graph, self.given))
        return [Row(self.graph, self.given, b) for b in (every if which is None else which)]

    def _parts(self, row: Row) -> list[tuple[Any, float]]:
        """For each output (Σ w ℓ, Σ w) of a row."""
        found = []
        for k, wanted in zip(self.graph.outputs, self.wanted, strict=True):
            item = row.values[k]
            series = item.per == "step"
            found.append(
                (0.0, 0.0) if wanted is None else wanted.row(item.array, row.row, series=series)
            )
        return found

    def _weights(self) -> list[float]:
        """Σ w of each output, over all rows."""
        every = [self._parts(row) for row in self.rows()]
        return [sum(part[1] for part in parts) for parts in zip(*every, strict=True)]

    def losses(self, which: Iterable[int] | None = None) -> list[Any]:
        """The loss of each output, not weighted by its factor, and last all penalties."""
        rows = self.rows(which)
        every = [self._parts(row) for row in rows]
        sums = [sum(part[0] for part in parts) for parts in zip(*every, strict=True)]
        charges = sum((sum(row.charges) for row in rows), 0.0)
        means = [s / w if w else 0.0 for s, w in zip(sums, self.weights, strict=True)]
        return [*means, charges]

    def loss(self, which: Iterable[int] | None = None) -> Any:
        """What is differentiated: of some rows their part of it."""
        *means, charges = self.losses(which)
        factors = [0.0 if each is None else each.weight for each in self.wanted]
        return sum(f * mean for f, mean in zip(factors, means, strict=True)) + charges

    def derivative(self, name: str, at: tuple[int, ...]) -> float:
        """The derivative by an element of a variable."""
        array = self.variables[name]
        rows = None if name not in self.by_row else [at[self.by_row[name]]]
        return self._stepped([(array, _one(array.shape, at))], rows)

    def along(self, directions: Mapping[str, Array]) -> float:
        """The derivative along a direction in all of these variables."""
        return self._stepped([(self.variables[k], v) for k, v in directions.items()])

    def _stepped(
        self, moves: Sequence[tuple[Array, Array]], rows: Iterable[int] | None = None
    ) -> float:
        before = [array.copy() for array, _ in moves]
        try:
            for array, direction in moves:
                array += 1j * STEP * direction
            return float(np.imag(self.loss(rows))) / STEP
        finally:
            for (array, _), old in zip(moves, before, strict=True):
                array[...] = old

    def gradient(self, name: str) -> Array:
        """The gradient by a variable, element by element."""
        shape = self.variables[name].shape
        found = np.zeros(shape)
        for at in self._seen(name):
            found[at] = self.derivative(name, at)
        return found

    def _seen(self, name: str) -> Iterable[tuple[int, ...]]:
        """The elements of a variable that are within their rows' lengths."""
        for at in np.ndindex(self.variables[name].shape):
            if name.startswith("x") and self.by_row.get(name) == 1:
                axis = axis_of(self.graph, int(name[1:]))
                lengths = self.given.lengths.get(axis)
                if lengths is not None and at[0] >= lengths[at[1]]:
                    continue
            yield at

    def outputs(self) -> list[Array]:
        """Each output of the batch: series (T, B, ...), 0 past a row's end, and static values."""
        rows = self.rows()
        return [self._whole([row.values[k] for row in rows], k) for k in self.graph.outputs]

    def _whole(self, items: Sequence[Any], k: int) -> Array:
        parts = [item.array.real for item in items]
        if items[0].per != "step":
            return np.stack(parts)
        steps = max(
            len(a)
            for j, a in enumerate(self.given.inputs)
            if self.graph.pers[j] == "step" and axis_of(self.graph, j) == items[0].axis
        )
        found = np.zeros((steps, len(parts), *parts[0].shape[1:]))
        for b, part in enumerate(parts):
            found[: len(part), b] = part
        return found

    def final(self) -> list[tuple[Array, ...]]:
        """The final states of each Recurrent, (B, ...)."""
        rows = [row.final for row in self.rows()]
        return [
            tuple(np.stack(parts).real for parts in zip(*states, strict=True))
            for states in zip(*rows, strict=True)
        ]


def _one(shape: tuple[int, ...], at: tuple[int, ...]) -> Array:
    found = np.zeros(shape)
    found[at] = 1
    return found


def assert_all_derivatives(reference: Reference, grads: Mapping[str, Array], seed: int = 0) -> None:
    """That the derivative along a random direction in all variables is that of ``grads``.

    Where it is not, that of each variable is compared, to say which.
    """
    rng = np.random.default_rng(seed)
    directions = {name: _random(reference, name, rng) for name in grads}
    missing = [name for name in reference.variables if name not in grads]
    assert not missing, f"no gradient by {missing}"
    products = {name: float((grads[name] * v).sum()) for name, v in directions.items()}
    size = sum(float(np.abs(grads[name] * v).sum()) for name, v in directions.items())
    if abs(reference.along(directions) - sum(products.values())) <= 1e-12 * max(size, 1e-3):
        return
    for name, v in directions.items():
        expected = reference.along({name: v})
        assert abs(expected - products[name]) <= 1e-12 * max(size, 1e-3), (
            f"{name}: along a direction {products[name]:.15g}, by complex step {expected:.15g}"
        )
    raise AssertionError("the sum of all differs, though no variable alone does")


def _random(reference: Reference, name: str, rng: np.random.Generator) -> Array:
    found = np.zeros(reference.variables[name].shape)
    for at in reference._seen(name):
        found[at] = rng.normal()
    return found


def assert_every_derivative(reference: Reference, grads: Mapping[str, Array]) -> None:
    """That each element of each gradient is the derivative, to 1e-12 of the largest of its array."""
    for name in reference.variables:
        expected = reference.gradient(name)
        scale = max(1e-3, float(np.abs(expected).max(initial=0)))
        np.testing.assert_allclose(grads[name], expected, rtol=0, atol=1e-12 * scale, err_msg=name)

"""Models that go through a file: what must be the same after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb
from tests.helpers import assert_same_arrays, assert_same_named, reals

Array = np.ndarray


class Swish(rb.Layer):
    """y = x σ(β x), a layer of a user's own, by its attributes."""

    def __init__(self, beta: float = 1.0, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params, self.beta = {}, beta

    def forward(self, x: Array, **context: Any) -> Any:
        return x / (1 + np.exp(-self.beta * x)), (x,)

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        s = 1 / (1 + np.exp(-self.beta * saved[0]))
        return (dy * s * (1 + self.beta * saved[0] * (1 - s)),)

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes

    def keeps(self, *shapes: Any) -> rb.Keeps:
        return rb.Keeps(inputs=(0,))


class Tilt(rb.Layer):
    """y = a ⊙ x + shift, with a learned, another's with ``get_config``; the shift is an array."""

    def __init__(self, n: int, shift: Array, *, dtype: str = "float32", rng: int = 0) -> None:
        super().__init__()
        self.params = {"tilt": np.random.default_rng(rng).normal(size=n).astype(dtype)}
        self._shift = shift

    def get_config(self) -> dict[str, object]:
        return {"n": self.params["tilt"].size, "shift": self._shift}

    def forward(self, x: Array, **context: Any) -> Any:
        return x * self.params["tilt"] + self._shift.astype(x.dtype), (x,)

    def backward_inputs(self, saved: Any, dy: Array) -> Any:
        return (dy * self.params["tilt"],)

    def backward_params(self, saved: Any, dy: Array) -> dict[str, Array]:
        return {"tilt": (dy * saved[0]).reshape(-1, dy.shape[-1]).sum(axis=0)}

    def output_shapes(self, *shapes: Any) -> Any:
        return shapes


def loaded(model: Any, folder: Path, layers: Mapping[str, Any] | None = None) -> Any:
    """The model after a file: the same text, paths, arrays and ties, and the same file again."""
    path, again = folder / "model.safetensors", folder / "again.safetensors"
    rb.save(model, path)
    found = rb.load(path, layers)
    assert type(found) is type(model)
    assert repr(found) == repr(model)
    assert list(found.params) == list(model.params)
    assert_same_named(found.params, model.params)
    assert not any(
        np.shares_memory(a, b)
        for a, b in zip(found.params.values(), model.params.values(), strict=True)
    )
    rb.save(found, again)
    assert again.read_bytes() == path.read_bytes()
    return found


def assert_same_slots(found: Any, model: Any) -> None:
    """That parameters have the same paths, tied ones too, in the same places."""
    assert list(found.slots) == list(model.slots)
    assert places(found) == places(model)


def places(model: Any) -> list[tuple[int, str, int]]:
    """Of each path the dict that holds it and its array, each by when it is met first."""
    owners, arrays = dict[int, int](), dict[int, int]()
    return [
        (
            owners.setdefault(id(owner), len(owners)),
            key,
            arrays.setdefault(id(owner[key]), len(arrays)),
        )
        for owner, key in model.slots.values()
    ]


def gradients(model: Any, n_in: int, **options: Any) -> dict[str, Any]:
    """All that a run of some steps returns, by name."""
    dtype = model.dtype or "float64"
    x = reals(5, 3, n_in, dtype=dtype, seed=1)
    target = reals(5, 3, *model.output_shapes((n_in,))[0], dtype=dtype, seed=2)
    found = rb.bptt(model, x, target, rb.losses.MeanSquaredError(), seed=3, **options)
    return {"loss": found.loss, "dx": found.dx, **found.grads}


def assert_same_gradients(found: Any, model: Any, backend: str = "interpreter") -> None:
    """That both models, of three features, compute the same bits; in training, of one seed."""
    one, other = (gradients(each, 3, backend=backend) for each in (found, model))
    assert list(one) == list(other)
    assert_same_arrays(one.values(), other.values())

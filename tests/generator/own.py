"""Layers of a person's own: they have no ``lower``, and so run as Python within cells."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

import rnnbp as rb
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.rng import generator

Array = np.ndarray
Shape = tuple[int, ...]


class Sine(rb.Layer):
    """y = sin x."""

    spare = (0, 0, 0)

    def __init__(self) -> None:
        self.params = {}

    def forward(self, x: Array) -> tuple[Array, tuple[Array, ...]]:
        return np.sin(x), (x,)

    def backward_inputs(self, saved: tuple[Array, ...], dy: Array) -> tuple[Array, ...]:
        slope = np.asarray(np.cos(saved[0]))
        slope *= dy
        return (slope,)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return shapes

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))


class Tilt(rb.Layer):
    """y = a ⊙ x, with a parameter a."""

    def __init__(self, n: int, dtype: str, rng: int) -> None:
        self.params = {"tilt": generator(rng).normal(size=n).astype(dtype)}

    def get_config(self) -> dict[str, Any]:
        """The arguments of a layer with as many features, for files."""
        return {"n": self.params["tilt"].size, "dtype": self.params["tilt"].dtype.name, "rng": 0}

    def forward(self, x: Array) -> tuple[Array, tuple[Array, ...]]:
        return x * self.params["tilt"], (x,)

    def backward_inputs(self, saved: tuple[Array, ...], dy: Array) -> tuple[Array, ...]:
        return (dy * self.params["tilt"],)

    def backward_params(self, saved: tuple[Array, ...], dy: Array) -> dict[str, Array]:
        return {"tilt": (dy * saved[0]).reshape(-1, dy.shape[-1]).sum(axis=0)}

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return shapes

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))

    def scratch(self, rows: int, *shapes: Shape) -> Any:
        return Scratch(params=rows * self.params["tilt"].size)


class Fork(rb.Layer):
    """Two outputs, x and x²."""

    n_outputs = 2
    spare = (0, 0, 0)

    def __init__(self) -> None:
        self.params = {}

    def forward(self, x: Array) -> tuple[Any, tuple[Array, ...]]:
        return (x + 0, x * x), (x,)

    def backward_inputs(self, saved: tuple[Array, ...], dy: Any) -> tuple[Array, ...]:
        first, second = dy
        found = np.zeros_like(saved[0]) if second is None else np.asarray(2 * saved[0])
        found *= 0 if second is None else second
        found += 0 if first is None else first
        return (found,)

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return shapes[0], shapes[0]

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))


class Alarm(rb.Layer):
    """y = x + 0; raises KeyboardInterrupt in the call, of all alarms, that ``left`` counts down to."""

    spare = (0, 0, 0)
    left: ClassVar[int | None] = None

    def __init__(self) -> None:
        self.params = {}

    def forward(self, x: Array) -> tuple[Array, tuple[Array, ...]]:
        self.ring()
        return x + 0, ()

    def backward_inputs(self, saved: tuple[Array, ...], dy: Array) -> tuple[Array, ...]:
        self.ring()
        return (dy + 0,)

    @classmethod
    def ring(cls) -> None:
        if cls.left is not None:
            cls.left -= 1
            if cls.left <= 0:
                cls.left = None
                raise KeyboardInterrupt

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        return shapes

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

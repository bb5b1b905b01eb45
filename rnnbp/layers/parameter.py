"""The layer without inputs whose output is its parameter: a graph's ``Parameter``."""

from __future__ import annotations

from typing import final

from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps, Scratch
from rnnbp.numerics import Array, Saved, Shape, ShapeError

PARAMETER = "value"
"""The key of the parameter."""


@final
class ParameterLayer(Layer):
    """y = its parameter ``value``, without batch axes. Keeps nothing.

    Args:
        value: the parameter.
        name: its path, in a network and in a cell alike.
    """

    spare = (0, 0, 0)
    sole = True
    view = True

    def __init__(self, value: Array, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {PARAMETER: value}

    def forward(self, *xs: Array) -> tuple[Array, Saved]:
        value = self.params[PARAMETER].view()
        value.setflags(write=False)
        return value, ()

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps()

    def scratch(self, rows: int, *shapes: Shape) -> Scratch:
        return Scratch()

    def backward_inputs(self, saved: Saved, dy: Array) -> tuple[Array, ...]:
        return ()

    def backward_params(self, saved: Saved, dy: Array) -> dict[str, Array]:
        return {PARAMETER: dy}

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        if shapes:
            raise ShapeError(f"{self}: takes no inputs, found {len(shapes)}; use its value")
        return (self.params[PARAMETER].shape,)

    def describe(self) -> str:
        (shape,) = self.output_shapes()
        return f"{shape[0] if shape is not None and len(shape) == 1 else shape}"

    def __repr__(self) -> str:
        return super().__repr__().replace("ParameterLayer(", "Parameter(", 1)

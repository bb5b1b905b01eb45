"""Which activations machine code runs outside cells, in how many tasks, and their bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, TypeGuard, final

from rnnbp.layers.base import Layer
from rnnbp.layers.pointwise import Activation
from rnnbp.machine.tasks import ROW
from rnnbp.numerics import Dtype, Shape
from rnnbp.runners.factory import LayerSizes
from rnnbp.runners.llvm.activation_code import ELEMENTS
from rnnbp.runners.llvm.activation_rows import ROWS

TASKS = 32
"""Tasks at the most."""
LEAST = 2**11
"""Elements of a task at the least, but for the last: 1 to 4 µs."""


def activates(layer: Layer, dtype: Dtype) -> TypeGuard[Activation]:
    """True if it is an activation of real numbers that has machine code."""
    own = type(layer).__module__.startswith("rnnbp.layers.")
    return own and type(layer).__name__ in ELEMENTS.keys() | ROWS.keys() and dtype.kind == "f"


@final
@dataclass(frozen=True)
class ActivationSizes(LayerSizes):
    """The sizes of an ``ActivationKernel``."""

    in_rounds: ClassVar[bool] = True
    layer: Activation

    @property
    def weight_bytes(self) -> int:
        """There are no weights."""
        return 0

    def task_bytes(self, lead: int, shape: Shape) -> int:
        n, width = parts_of(self.layer, (lead, *shape))
        return 8 * ROW * -(-n // together(n, width))


def parts_of(layer: Activation, shape: Shape) -> tuple[int, int]:
    """(how many parts an array can be cut into, elements of each): numbers, or rows."""
    width = shape[-1] if type(layer).__name__ in ROWS else 1
    return (math.prod(shape) // width if width else 0), width


def together(n: int, width: int) -> int:
    """Parts of a task."""
    return max(1, -(-n // TASKS), -(-LEAST // max(1, width)))

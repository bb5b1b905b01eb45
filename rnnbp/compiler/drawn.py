"""Random numbers that code takes: values that nothing in the code computes.

A drawn value is an operation without arguments. Whoever runs the code fills the value's array with
the numbers of ``Context`` before a chunk runs, forward and again before its backward: no tape holds
them, because they are a function of the seed, the place and the step.
"""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.compiler.op import Op
from rnnbp.layers.primitives import Numbers
from rnnbp.numerics import Shape
from rnnbp.rng import Per

DRAWN = "drawn"
"""The operation's name."""


@dataclass(frozen=True, slots=True)
class Draw:
    """The attribute of a drawn value: what its numbers depend on apart from the seed and the step.

    Args:
        numbers: of which distribution.
        shape: of the features.
        node: the number of the layer's node in its cell.
        per: how often they change.
        draw: as of ``Context.uniform``.
    """

    numbers: Numbers
    shape: Shape
    node: int
    per: Per
    draw: int

    @property
    def still(self) -> bool:
        """True if all steps of a sequence have the same numbers: their array has no axis of
        steps."""
        return self.per == "sequence"


def draw_of(op: Op) -> Draw:
    """The attribute of a drawn value's operation."""
    assert isinstance(op.attr, Draw), op
    return op.attr

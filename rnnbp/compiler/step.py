"""A cell compiled: the code of a step, in phases, and the storage of every value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from rnnbp.compiler.backward import Backward, backward_half
from rnnbp.compiler.compile import Codes, codes
from rnnbp.compiler.forward import Forward, forward_half
from rnnbp.compiler.maker import Values
from rnnbp.compiler.storage import Storage
from rnnbp.graph.cell import Cell
from rnnbp.numerics import Shape


@dataclass(frozen=True, eq=False)
class StepCode:
    """A cell compiled for feature shapes of its inputs, any batch size, dtype and backend."""

    codes: Codes
    """As the passes left them, with what each did."""
    forward: Forward
    backward: Backward
    without: frozenset[str]
    """Rules that were left out."""

    @property
    def values(self) -> Values:
        """The feature shapes of all values."""
        return self.forward.code.values


def step_code(
    cell: Cell,
    x_shapes: Sequence[Shape],
    without: Iterable[str] = (),
    *,
    lanes: bool = False,
    training: bool = True,
) -> StepCode:
    """The code of a step of a cell.

    Args:
        without: rules that are left out, of ``rnnbp.compiler.passes.RULES``.
        lanes: whether pointwise operations stay lane by lane, because the backend fuses them.
        training: False for the code of evaluation mode.
    """
    off = frozenset(without)
    shapes = [shape or () for shape in cell.value_shapes(*x_shapes, *cell.state_shapes)]
    made = codes(cell, shapes, without=off, lanes=lanes, training=training)
    hoisted = "hoisted" not in off
    forward = forward_half(made, hoisted=hoisted, lanes=lanes)
    backward = backward_half(forward, made.backward, hoisted=hoisted, lanes=lanes)
    saved = tuple([v for op in backward.opaque for v in op.forward.outs])
    storage = _used_by_both(forward.storage, backward.storage)
    return StepCode(made, replace(forward, storage=storage, saved=saved), backward, off)


def _used_by_both(forward: Storage, backward: Storage) -> Storage:
    """The storage of the forward half with the phases in which backward uses its buffers.

    What backward takes for a block of steps at once has an array for all of them, in runs without a
    tape too.
    """
    uses = {
        buffer: used | backward.phases.get(buffer, frozenset())
        for buffer, used in forward.phases.items()
    }
    return replace(forward, phases=uses)

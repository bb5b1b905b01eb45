"""The functions over a chunk that a cell's step code becomes."""

from __future__ import annotations

from rnnbp.compiler.lowering import tied
from rnnbp.compiler.step import StepCode, step_code
from rnnbp.compiler.storage import Buffer
from rnnbp.graph.cell import Cell
from rnnbp.numerics import Shape
from rnnbp.runners.constants import Constants
from rnnbp.runners.numpy.function import Function
from rnnbp.runners.numpy.gathers import Gathers
from rnnbp.runners.numpy.halves import backward_function, forward_function
from rnnbp.support.lazy import cached_property
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered


class Functions:
    """The functions of a step code, each written when it is first needed."""

    def __init__(self, step: StepCode) -> None:
        self.step, self.constants = step, Constants()

    @cached_property
    def advance(self) -> Function:
        """The state after a chunk; only what feeds it is run."""
        return self._forward(rolling=True, output=False)

    @cached_property
    def outputs(self) -> Function:
        """The state after a chunk, and y."""
        return self._forward(rolling=True, output=True)

    @cached_property
    def keep(self) -> Function:
        """The states of all steps."""
        return self._forward(rolling=False, output=False)

    @cached_property
    def keep_outputs(self) -> Function:
        """The states of all steps, and y."""
        return self._forward(rolling=False, output=True)

    @cached_property
    def record(self) -> Function:
        """The tape of a chunk, and y."""
        return self._forward(rolling=False, output=True, taped=True)

    @cached_property
    def record_tape(self) -> Function:
        """The tape alone."""
        return self._forward(rolling=False, output=False, taped=True)

    @cached_property
    def rebuild(self) -> Function:
        """The tape from the states of all steps, and y: no loop."""
        return self._forward(rolling=False, output=True, taped=True, known=True)

    @cached_property
    def rebuild_tape(self) -> Function:
        """The tape alone, from the states."""
        return self._forward(rolling=False, output=False, taped=True, known=True)

    @cached_property
    def outer(self) -> dict[int, Buffer]:
        """By value that is an input, its array as the caller has it."""
        return dict(zip(self.step.forward.code.inputs, self.step.forward.xs, strict=False))

    @cached_property
    def gathers(self) -> Gathers:
        """What ``backward`` puts together for a whole chunk."""
        return Gathers(self.step)

    @cached_property
    def backward(self) -> Function:
        """The delta recursion of a piece."""
        return backward_function(self.step, self.gathers, self.constants)

    def _forward(
        self, *, rolling: bool, output: bool, taped: bool = False, known: bool = False
    ) -> Function:
        return forward_function(
            self.step.forward, self.constants, rolling=rolling, output=output, taped=taped,
            known=known,
        )  # fmt: skip


_known = Remembered[Cell, Recent[object, Functions]](lambda cell: Recent(16))


def functions(
    cell: Cell,
    x_shapes: tuple[Shape, ...],
    without: frozenset[str] = frozenset(),
    *,
    training: bool = True,
) -> Functions:
    """The functions of a cell for inputs of these shapes, in a mode, compiled once."""
    key = x_shapes, without, tied(cell), training
    return _known.of(cell).get(
        key, lambda: Functions(step_code(cell, x_shapes, without, training=training))
    )

"""Unrolled: a Recurrent that takes its first state from values, or returns its final state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, final

from rnnbp.graph.timed import Timed
from rnnbp.numerics import Shape, ShapeError

if TYPE_CHECKING:
    from rnnbp.graph.over_time.base import OverTime
    from rnnbp.graph.recurrent import Recurrent
    from rnnbp.graph.values import Block, Per, Value
    from rnnbp.layers.base import Layer
    from rnnbp.parameters import Parameters

STATIC: tuple[Per, ...] = ("sequence",)


@final
@dataclass(frozen=True, eq=False, repr=False)
class Unrolled(Timed):
    """The block of ``rnn(x, state=...)`` and of ``rnn(x, return_state=True)``.

    Its arguments are the inputs of the cell, then the initial values of states, static values; its
    outputs y, then the final states, static too. Its parameters are those of the Recurrent.

    Attributes:
        recurrent: what is unrolled.
        given: for each State of the cell, whether its initial value is an argument.
        gives_state: whether the final states are outputs.
    """

    recurrent: Recurrent
    given: tuple[bool, ...]
    gives_state: bool

    @property
    def reverse(self) -> bool:  # type: ignore[override]  # an attribute of the instance in others
        return self.recurrent.reverse

    @property
    def takes_state(self) -> bool:
        """True if the initial value of some state is an argument."""
        return any(self.given)

    @property
    def n_outputs(self) -> int:  # type: ignore[override]  # a number of the class in others
        """y, and the final states."""
        return 1 + len(self.given) * self.gives_state

    @property
    def in_pers(self) -> tuple[Per, ...]:
        return self.recurrent.in_pers + STATIC * sum(self.given)

    @property
    def out_pers(self) -> tuple[Per, ...]:
        return self.recurrent.out_pers + STATIC * (self.n_outputs - 1)

    def check_args(self, args: Sequence[Value]) -> None:
        n = self.recurrent.cell.n_inputs
        self.recurrent.check_args(args[:n])
        for name, value in zip(self._taken, args[n:], strict=True):
            if value.per == "step":
                cure = (
                    "give one step of it, as Last()(series), or what return_state=True returns of "
                    "a Recurrent"
                )
                raise ValueError(
                    f"{self}: the initial value of state {name} is static, (B, ...), found "
                    f"{value!r}, a series; {cure}"
                )
            if value.per == "run":
                raise ValueError(
                    f"{self}: the initial value of state {name} is one for each sequence, found "
                    f"{value!r}, a function of parameters alone; build the Recurrent with "
                    "initial='learned', or add a static value to it"
                )

    def output_shapes(self, *shapes: Shape | None) -> tuple[Shape | None, ...]:
        cell = self.recurrent.cell
        own = dict(zip(cell.state_names, cell.state_shapes, strict=True))
        for name, found in zip(self._taken, shapes[cell.n_inputs :], strict=True):
            if found is not None and found != own[name]:
                raise ShapeError(
                    f"{self}: state {name} has features {own[name]}, found {found} as its initial "
                    f"value; project that first{_dense(found, own[name])}"
                )
        y = self.recurrent.output_shapes(*shapes[: cell.n_inputs])
        return (*y, *cell.state_shapes) if self.gives_state else y

    @property
    def _taken(self) -> list[str]:
        """The names of the states whose initial values are arguments."""
        named = zip(self.recurrent.cell.state_names, self.given, strict=True)
        return [name for name, given in named if given]

    @property
    def params(self) -> Parameters:
        """Those of the Recurrent."""
        return self.recurrent.params

    @property
    def name(self) -> str | None:
        """That of the Recurrent."""
        return self.recurrent.name

    def __repr__(self) -> str:
        return repr(self.recurrent)


def _dense(found: Shape, wanted: Shape) -> str:
    """The layer that would project one shape to another, where there is one."""
    return f", as Dense({found[0]}, {wanted[0]})" if len(found) == len(wanted) == 1 else ""


def with_recurrent(block: Block, recurrent: Recurrent) -> Block:
    """A block that applies a Recurrent, with another in its place."""
    return replace(block, recurrent=recurrent) if isinstance(block, Unrolled) else recurrent


def layer_of(block: Block) -> Layer | Recurrent | OverTime:
    """What a node's block applies, which a graph lists among its layers: the Recurrent, of one
    that is unrolled."""
    return block.recurrent if isinstance(block, Unrolled) else block

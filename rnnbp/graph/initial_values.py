"""The initial state of a Recurrent as symbolic values, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

from rnnbp.graph.values import Value
from rnnbp.numerics import shown

if TYPE_CHECKING:
    from rnnbp.graph.recurrent import Recurrent

StateValues: TypeAlias = Value | Sequence[Value | None] | None
"""A static value, or one for each State of a cell; None for what a state is without."""


def states_of(block: Recurrent, state: StateValues) -> tuple[Value | None, ...]:
    """For each State of a cell its initial value, or None where none is given.

    Raises TypeError for another number of them, or for what is no value.
    """
    names = block.cell.state_names
    if state is None:
        return (None,) * len(names)
    given = tuple(state) if isinstance(state, list | tuple) else (state,)
    if any(each is not None and not isinstance(each, Value) for each in given):
        raise TypeError(
            f"{block}: state= of a call on values is a symbolic value, found {shown(state)}; "
            "arrays are given to a run, as predict(model, x, state=...)"
        )
    if len(given) != len(names):
        listed = ", ".join([f"state {name}" if name.isdecimal() else name for name in names])
        cure = f"give a tuple, state=({listed})" if len(names) > 1 else f"give state={listed}"
        raise TypeError(
            f"{block}: its cell has {len(names)} state{'s' * (len(names) > 1)}, {listed}, found "
            f"{len(given)} initial value{'s' * (len(given) > 1)}; {cure}"
        )
    return given

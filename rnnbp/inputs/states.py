"""Initial states as they are given to a run, checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.given import StateLike
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import Array, Dtype, DtypeError, NonFiniteError, Shape, ShapeError
from rnnbp.support.reprs import counted

ANEW = {"state": " to begin anew", "dstate": " for zeros"}
"""What it is to be left out for."""
States: TypeAlias = tuple[tuple[Array, ...], ...]
"""For each Recurrent of a model, in order, its state: a tuple of arrays (B, ...)."""
FinalDeltas: TypeAlias = Sequence[Sequence[Array | None] | None]
"""For each Recurrent the deltas of its final state, an array (B, ...) for each; None for zero. Of a
model whose final states have none it is ()."""


def initial_states(
    model: Graph, state: StateLike, batch: int, dtype: Dtype
) -> tuple[States, tuple[bool, ...], int]:
    """(initial states of a model's Recurrents, which were given, bytes of those not copied)."""
    return states_of_blocks(recurrent_blocks(model), state, batch, dtype)


def states_of_blocks(
    blocks: Sequence[Recurrent], state: StateLike, batch: int, dtype: Dtype
) -> tuple[States, tuple[bool, ...], int]:
    """The same of Recurrents in order."""
    if state is None:
        own = [block.first_state(batch, dtype) for block in blocks]
        return tuple(own), (False,) * len(own), 0
    given = _per_recurrent(state, len(blocks))
    found, lent = [], 0
    for k, (block, arrays) in enumerate(zip(blocks, given, strict=True)):
        if arrays is None:
            found.append(block.first_state(batch, dtype))
        else:
            checked = _checked_state(k, block, arrays, batch, dtype)
            found.append(tuple([np.ascontiguousarray(array, dtype) for array in checked]))
            lent += sum(a.nbytes for a, b in zip(checked, found[-1], strict=True) if a is b)
    return tuple(found), tuple([arrays is not None for arrays in given]), lent


def final_deltas(model: Graph, dstate: StateLike, batch: int, dtype: Dtype) -> FinalDeltas:
    """The deltas of the final state of a model's Recurrents, as they were passed to a run.

    Raises as ``initial_states`` does.
    """
    return () if dstate is None else final_deltas_of(recurrent_blocks(model), dstate, batch, dtype)


def final_deltas_of(
    blocks: Sequence[Recurrent], dstate: StateLike, batch: int, dtype: Dtype
) -> FinalDeltas:
    """The same of Recurrents in order."""
    found = list[tuple[Array, ...] | None]()
    if dstate is None:
        return ()
    given = _per_recurrent(dstate, len(blocks), "dstate")
    for k, (block, arrays) in enumerate(zip(blocks, given, strict=True)):
        checked = (
            None if arrays is None else _checked_state(k, block, arrays, batch, dtype, "dstate")
        )
        found.append(
            None if checked is None else tuple([np.ascontiguousarray(a, dtype) for a in checked])
        )
    return tuple(found)


def _per_recurrent(state: StateLike, count: int, what: str = "state") -> Sequence[object]:
    """``state`` as one entry per Recurrent; with a single one, its own arrays or array will do."""
    if _is_array(state):
        state = (state,)
    if not isinstance(state, (tuple, list)):
        raise TypeError(
            f"{what} is a tuple with one entry per Recurrent, found {type(state).__name__}"
        )
    entries: Sequence[object] = state
    if count == 1 and entries and all(_is_array(part) for part in entries):
        entries = (entries,)
    if len(entries) != count:
        raise ShapeError(
            f"{what} has {len(entries)} entries for {count} Recurrents; give one for each, or None"
        )
    return entries


def _checked_state(
    k: int, block: Recurrent, arrays: object, batch: int, dtype: Dtype, what: str = "state"
) -> tuple[Array, ...]:
    given = (arrays,) if _is_array(arrays) else _arrays_of(f"{what} {k}", arrays)
    names, shapes = block.cell.state_names, block.cell.state_shapes
    if len(given) != len(shapes):
        raise ShapeError(
            f"{what} {k} has {len(given)} arrays; its cell has {len(shapes)} states: "
            f"{', '.join(names)}; give all"
        )
    return tuple(
        [
            _checked(f"{what} {k}, {name}", each, (batch, *shape), dtype, what)
            for name, each, shape in zip(names, given, shapes, strict=True)
        ]
    )


def _checked(where: str, given: object, shape: Shape, dtype: Dtype, what: str) -> Array:
    """One array of a state. Raises unless it has this shape and finite values."""
    array = plain(where, given)
    if not _is_array(given) or array.dtype not in (np.float32, np.float64):
        kind = array.dtype if _is_array(given) else type(given).__name__
        raise DtypeError(
            f"{where}: expected an array of {dtype}, found {kind}; use np.asarray(..., '{dtype}')"
        )
    if array.shape != shape:
        raise ShapeError(
            f"{where}: expected shape (B, ...) = {shape}, found {array.shape}; "
            f"{_cure(array, shape, what)}"
        )
    if (at := first_bad(array)) is not None:
        raise ValueError(f"{where}: the value at {list(at)} is {array[at]}; {what}s must be finite")
    check_range(where, array, dtype)
    return array


def _is_array(given: object) -> bool:
    """True for an array, and what is taken as one: a tensor in CPU memory."""
    return isinstance(given, np.ndarray) or (
        hasattr(given, "__array__") and not isinstance(given, np.generic)
    )


def _arrays_of(where: str, given: object) -> Sequence[object]:
    if not isinstance(given, (tuple, list)):
        raise TypeError(
            f"{where} is a tuple with an array for each state of its cell, found "
            f"{type(given).__name__}"
        )
    return given


def _cure(array: Array, expected: tuple[int, ...], what: str) -> str:
    """What to do about a state of another shape."""
    if array.shape == (1, *expected):
        return "its first axis is that of PyTorch's layers: give array[0]"
    if array.ndim and array.shape[1:] == expected[1:]:
        rows, batch = len(array), expected[0]
        return (
            f"the {what} is of {counted(rows, 'sequence')}, and x has {batch}: give a {what} of "
            f"{batch}, leave {what} out{ANEW[what]}, or look whether x is (T, B, ...)"
        )
    return "reshape it, or look whether x is (T, B, ...)"


def check_range(where: str, array: Array, dtype: Dtype, start: int = 0) -> None:
    """Raise ValueError for a finite float64 that the model's float32 cannot hold."""
    if array.dtype.kind == "f" and array.dtype != dtype:
        size = np.abs(array)
        if size.max(initial=0) > np.finfo(dtype).max:
            first, *rest = (int(i) for i in np.unravel_index(np.argmax(size), array.shape))
            found, at = array[(first, *rest)], [start + first, *rest]
            raise NonFiniteError(
                f"{where} is {found} at {at}, beyond {dtype}; scale it, or use astype"
            )

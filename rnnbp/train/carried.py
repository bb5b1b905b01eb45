"""The state that is carried from one batch to the next, and the sequences whose state is lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.checks.kinds import is_stream
from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import Unrolled
from rnnbp.inputs.given import StateLike
from rnnbp.inputs.states import States
from rnnbp.numerics import NonFiniteError, ShapeError
from rnnbp.train.source import Batch, check_batch


@contextlib.contextmanager
def carrying(batch: Batch, state: States | None) -> Iterator[None]:
    """Check the type of a batch, and add a note to ShapeErrors where the batch size has changed."""
    check_batch(batch)
    try:
        yield
    except ShapeError as error:
        if state and not batch.fresh and _differs(batch, state):
            error.add_note(
                "the state is carried over from the batch before; give all lanes until one with "
                "fresh=True"
            )
        raise


def _differs(batch: Batch, state: States) -> bool:
    """True if a batch has other rows than the state, or is a stream, whose rows are unknown."""
    rows = next((len(array) for arrays in state for array in arrays), None)
    if isinstance(batch.x, tuple | dict):
        each = batch.x.values() if isinstance(batch.x, dict) else batch.x
        return any(rows not in getattr(part, "shape", ())[:2] for part in each)
    shape = () if is_stream(batch.x) else np.shape(batch.x)
    return len(shape) <= 1 or shape[1] != rows


def going_on(graph: Graph, state: States | None) -> StateLike:
    """The state that a batch begins with which goes on from another.

    A reverse Recurrent begins anew at the end of each: its final state is that of the step where
    the batch before begins, and what the graph begins with is not carried.
    """
    if not state:
        return None
    anew = [
        block.reverse or (isinstance(block, Unrolled) and block.takes_state)
        for block in (node.block for node in graph.nodes)
        if isinstance(block, Recurrent | Unrolled)
    ]
    if not any(anew):
        return state
    return tuple([None if new else each for new, each in zip(anew, state, strict=True)])


def lost_after(batch: Batch, lost: tuple[int, ...], found: tuple[int, ...]) -> tuple[int, ...]:
    """The sequences whose state is lost after a batch, ``found`` being those that it lost."""
    return found if batch.fresh or not lost else tuple(sorted({*lost, *found}))


def check_known(batch: Batch, lost: tuple[int, ...]) -> None:
    """Raise NonFiniteError if a batch continues, with weight, a sequence whose state is lost."""
    if not lost:
        return
    check_batch(batch)
    if batch.fresh:
        return
    looked_at: set[int] | tuple[int, ...] = lost
    if batch.mask is not None and not is_stream(batch.mask):
        looked_at = set(np.nonzero(plain("mask", batch.mask))[-1].tolist())
    for row in lost:
        if row in looked_at:
            raise NonFiniteError(
                f"sequence {row} has weight in a batch that goes on from one where its x ended in "
                "NaN, infinity or what is no symbol, so that its state is not known; replace "
                "that, as by 0, or begin with fresh=True"
            )

"""The last steps of a sequence, where some states have no delta yet.

No step after them takes these states.
A compiled program carries zeros in place of such deltas. That is the same, but for a step in which
something has overflowed: zero times its infinite derivative is NaN, where there is nothing to
multiply (PyTorch's rule too). Only there the interpreter, which knows deltas that are not there,
goes through the last steps again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from rnnbp.graph.cell import Cell
from rnnbp.numerics import Array
from rnnbp.rng import Context
from rnnbp.runners.base import Deltas, Runner
from rnnbp.runners.interpreter.program import Interpreter
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.tapes import CutTape, Tape
from rnnbp.support.prepared import Remembered

_known = Remembered[Cell, dict[tuple[bool, ...], int]](lambda cell: {})
"""By cell, the answers of ``late_steps``."""


def late_steps(cell: Cell, there: tuple[bool, ...]) -> int:
    """The steps before a chunk's end in which some value has no delta that has one further before.

    Args:
        there: whether each state has a delta after the chunk.
    """
    known = _known.of(cell)
    if there not in known:
        known[there] = _late_steps(cell, there)
    return known[there]


def _late_steps(cell: Cell, there: tuple[bool, ...]) -> int:
    y, *after = cell.outputs
    found = [_needed(cell, [y, *(v for v, yes in zip(after, there, strict=True) if yes)])]
    while len(found) < 2 or found[-1] != found[-2]:
        reached = [v for k, v in enumerate(after, 1) if k in found[-1]]
        found.append(found[-1] | _needed(cell, [y, *reached]))
    return found.index(found[-1])


def _needed(cell: Cell, values: Sequence[int]) -> frozenset[int]:
    """The values that these depend on, and they themselves."""
    found = set(values)
    for node in reversed(cell.nodes):
        if found.intersection(node.outs):
            found.update(node.args)
    return frozenset(found)


def backward(
    program: Runner,
    tape: Tape,
    dy: Array | None,
    dstate: Deltas,
    grads: Accumulator,
    into: Array | None,
    context: Callable[[], Context],
) -> tuple[Array | None, tuple[Array | None, ...]]:
    """A program's ``backward``, with the interpreter's in the last steps where that is needed.

    Args:
        context: of the chunk's first step.
    """
    there = tuple([delta is not None for delta in dstate])
    late = None if all(there) else _late(program, tape, there)
    if late is None:
        return program.backward(tape, dy, dstate, grads, into)
    whole, n = late
    # What opaque layers saved cannot be cut, so that all steps go together.
    cut = max(0, len(tape.x) - n) if whole.divisible else 0
    dx = into
    if tape.x.dtype.kind != "f":
        dx = None
    elif into is None:
        dx = np.empty(tape.x.shape, tape.x.dtype)
    before, after = (None, None) if dy is None else (dy[:cut], dy[cut:])
    last, carried = _by_interpreter(program, whole, cut, after, dstate, grads, context())
    if dx is not None:
        dx[cut:] = 0 if last is None else last
    if cut:
        place = None if dx is None else dx[:cut]
        _, carried = program.backward(whole.first(cut), before, carried, grads, place)
    return dx, carried


def _late(program: Runner, tape: Tape, there: tuple[bool, ...]) -> tuple[CutTape, int] | None:
    """The tape and the number of last steps that the interpreter takes; None as a rule."""
    whole = None if program.table is not None else tape.cut()
    if whole is None:
        return None
    n = late_steps(program.cell, there)
    return None if not n or whole.finite(n) else (whole, n)


def _by_interpreter(
    program: Runner,
    tape: CutTape,
    cut: int,
    dy: Array | None,
    dstate: Deltas,
    grads: Accumulator,
    context: Context,
) -> tuple[Array | None, tuple[Array | None, ...]]:
    """(dx, deltas of the state) of the steps from ``cut`` on."""
    interpreter, x = Interpreter(program.layout), tape.x[cut:]
    here = replace(context, step=context.step + cut, length=len(x))
    _, own = interpreter.record(x, tape.at(cut), here)
    return interpreter.backward(own, dy, dstate, grads)

"""The last steps of a sequence, where some states have no delta yet: no step after them takes these states.

A compiled program carries zeros in place of such deltas. That is the same, but for a step in which something has
overflowed: zero times its infinite derivative is NaN, where there is nothing to multiply (PyTorch's rule too). Only
there the interpreter, which knows deltas that are not there, goes through the last steps again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from rnnbp.graph.cell import Cell
from rnnbp.numerics import Array
from rnnbp.rng import Context
from rnnbp.runners.interpreter.run import Accumulator, Interpreter
from rnnbp.runners.tapes import ProgramTape, States
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
        found.append(found[-1] | _needed(cell, [y, *(v for k, v in enumerate(after, 1) if k in found[-1])]))
    return found.index(found[-1])


def _needed(cell: Cell, values: Sequence[int]) -> frozenset[int]:
    """The values that these depend on, and they themselves."""
    found = set(values)
    for node in reversed(cell.nodes):
        if found.intersection(node.outs):
            found.update(node.args)
    return frozenset(found)


def backward(
    program: Any, tape: Any, dy: Array | None, dstate: Sequence[Array | None], grads: Accumulator, into: Array | None,
    context: Callable[[], Context],
) -> tuple[Array | None, tuple[Array | None, ...]]:  # fmt: skip
    """A program's ``backward``, with that of the interpreter in the last steps where that is needed.

    Args:
        context: of the chunk's first step.
    """
    n = _steps(program, tape, dstate)
    if not n:
        found: tuple[Array | None, tuple[Array | None, ...]] = program.backward(tape, dy, dstate, grads, into)
        return found
    cut = 0 if tape.opaque else max(0, len(tape.x) - n)  # what opaque layers saved stays together
    dx = (np.empty(tape.x.shape, tape.x.dtype) if into is None else into) if tape.x.dtype.kind == "f" else None
    late, carried = _by_interpreter(program, tape, cut, None if dy is None else dy[cut:], dstate, grads, context())
    if dx is not None:
        dx[cut:] = 0 if late is None else late
    if cut:
        place = None if dx is None else dx[:cut]
        _, carried = program.backward(_before(tape, cut), None if dy is None else dy[:cut], carried, grads, place)
    return dx, carried


def _steps(program: Any, tape: Any, dstate: Sequence[Array | None]) -> int:
    """The last steps that the interpreter takes; mostly none."""
    there = tuple([delta is not None for delta in dstate])
    if all(there) or not isinstance(tape, ProgramTape) or getattr(program, "table", None) is not None:
        return 0
    n = late_steps(program.cell, there)
    if not n:
        return 0
    arrays = [*(states[-n - 1 :] for states in tape.states.states), tape.x[-n:]]
    return 0 if all(np.isfinite(array).all() for array in arrays) else n


def _by_interpreter(
    program: Any, tape: ProgramTape, cut: int, dy: Array | None, dstate: Sequence[Array | None], grads: Accumulator,
    context: Context,
) -> tuple[Array | None, tuple[Array | None, ...]]:  # fmt: skip
    """(dx, deltas of the state) of the steps from ``cut`` on."""
    interpreter, x = Interpreter(program.layout), tape.x[cut:]
    here = replace(context, step=context.step + cut, length=len(x))
    _, own = interpreter.record(x, tape.states.at(cut), here)
    return interpreter.backward(own, dy, dstate, grads)


def _before(tape: ProgramTape, cut: int) -> ProgramTape:
    """The tape of the first steps: views of it."""
    states = States([s[: cut + 1] for s in tape.states.states], tape.states.shapes, tape.states.batch_first)
    buffers = {name: buffer[:cut] for name, buffer in tape.buffers.items() if name != "all"}
    return ProgramTape(tape.x[:cut], states, buffers, {}, tape.memory, tape.places)

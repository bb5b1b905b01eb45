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

from rnnbp.bptt.late_steps import late_steps
from rnnbp.numerics import Array
from rnnbp.rng import Context
from rnnbp.runners.base import Deltas, Runner
from rnnbp.runners.interpreter.program import Interpreter
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.tapes import CutTape, Tape


def backward(
    program: Runner,
    tape: Tape,
    dy: Array | None,
    dstate: Deltas,
    grads: Accumulator,
    into: Sequence[Array | None],
    context: Callable[[], Context],
) -> tuple[tuple[Array | None, ...], tuple[Array | None, ...]]:
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
    cut = max(0, tape.length - n) if whole.divisible else 0
    dxs = [_place(x, into[k] if into else None) for k, x in enumerate(tape.xs)]
    after = None if dy is None else dy[cut:]
    last, carried = _by_interpreter(program, whole, cut, after, dstate, grads, context())
    series = [per == "step" for per in program.cell.pers]
    _put(dxs, last, cut, series)
    if cut:
        places = [dx[:cut] if dx is not None and series[k] else None for k, dx in enumerate(dxs)]
        early = whole.first(cut, program.layout.cut(tape.xs, slice(cut)))
        before = None if dy is None else dy[:cut]
        found, carried = program.backward(early, before, carried, grads, places)
        for dx, early_dx, each in zip(dxs, found, series, strict=False):
            if not each and dx is not None and early_dx is not None:
                dx += early_dx
    return tuple(dxs), carried


def late(program: Runner, tape: Tape, dstate: Deltas) -> bool:
    """True if the interpreter goes through the last steps of a chunk."""
    there = tuple([delta is not None for delta in dstate])
    return not all(there) and _late(program, tape, there) is not None


def _put(
    dxs: Sequence[Array | None], last: Sequence[Array | None], cut: int, series: Sequence[bool]
) -> None:
    """Put the deltas of the last steps in their place, in series from step ``cut`` on."""
    for dx, late, each in zip(dxs, last, series, strict=False):
        if dx is not None:
            dx[slice(cut, None) if each else ...] = 0 if late is None else late


def _place(x: Array, into: Array | None) -> Array | None:
    """Where the delta of an input is put; None for symbols."""
    if x.dtype.kind != "f":
        return None
    return np.empty(x.shape, x.dtype) if into is None else into


def _late(program: Runner, tape: Tape, there: tuple[bool, ...]) -> tuple[CutTape, int] | None:
    """The tape and the number of last steps that the interpreter takes; None as a rule."""
    whole = None if program.table is not None else tape.cut()
    if whole is None:
        return None
    n = late_steps(program.cell, there)
    if not n or (whole.finite(n) and _finite(program, tape, n)):
        return None
    return whole, n


def _finite(program: Runner, tape: Tape, n: int) -> bool:
    """True if the inputs of the last n steps are finite."""
    return all(np.isfinite(x).all() for x in program.layout.cut(tape.xs, slice(-n, None)))


def _by_interpreter(
    program: Runner,
    tape: CutTape,
    cut: int,
    dy: Array | None,
    dstate: Deltas,
    grads: Accumulator,
    context: Context,
) -> tuple[tuple[Array | None, ...], tuple[Array | None, ...]]:
    """(deltas of the inputs, of the state) of the steps from ``cut`` on."""
    interpreter = Interpreter(program.layout)
    xs = program.layout.cut(tape.xs, slice(cut, None))
    here = replace(context, step=context.step + cut, length=tape.length - cut)
    _, own = interpreter.record(xs, tape.at(cut), here)
    return interpreter.backward(own, dy, dstate, grads)

"""The two kinds of functions over a chunk: forward, and the delta recursion."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.compiler.backward import Backward
from rnnbp.compiler.forward import Forward
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Buffer, Held, Location, Span
from rnnbp.runners.constants import Constants
from rnnbp.runners.numpy.emit import Emitter
from rnnbp.runners.numpy.function import Function, function_of
from rnnbp.runners.numpy.gathers import Gathers


def forward_function(
    half: Forward, constants: Constants, *, rolling: bool, output: bool, taped: bool, known: bool
) -> Function:
    """A forward function; the arguments are those of ``compiler.forward.Forward``."""
    code, ops, phases = half.chosen(output=output, taped=taped, known=known)
    arrays = half.arrays(taped=taped, rolling=rolling, known=known)
    arrays[half.x] = Held("Bx", Span("block"))
    arrays |= _in_blocks(half)
    emitter = Emitter(code, half.storage, phases, arrays, constants)
    ends, first = [] if known else _moves(half, emitter), emitter.lines("before", ops)
    lines = [*first, *emitter.loop(ops, ends), *emitter.lines("after", ops)]
    y = code.outputs[0]
    if output and y is not None:
        lines.append(f"copyto(y[t0:t1], {emitter.value(y, loop=False)}.transpose(0, 2, 1))")
    lines += [f"{b.name}[0] = {b.name}[n]" for b in half.states] if rolling else []
    if "Bx" in emitter.used or _x_is_next(half):
        emitter.used.add("Bx")
        lines.insert(0, "copyto(Bx[:n], x[t0:t1].transpose(0, 2, 1))")
    drawn = _drawn(half, emitter)
    taken = ["x", *(["y"] if output else []), *(b.name for b in half.states), *drawn]
    return function_of([*_copies(drawn), *lines], emitter, taken, ops, drawn)


def _in_blocks(half: Forward) -> dict[Buffer, Held]:
    """The arrays that have random numbers of a block, features first."""
    return {buffer: Held(f"B{buffer.name}", Span("block")) for buffer, _ in half.drawn.values()}


def _drawn(half: Forward, emitter: Emitter) -> list[str]:
    """The arrays of random numbers that lines take."""
    names = [buffer.name for buffer, _ in half.drawn.values()]
    return [name for name in names if f"B{name}" in emitter.used]


def _copies(names: Sequence[str]) -> list[str]:
    """Lines that turn the steps of a block features first."""
    return [f"copyto(B{name}[:n], {name}[t0:t1].transpose(0, 2, 1))" for name in names]


def _x_is_next(half: Forward) -> bool:
    """True if x, or a part of it, is a next state."""
    return any(
        v is not None and half.storage.base(v)[0] == half.code.inputs[0]
        for v in half.code.outputs[1:]
    )


def _moves(half: Forward, emitter: Emitter) -> list[str]:
    """Lines that put next states where the states are, if they are made elsewhere."""
    return [
        f"copyto({emitter.at(Location(half.nexts[k]), half.nexts[k].rows, loop=True)}, "
        f"{emitter.value(v, loop=True)})"
        for k, v in half.moves()
    ]


def backward_function(step: StepCode, gathers: Gathers, constants: Constants) -> Function:
    """The delta recursion, the gathering of deltas, and dx where no product gives it."""
    half = step.backward
    given = {step.forward.x: Held("Bx", Span("block")), half.dy: Held("Bdy", Span("block"))}
    arrays = {**half.arrays, **given, **_in_blocks(step.forward)}
    emitter = Emitter(half.code, half.storage, half.phases, arrays, constants, backward=True)
    first = emitter.lines("before", half.steps)
    ends = _delta_moves(half, emitter)
    lines = [*first, *emitter.loop(half.steps, ends), *emitter.lines("after", half.steps)]
    lines += gathers.lines(emitter)
    dx = half.code.outputs[0]
    if dx is not None:
        lines.append(f"copyto(dx[t0:t1], {emitter.value(dx, loop=False)}.transpose(0, 2, 1))")
    taken = [name for name in ("dy", "x") if f"B{name}" in emitter.used]
    drawn = _drawn(step.forward, emitter)
    copies = _copies([*taken, *drawn])
    taken += drawn
    taken += ([] if dx is None else ["dx"]) + [b.name for b in step.forward.states]
    taken += [*(b.name for b in half.carried), *gathers.rows]
    return function_of([*copies, *lines], emitter, taken, half.steps, drawn)


def _delta_moves(half: Backward, emitter: Emitter) -> list[str]:
    """Lines that put next deltas in their places, all read before any is written."""
    first, then = list[str](), list[str]()
    for k, v in half.moves():
        if v is None:
            then.append(f"C{k}.fill(0)")
            continue
        waiting = emitter.spare(f"next{k}", half.carried[k].rows, loop=True)
        first.append(f"copyto({waiting}, {emitter.value(v, loop=True)})")
        then.append(f"copyto(C{k}, {waiting})")
    return first + then

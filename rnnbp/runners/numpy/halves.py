"""The two kinds of functions over a chunk: forward, and the delta recursion."""

from __future__ import annotations

from rnnbp.compiler.backward import Backward
from rnnbp.compiler.forward import Forward
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Held, Location, Span
from rnnbp.runners.constants import Constants
from rnnbp.runners.numpy.emit import Emitter
from rnnbp.runners.numpy.function import Function, function_of
from rnnbp.runners.numpy.gathers import Gathers
from rnnbp.runners.numpy.input_lines import (
    input_arrays,
    input_copies,
    input_delta,
    is_made,
    is_next,
)


def forward_function(
    half: Forward, constants: Constants, *, rolling: bool, output: bool, taped: bool, known: bool
) -> Function:
    """A forward function; the arguments are those of ``compiler.forward.Forward``."""
    code, ops, phases = half.chosen(output=output, taped=taped, known=known)
    arrays = {**half.arrays(taped=taped, rolling=rolling, known=known), **input_arrays(half)}
    emitter = Emitter(code, half.storage, phases, arrays, constants)
    ends, first = [] if known else _moves(half, emitter), emitter.lines("before", ops)
    lines = [*first, *emitter.loop(ops, ends), *emitter.lines("after", ops)]
    y = code.outputs[0]
    if output and y is not None:
        lines.append(f"copyto(y[t0:t1], {emitter.value(y, loop=False)}.transpose(0, 2, 1))")
    lines += [f"{b.name}[0] = {b.name}[n]" for b in half.states] if rolling else []
    emitter.used |= {arrays[x].array for x in half.xs if is_next(x, half)}
    taken = [*(x.name for x in half.xs), *(["y"] if output else [])]
    taken += [b.name for b in half.states]
    copies, drawn = input_copies(half, emitter), _drawn(half, emitter)
    block = [*copies["block"], *lines]
    return function_of(block, emitter, [*taken, *drawn], ops, copies["step"], drawn)


def _drawn(half: Forward, emitter: Emitter) -> list[str]:
    """The arrays of random numbers that lines take."""
    found = (buffer for buffer, _ in half.drawn.values())
    return [b.name for b in found if emitter.arrays[b].array in emitter.used]


def _moves(half: Forward, emitter: Emitter) -> list[str]:
    """Lines that put next states where the states are, if they are made elsewhere."""
    return [
        f"copyto({emitter.at(Location(half.nexts[k]), half.nexts[k].rows, loop=True)}, "
        f"{emitter.value(v, loop=True)})"
        for k, v in half.moves()
    ]


def backward_function(step: StepCode, gathers: Gathers, constants: Constants) -> Function:
    """The delta recursion, the gathering of deltas, and dx where no product gives it."""
    half, forward = step.backward, step.forward
    given = {**input_arrays(forward), half.dy: Held("Bdy", Span("block"))}
    arrays = {**half.arrays, **given}
    emitter = Emitter(half.code, half.storage, half.phases, arrays, constants, backward=True)
    first = emitter.lines("before", half.steps)
    ends = _delta_moves(half, emitter)
    lines = [*first, *emitter.loop(half.steps, ends), *emitter.lines("after", half.steps)]
    lines += gathers.lines(emitter)
    lines += [line for k in range(len(forward.xs)) for line in input_delta(k, step, emitter)]
    copies, dy = input_copies(forward, emitter), "Bdy" in emitter.used
    if dy:
        copies["block"].insert(0, "copyto(Bdy[:n], dy[t0:t1].transpose(0, 2, 1))")
    drawn = _drawn(forward, emitter)
    taken = ["dy"] * dy + [x.name for x in forward.xs if emitter.arrays[x].array in emitter.used]
    taken += drawn
    taken += [f"d{x.name}" for k, x in enumerate(forward.xs) if is_made(k, step)]
    taken += [b.name for b in (*forward.states, *half.carried)] + [*gathers.rows]
    return function_of(
        [*copies["block"], *lines], emitter, taken, half.steps, copies["step"], drawn
    )


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

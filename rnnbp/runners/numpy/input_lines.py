"""Lines of source that copy the inputs of a cell, and that put their deltas where they go."""

from __future__ import annotations

from rnnbp.compiler.forward import Forward
from rnnbp.compiler.op import Op
from rnnbp.compiler.static_sums import static_sum
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Buffer, Held, Scope, Span
from rnnbp.compiler.weights import Vector
from rnnbp.runners.numpy.emit import Emitter


def given(half: Forward) -> dict[Buffer, Scope]:
    """The arrays that are there batch first, inputs and random numbers: of one step or of all."""
    still = [k in half.code.static for k in range(len(half.xs))]
    still += [draw.still for _, draw in half.drawn.values()]
    buffers = [*half.xs, *(buffer for buffer, _ in half.drawn.values())]
    return {b: "step" if one else "block" for b, one in zip(buffers, still, strict=True)}


def input_arrays(half: Forward) -> dict[Buffer, Held]:
    """The arrays into which inputs and random numbers are copied, features first."""
    return {x: Held(f"{scope[0].upper()}{x.name}", Span(scope)) for x, scope in given(half).items()}


def input_copies(half: Forward, emitter: Emitter) -> dict[Scope, list[str]]:
    """The lines that copy what is used of these, once, or for each block."""
    found: dict[Scope, list[str]] = {"step": [], "block": []}
    for x in given(half):
        held = emitter.arrays[x]
        if held.array in emitter.used and held.span.scope == "step":
            found["step"].append(f"copyto({held.array}, {x.name}.T)")
        elif held.array in emitter.used:
            found["block"].append(f"copyto({held.array}[:n], {x.name}[t0:t1].transpose(0, 2, 1))")
    return found


def is_next(x: Buffer, half: Forward) -> bool:
    """True if an input, or a part of it, is a next state."""
    bases = [half.storage.base(v)[0] for v in half.code.nexts if v is not None]
    return any(half.storage.locations[v].buffer is x for v in bases if v in half.storage.given)


def is_made(k: int, step: StepCode) -> bool:
    """True if the delta of a series is written by the recursion."""
    return step.backward.code.outputs[k] is not None and k not in step.forward.code.static


def input_delta(k: int, step: StepCode, emitter: Emitter) -> list[str]:
    """The lines that put the delta of an input where it goes, or add it up over the steps."""
    v, x, sums = step.backward.code.outputs[k], step.forward.xs[k], step.backward.sums.get(k, [])
    value = None if v is None else emitter.value(v, loop=False)
    if value is not None and k not in step.forward.code.static:
        return [f"copyto(d{x.name}[t0:t1], {value}.transpose(0, 2, 1))"]
    if value is None and not sums:
        return []
    total, part = (emitter.spare(f"d{x.name}{of}", x.rows, loop=True) for of in ("", "_part"))
    lines = [] if value is None else [f"add.reduce({value}, axis=0, out={part})"]
    lines += [f"add({total}, {part}, {total})"] * len(lines)
    return lines + [_summed(op, emitter, total, part, x) for op in sums]


def _summed(op: Op, emitter: Emitter, total: str, part: str, x: Buffer) -> str:
    """The line that adds up, over the steps, a term of the delta of a static input."""
    args, of = [emitter.value(v, loop=False) for v in op.args], static_sum(op).of
    spare = emitter.spare(f"d{x.name}_step", x.rows, loop=True)
    if isinstance(of, Vector):
        return f"additive_sum({', '.join([*args, total, part, emitter.name(of), spare])})"
    return f"outer_sum({', '.join([*args, total, part, str(of), spare])})"

"""The functions over a chunk that a cell's step code becomes: source, compiled, and arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import CodeType

from rnnbp.compiler.op import Op
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Held, Location, Span
from rnnbp.runners.apart import apart
from rnnbp.runners.constants import Constant, Constants
from rnnbp.runners.numpy.emit import Emitter, opaque_name
from rnnbp.runners.numpy.gathers import Gathers
from rnnbp.support.lazy import cached_property


@dataclass(frozen=True)
class Function:
    """A function over a chunk, and what it takes: constants, arrays by kind and their rows."""

    source: str
    constants: dict[str, Constant]
    tape: dict[str, int]
    """Buffers (L, rows, B)."""
    block: dict[str, int]
    """Buffers (S, rows, B), S the steps of a block."""
    step: dict[str, int]
    """Buffers (rows, B)."""
    opaque: tuple[Op, ...]
    apart: frozenset[tuple[int, int]]
    """Its operands that are not contiguous, as ``runners.apart.apart`` returns them."""
    compiled: CodeType


class Functions:
    """The functions of a step code, each written when it is first needed."""

    def __init__(self, step: StepCode) -> None:
        self.step, self.constants = step, Constants()

    @cached_property
    def advance(self) -> Function:
        """The state after a chunk; only what feeds it is run."""
        return self._forward(rolling=True, output=False)

    @cached_property
    def outputs(self) -> Function:
        """The state after a chunk, and y."""
        return self._forward(rolling=True, output=True)

    @cached_property
    def keep(self) -> Function:
        """The states of all steps."""
        return self._forward(rolling=False, output=False)

    @cached_property
    def keep_outputs(self) -> Function:
        """The states of all steps, and y."""
        return self._forward(rolling=False, output=True)

    @cached_property
    def record(self) -> Function:
        """The tape of a chunk, and y."""
        return self._forward(rolling=False, output=True, taped=True)

    @cached_property
    def record_tape(self) -> Function:
        """The tape alone."""
        return self._forward(rolling=False, output=False, taped=True)

    @cached_property
    def rebuild(self) -> Function:
        """The tape from the states of all steps, and y: no loop."""
        return self._forward(rolling=False, output=True, taped=True, known=True)

    @cached_property
    def rebuild_tape(self) -> Function:
        """The tape alone, from the states."""
        return self._forward(rolling=False, output=False, taped=True, known=True)

    def _forward(
        self, *, rolling: bool, output: bool, taped: bool = False, known: bool = False
    ) -> Function:
        half, storage = self.step.forward, self.step.forward.storage
        code, ops, phases = half.chosen(output=output, taped=taped, known=known)
        arrays = half.arrays(taped=taped, rolling=rolling, known=known) | {
            half.x: Held("Bx", Span("block"))
        }
        emitter = Emitter(code, storage, phases, arrays, self.constants)
        ends = [] if known else self._moves(emitter)
        lines = [
            *emitter.lines("before", ops),
            *emitter.loop(ops, ends),
            *emitter.lines("after", ops),
        ]
        first = code.outputs[0]
        if output and first is not None:
            lines.append(f"copyto(y[t0:t1], {emitter.value(first, loop=False)}.transpose(0, 2, 1))")
        lines += [f"{b.name}[0] = {b.name}[n]" for b in half.states] if rolling else []
        if "Bx" in emitter.used or self._x_is_next():
            emitter.used.add("Bx")
            lines.insert(0, "copyto(Bx[:n], x[t0:t1].transpose(0, 2, 1))")
        taken = ["x", *(["y"] if output else []), *(b.name for b in half.states)]
        return _function(lines, emitter, taken, ops)

    def _x_is_next(self) -> bool:
        """Whether x, or a part of it, is a next state."""
        half = self.step.forward
        return any(
            v is not None and half.storage.base(v)[0] == half.code.inputs[0]
            for v in half.code.outputs[1:]
        )

    def _moves(self, emitter: Emitter) -> list[str]:
        """Lines that put next states where the states are, if they are made elsewhere."""
        half = self.step.forward
        return [
            f"copyto({emitter.at(Location(half.nexts[k]), half.nexts[k].rows, loop=True)}, "
            f"{emitter.value(v, loop=True)})"
            for k, v in half.moves()
        ]

    @cached_property
    def gathers(self) -> Gathers:
        """What ``backward`` puts together for a whole chunk."""
        return Gathers(self.step)

    @cached_property
    def backward(self) -> Function:
        """The delta recursion, the gathering of deltas, and dx where no product gives it."""
        half = self.step.backward
        given = {
            self.step.forward.x: Held("Bx", Span("block")),
            half.dy: Held("Bdy", Span("block")),
        }
        emitter = Emitter(
            half.code,
            half.storage,
            half.phases,
            {**half.arrays, **given},
            self.constants,
            backward=True,
        )
        first = emitter.lines("before", half.steps)
        ends = self._delta_moves(emitter)
        lines = [*first, *emitter.loop(half.steps, ends), *emitter.lines("after", half.steps)]
        lines += self.gathers.lines(emitter)
        dx = half.code.outputs[0]
        if dx is not None:
            lines.append(f"copyto(dx[t0:t1], {emitter.value(dx, loop=False)}.transpose(0, 2, 1))")
        taken = [name for name in ("dy", "x") if f"B{name}" in emitter.used]
        copies = [f"copyto(B{name}[:n], {name}[t0:t1].transpose(0, 2, 1))" for name in taken]
        taken += ([] if dx is None else ["dx"]) + [b.name for b in self.step.forward.states]
        taken += [*(b.name for b in half.carried), *self.gathers.rows]
        return _function([*copies, *lines], emitter, taken, half.steps)

    def _delta_moves(self, emitter: Emitter) -> list[str]:
        """Lines that put next deltas in their places, all read before any is written."""
        half, first, then = self.step.backward, list[str](), list[str]()
        for k, v in half.moves():
            if v is None:
                then.append(f"C{k}.fill(0)")
                continue
            waiting = emitter.spare(f"next{k}", half.carried[k].rows, loop=True)
            first.append(f"copyto({waiting}, {emitter.value(v, loop=True)})")
            then.append(f"copyto(C{k}, {waiting})")
        return first + then


def _function(
    lines: Sequence[str], emitter: Emitter, taken: Iterable[str], ops: Sequence[Op]
) -> Function:
    """A function that goes over a chunk in blocks of S steps, from the lines of a block."""
    opaque = tuple(op for op in ops if op.name in ("opaque", "opaque_back"))
    arrays_of: dict[str, dict[str, int]] = {"T": {}, "B": {}, "S": {}}
    for buffer, held in emitter.arrays.items():
        if held.array[0] in arrays_of and held.array in emitter.used:
            arrays_of[held.array[0]][held.array] = buffer.rows
    tape, block, step = arrays_of.values()
    named = emitter.constants.named
    constants = {name: value for name, value in named.items() if name in emitter.used}
    names = [*taken, *tape, *block, *step, *constants, *map(opaque_name, opaque)]
    source = [
        "def run(a, L, S):",
        *(f"    {name} = a[{name!r}]" for name in dict.fromkeys(names)),
        *(f"    {name} = {expression}" for expression, name in emitter.still.items()),
        f"    for t0 in {'reversed(range(0, L, S))' if emitter.backward else 'range(0, L, S)'}:",
        "        t1 = min(t0 + S, L)",
        "        n = t1 - t0",
        *(f"        {line}" for line in lines),
    ]
    whole = "\n".join(source) + "\n"
    code = compile(whole, "<rnnbp program>", "exec")
    operands = apart(emitter.storage, ops, emitter.phases)
    return Function(whole, constants, tape, block, step, opaque, operands, code)

"""A function over a chunk: its source, from the lines of a block of steps, and what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import CodeType

from rnnbp.compiler.op import Op
from rnnbp.runners.apart import apart
from rnnbp.runners.constants import Constant
from rnnbp.runners.numpy.emit import Emitter, opaque_name
from rnnbp.runners.numpy.operations import CALLS


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
    drawn: tuple[str, ...]
    """Arrays (L, B, rows) of random numbers, to be filled before it runs."""
    apart: frozenset[tuple[int, int]]
    """Its operands that are not contiguous, as ``runners.apart.apart`` returns them."""
    compiled: CodeType
    calls: tuple[str, ...]
    """Those of ``CALLS`` that it calls."""

    @property
    def named(self) -> list[str]:
        """The names of the arrays that it takes."""
        return [*self.constants, *self.tape, *self.block, *self.step]


def function_of(
    lines: Sequence[str],
    emitter: Emitter,
    taken: Iterable[str],
    ops: Sequence[Op],
    once: Sequence[str],
    drawn: Sequence[str] = (),
) -> Function:
    """A function that goes over a chunk in blocks of S steps, from the lines of a block.

    Args:
        once: lines before the first block.
    """
    opaque = tuple(op for op in ops if op.name in ("opaque", "opaque_back"))
    arrays_of: dict[str, dict[str, int]] = {"T": {}, "B": {}, "S": {}}
    for buffer, held in emitter.arrays.items():
        if held.array[0] in arrays_of and held.array in emitter.used:
            arrays_of[held.array[0]][held.array] = buffer.rows
    tape, block, step = arrays_of.values()
    named = emitter.constants.named.items()
    constants = {name: value for name, value in named if name in emitter.used}
    names = [*taken, *tape, *block, *step, *constants, *map(opaque_name, opaque)]
    whole = _source(names, lines, emitter, once)
    code = compile(whole, "<rnnbp program>", "exec")
    far = apart(emitter.storage, ops, emitter.phases, emitter.arrays)
    return Function(
        whole, constants, tape, block, step, opaque, tuple(drawn), far, code, calls_of(code)
    )


def _source(
    names: Sequence[str], lines: Sequence[str], emitter: Emitter, once: Sequence[str]
) -> str:
    """The text of a function that takes these arrays."""
    source = [
        "def run(a, L, S):",
        *(f"    {name} = a[{name!r}]" for name in dict.fromkeys(names)),
        *(f"    {name} = {expression}" for expression, name in emitter.still.items()),
        *[f"    {line}" for line in once],
        f"    for t0 in {'reversed(range(0, L, S))' if emitter.backward else 'range(0, L, S)'}:",
        "        t1 = min(t0 + S, L)",
        "        n = t1 - t0",
        *(f"        {line}" for line in lines),
    ]
    return "\n".join(source) + "\n"


def calls_of(code: CodeType) -> tuple[str, ...]:
    """The names in ``CALLS`` that code refers to, functions within it included."""
    inner = [name for c in code.co_consts if isinstance(c, CodeType) for name in calls_of(c)]
    own = [name for name in code.co_names if name in CALLS]
    return tuple(dict.fromkeys([*own, *inner]))

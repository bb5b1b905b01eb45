"""Functions over a chunk: their source, compiled, and what they take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import CodeType
from typing import Any

from rnnbp.compiler.code import Op
from rnnbp.compiler.storage import Buffer
from rnnbp.runners.numpy.emit import Emitter


@dataclass(frozen=True)
class Function:
    """The source of a function over a chunk, and what it takes: constants, arrays by kind and their rows."""

    source: str
    constants: dict[str, Any]
    tape: dict[str, int]
    """Buffers (L, rows, B)."""
    block: dict[str, int]
    """Buffers (S, rows, B), S the steps of a block."""
    step: dict[str, int]
    """Buffers (rows, B)."""
    opaque: tuple[Op, ...]
    apart: frozenset[tuple[int, int]]
    """Of NumPy calls for a block: how many operands do not lie together, and their rows."""
    compiled: CodeType


def function(
    lines: Sequence[str], emitter: Emitter, taken: Iterable[str], opaque: Iterable[Op], *, back: bool
) -> Function:
    """A function that goes over a chunk in blocks of S steps, from their lines."""
    arrays_of: dict[str, dict[str, int]] = {"T": {}, "B": {}, "S": {}}
    named = _names("\n".join(lines))
    held = named | {e.split("[")[0] for e in emitter.still}
    for buffer, (name, _) in emitter.spans.items():
        if name[0] in "TBS" and name in held:
            arrays_of[name[0]][name] = buffer.rows
    tape, block, step = arrays_of.values()
    used = [name for name in emitter.constants.named if name in named]
    arrays = [*taken, *tape, *block, *step, *used, *(f"q{op.attr.node.number}" for op in opaque)]
    source = [
        "def run(a, L, S):",
        *(f"    {name} = a[{name!r}]" for name in dict.fromkeys(arrays)),
        *(f"    {name} = {expression}" for expression, name in emitter.still.items()),
        f"    for t0 in {'reversed(range(0, L, S))' if back else 'range(0, L, S)'}:",
        "        t1 = min(t0 + S, L)",
        "        n = t1 - t0",
        *(f"        {line}" for line in lines),
    ]
    constants = {name: emitter.constants.named[name] for name in used}
    whole = "\n".join(source) + "\n"
    code = compile(whole, "<rnnbp program>", "exec")
    return Function(whole, constants, tape, block, step, tuple(opaque), frozenset(emitter.apart), code)


def _names(text: str) -> set[str]:
    return set(re.findall(r"\b[A-Za-z]\w*", text))


def span_of(buffer: Buffer, *, taped: bool, batched: bool = False) -> tuple[str, str]:
    """The name of a buffer, and the span of a block's steps in it, if it is not of one step."""
    if taped and buffer.kept:
        return f"T{buffer.number}", "t0:t1"
    if batched or buffer.phases != {"loop"}:
        return f"B{buffer.number}", ":n"
    return f"S{buffer.number}", ""

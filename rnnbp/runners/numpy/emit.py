"""The source of a Python function from a code and the storage of its values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rnnbp.compiler.code import Code
from rnnbp.compiler.op import Op
from rnnbp.compiler.opaque import takes_symbols
from rnnbp.compiler.operations import VIEWS
from rnnbp.compiler.storage import Buffer, Held, Location, Span, Storage, input_name
from rnnbp.runners.constants import Constant, Constants
from rnnbp.runners.numpy.operations import CODE

INDEX = {
    Span("step"): "",
    Span("block"): ":n",
    Span("block", 1): "1:n + 1",
    Span("chunk"): "t0:t1",
    Span("chunk", 1): "t0 + 1:t1 + 1",
}
"""The index of a block's steps t0 to t1 − 1, n in all, in an array."""


class Emitter:
    """Lines of source for the operations of a code.

    Args:
        arrays: of each buffer.
    """

    def __init__(
        self,
        code: Code,
        storage: Storage,
        phases: Mapping[int, str],
        arrays: Mapping[Buffer, Held],
        constants: Constants,
        *,
        backward: bool = False,
    ) -> None:
        self.code, self.storage, self.phases, self.arrays = code, storage, phases, dict(arrays)
        self.constants, self.backward = constants, backward
        self.steps: dict[str, str] = {}
        """By expression, the loop's variable for a step of it."""
        self.still: dict[str, str] = {}
        """By expression, the name of rows of a buffer of one step."""
        self.used: set[str] = set()
        """The names of arrays and constants that occur in what was written."""

    def lines(self, phase: str, ops: Iterable[Op]) -> list[str]:
        """The lines of a phase's operations."""
        return [
            line
            for op in ops
            if self.phases[id(op)] == phase
            for line in self._op(op, loop=phase == "loop")
        ]

    def loop(self, ops: Iterable[Op], extra: Iterable[str] = ()) -> list[str]:
        """The time loop of a block: each variable is one step's rows of a buffer."""
        body = [*self.lines("loop", ops), *extra]
        if not body:
            return []
        order = "[::-1]" if self.backward else ""
        counted = "reversed(range(t0, t1))" if self.backward else "range(t0, t1)"
        names = ", ".join(["t", *self.steps.values()])
        over = ", ".join([counted, *(f"{expression}{order}" for expression in self.steps)])
        return [f"for {names}, in zip({over}):", *(f"    {line}" for line in body)]

    def value(self, v: int, *, loop: bool) -> str:
        """The expression of a value, in a step or in a block."""
        return self.at(self.storage.location(v), self.code.values.rows(v), loop=loop)

    def at(self, location: Location, rows: int, *, loop: bool) -> str:
        """The expression of some rows of a buffer, in a step or in a block."""
        held, row = self.arrays[location.buffer], location.row
        index, whole = INDEX[held.span], (row, rows) == (0, location.buffer.rows)
        cut = "" if whole else f"{row}:{row + rows}"
        inside = ", ".join(part for part in (index, cut) if part)
        expression = f"{held.array}[{inside}]" if inside else held.array
        self.used.add(held.array)
        if not loop:
            return expression
        if index:
            return self.steps.setdefault(expression, f"v{len(self.steps)}")
        return self.still.setdefault(expression, f"s{len(self.still)}") if cut else expression

    def spare(self, name: str, rows: int, *, loop: bool) -> str:
        """The expression of an array that no value has, of one step or of a block."""
        buffer = Buffer(name, rows)
        self.arrays[buffer] = (
            Held(f"S{name}", Span("step")) if loop else Held(f"B{name}", Span("block"))
        )
        return self.at(Location(buffer), rows, loop=loop)

    def name(self, value: Constant) -> str:
        """The name of a constant."""
        found = self.constants.name(value)
        self.used.add(found)
        return found

    def _op(self, op: Op, *, loop: bool) -> list[str]:
        if op.name in VIEWS or (not op.outs and op.name != "opaque_back"):
            return []
        if op.name == "concat":
            return self._concat(op, loop=loop)
        if op.name.startswith("opaque"):
            return [self._opaque(op, loop=loop)]
        args, outs = ([self.value(v, loop=loop) for v in values] for values in (op.args, op.outs))
        return CODE[op.name](op, _Expressions(self, op, args, outs, loop))

    def _concat(self, op: Op, *, loop: bool) -> list[str]:
        if op.out in self.storage.gathered:
            return []
        at, found, row = self.storage.location(op.out), [], 0
        for v in op.args:
            rows = self.code.values.rows(v)
            if v in self.storage.copies.get(op.out, ()):
                part = self.at(Location(at.buffer, at.row + row), rows, loop=loop)
                found.append(f"copyto({part}, {self.value(v, loop=loop)})")
            row += rows
        return found

    def _symbols(self, op: Op, loop: bool) -> list[str]:
        k = self.code.inputs.index(op.args[0])
        name = input_name(k)
        if k in self.code.static:
            return [f"{name}.T" if loop else f"repeated({name}.T, n)"]
        return [f"{name}[t].T" if loop else f"{name}[t0:t1].transpose(0, 2, 1)"]

    def _opaque(self, op: Op, *, loop: bool) -> str:
        present = () if op.name == "opaque" else op.present
        args = iter(
            self._symbols(op, loop)
            if takes_symbols(op)
            else [self.value(v, loop=loop) for v in op.args]
        )
        taken = [next(args) if there else "None" for there in present] if present else list(args)
        outs = [self.value(v, loop=loop) for v in op.outs]
        method = ("step" if loop else "block") + ("" if op.name == "opaque" else "_back")
        where = "t" if loop else "t0, t1"
        taken_, outs_ = (f"({''.join(f'{e}, ' for e in part)})" for part in (taken, outs))
        return f"{opaque_name(op)}.{method}({where}, {taken_}, {outs_})"


def opaque_name(op: Op) -> str:
    """The name of a layer that runs by its own methods."""
    return f"q{op.opaque.node.number}"


@dataclass
class _Expressions:
    """The operation at hand, for its code in ``operations``."""

    emitter: Emitter
    op: Op
    args: list[str]
    outs: list[str]
    loop: bool
    _count: int = 0

    def name(self, value: Constant) -> str:
        return self.emitter.name(value)

    def spare(self, rows: int) -> str:
        self._count += 1
        name = f"spare{self.op.out}_{self._count}"
        return self.emitter.spare(
            name, rows or self.emitter.code.values.rows(self.op.out), loop=self.loop
        )

"""Functions that a long kernel calls where others have the same lines again at every place.

A tanh is 40 instructions; written out a thousand times they cost the compiler seconds. A call is
slower by a few nanoseconds, and its bits are the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.compiler.weights import Vector
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.rows import Row
from rnnbp.runners.llvm.groups import Reduction
from rnnbp.runners.llvm.operations import POINTWISE, ROWWISE


def written_out(t: Text, item: Reduction, args: Sequence[str], outs: Sequence[str]) -> None:
    """The operation on one row; the addresses of its arguments and results there."""
    ROWWISE[item.name](Row(t, item.n), args, outs, item.attr)


class Called:
    """The functions that have been called, by name."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        self.texts: dict[str, str] = {}

    def pointwise(self, operation: str, t: Text, x: str, attr: object = None) -> str:
        """A call of a slow operation; its value."""
        kind, name = self.lanes.type, operation + _suffix(attr)
        if name not in self.texts:
            body = Text(self.lanes)
            value = POINTWISE[operation].emit(body, ["%x"], attr)
            self._add(t, name, body, [f"{kind} %x"], (kind, value))
        return t.put(f"call {kind} @called.{name}({kind} {x})")

    def reduction(self, t: Text, item: Reduction, args: Sequence[str], outs: Sequence[str]) -> None:
        """A call of an operation on one row."""
        name = f"{item.name}.{item.n}{_suffix(item.attr)}"
        takes = [f"%x{k}" for k in range(len(args))], [f"%y{k}" for k in range(len(outs))]
        if name not in self.texts:
            body = Text(self.lanes)
            written_out(body, item, *takes)
            self._add(t, name, body, [f"ptr {variable}" for some in takes for variable in some])
        t.do(
            f"call void @called.{name}({', '.join(f'ptr {address}' for address in (*args, *outs))})"
        )

    def _add(
        self,
        t: Text,
        name: str,
        body: Text,
        arguments: Sequence[str],
        value: tuple[str, str] = ("void", ""),
    ) -> None:
        self.texts[name] = body.function(f"called.{name}", arguments, internal=True, value=value)
        t.needs |= body.needs


def _suffix(attr: object) -> str:
    """What tells functions of one name apart: numbers, to the last bit."""
    attr = attr.count if isinstance(attr, Vector) else attr
    numbers = attr if isinstance(attr, tuple) else (attr,)
    texts = [f".{float(n).hex()}" for n in numbers if isinstance(n, float | int)]
    return "".join(texts).replace("-", "m").replace("+", "p")

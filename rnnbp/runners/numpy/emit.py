"""The NumPy backend: a code and the homes of its values as the source of a Python function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rnnbp.compiler.code import Code, Matrix, Op, Vector
from rnnbp.compiler.scaling import NEGATIVE
from rnnbp.compiler.storage import VIEWS, Buffer, Home, Homes

BINARY = {"add": "add", "sub": "subtract", "mul": "multiply"}
CALLS = frozenset({"normal", "normal_back", "softmax", "softmax_back", "relu", "step"})
"""Operations of several NumPy calls, which are functions in ``rnnbp.runners.numpy.operations``."""


def takes_symbols(op: Op) -> bool:
    """True for a layer whose input is x itself, integers, which no buffer of the cell's dtype can hold."""
    return op.name == "opaque" and bool(op.attr.layer.symbols)


class Constants:
    """The names of weights, vectors and numbers that a function takes."""

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}
        self._known: dict[Any, str] = {}

    def name(self, value: Matrix | Vector | float) -> str:
        """W3 for a matrix, b2 for a vector, c1 for a number."""
        key = getattr(value, "identity", value)
        if key not in self._known:
            letter = "W" if isinstance(value, Matrix) else "b" if isinstance(value, Vector) else "c"
            self._known[key] = f"{letter}{len(self.named)}"
            self.named[self._known[key]] = value
        return self._known[key]


class Emitter:
    """Lines of source for the operations of a code.

    Args:
        spans: by buffer, its name and the span of a block's steps in it, as ``T0[t0:t1]``; without a span
            the buffer is of one step.
    """

    def __init__(
        self,
        code: Code,
        homes: Homes,
        phases: Mapping[int, str],
        spans: dict[Buffer, tuple[str, str]],
        constants: Constants,
        *,
        backward: bool = False,
    ) -> None:
        self.code, self.homes, self.phases, self.spans = code, homes, phases, spans
        self.constants, self.backward = constants, backward
        self.steps: dict[str, str] = {}
        """By expression, the loop's variable for a step of it."""
        self.still: dict[str, str] = {}
        """By expression, the name of rows of a buffer of one step."""
        self.apart: set[tuple[int, int]] = set()
        """Of NumPy calls for a block: how many operands do not lie together, and their rows."""

    def lines(self, phase: str, ops: Iterable[Op]) -> list[str]:
        """The lines of a phase's operations."""
        return [line for op in ops if self.phases[id(op)] == phase for line in self._op(op, loop=phase == "loop")]

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

    def whole(self, home: Home, rows: int) -> str:
        """The expression of rows in all steps of a block."""
        name, span = self.spans[home.buffer]
        cut = "" if (home.row, rows) == (0, home.buffer.rows) else f"{home.row}:{home.row + rows}"
        inside = ", ".join(part for part in (span, cut) if part)
        return f"{name}[{inside}]" if inside else name

    def value(self, v: int, *, loop: bool) -> str:
        """The expression of a value, in a step or in a block."""
        home, rows = self.homes.home(v), self.code.values.rows(v)
        return self.at(home, rows, loop=loop)

    def at(self, home: Home, rows: int, *, loop: bool) -> str:
        expression = self.whole(home, rows)
        if not loop:
            return expression
        name, span = self.spans[home.buffer]
        if not span:
            if expression == name:
                return name
            return self.still.setdefault(expression, f"s{len(self.still)}")
        return self.steps.setdefault(expression, f"v{len(self.steps)}")

    def _op(self, op: Op, *, loop: bool) -> list[str]:
        if op.name in VIEWS or (not op.outs and op.name != "opaque_back"):
            return []
        if op.name == "concat":
            return self._concat(op, loop=loop)
        if op.name.startswith("opaque"):
            return [self._opaque(op, loop=loop)]
        args = [self.value(v, loop=loop) for v in op.args]
        outs = [self.value(v, loop=loop) for v in op.outs]
        if not loop and op.name not in ("linear", "copy", "zeros"):
            self._note_apart(op)
        return self._plain(op, args, outs, loop=loop)

    def _note_apart(self, op: Op) -> None:
        """A vector is repeated for each step; others are rows of buffers, all of them or some."""
        values = [(self.homes.home(v), self.code.values.rows(v)) for v in (*op.args, *op.outs)]
        some = sum(rows < home.buffer.rows for home, rows in values) + (op.name in ("bias", "gain"))
        self.apart.add((some, min(rows for _, rows in values)))

    def _plain(self, op: Op, args: list[str], outs: list[str], *, loop: bool) -> list[str]:
        out, name = outs[0], self.constants.name
        if op.name in BINARY:
            return [f"{BINARY[op.name]}({args[0]}, {args[1]}, {out})"]
        if op.name == "linear":
            return [f"{'dot' if loop else 'matmul'}({name(op.attr)}, {args[0]}, {out})"]
        if op.name in ("bias", "gain"):
            return [f"{'add' if op.name == 'bias' else 'multiply'}({args[0]}, {name(op.attr)}, {out})"]
        if op.name == "scale":
            return self._scale(args[0], op.attr[0], op.attr[1], out)
        if op.name == "tanh":
            return [f"tanh({args[0]}, {out})"]
        if op.name == "sigmoid":
            one, taken = name(1.0), args[0] if op.attr == NEGATIVE else out
            first = [] if op.attr == NEGATIVE else [f"multiply({args[0]}, {name(-1.0)}, {out})"]
            return [*first, f"exp({taken}, {out})", f"add({out}, {one}, {out})", f"divide({one}, {out}, {out})"]
        if op.name == "copy":
            return [f"copyto({out}, {args[0]})"]
        if op.name == "zeros":
            return [f"{out}.fill(0)"]
        assert op.name in CALLS, op.name
        spare = [self.at(home, home.buffer.rows, loop=loop) for home in self.homes.scratch.get(op.out, [])]
        attr = [] if op.attr is None else [repr(op.attr)]
        return [f"{op.name}({', '.join([*args, *outs, *spare, *attr])})"]

    def _scale(self, arg: str, factor: float, shift: float, out: str) -> list[str]:
        name = self.constants.name
        if factor == -1 and shift:
            return [f"subtract({name(shift)}, {arg}, {out})"]
        if factor == 1:
            return [f"add({arg}, {name(shift)}, {out})"]
        first = f"multiply({arg}, {name(factor)}, {out})"
        return [first, f"add({out}, {name(shift)}, {out})"] if shift else [first]

    def _concat(self, op: Op, *, loop: bool) -> list[str]:
        if self.homes.virtual(op):
            return []
        home, found, row = self.homes.home(op.out), [], 0
        for v in op.args:
            rows = self.code.values.rows(v)
            if v in self.homes.copies.get(op.out, []):
                place = self.at(Home(home.buffer, home.row + row), rows, loop=loop)
                found.append(f"copyto({place}, {self.value(v, loop=loop)})")
            row += rows
        return found

    def _opaque(self, op: Op, *, loop: bool) -> str:
        forward, present = (op, ()) if op.name == "opaque" else op.attr
        args = iter(self._symbols(loop) if takes_symbols(op) else [self.value(v, loop=loop) for v in op.args])
        taken = [next(args) if there else "None" for there in present] if present else list(args)
        outs = [self.value(v, loop=loop) for v in op.outs]
        method = ("step" if loop else "block") + ("" if op.name == "opaque" else "_back")
        where = "t" if loop else "t0, t1"
        taken_, outs_ = (f"({''.join(f'{e}, ' for e in part)})" for part in (taken, outs))
        return f"q{forward.attr.node.number}.{method}({where}, {taken_}, {outs_})"

    @staticmethod
    def _symbols(loop: bool) -> list[str]:
        return ["x[t].T" if loop else "x[t0:t1].transpose(0, 2, 1)"]

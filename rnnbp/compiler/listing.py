"""A code as lines for a reader: products as W x, a run of pointwise operations as one formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import final

from rnnbp.compiler.code import Code
from rnnbp.compiler.notation import Notation, gathered
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import IN_PLACE, OPERATIONS, ROWWISE, SUMS, flops
from rnnbp.compiler.seams import ATOM, Formula, Formulas
from rnnbp.compiler.weights import Matrix, Vector

LONGEST = 46
"""Characters of a formula; a run of operations that would be longer is several."""
TAKING = IN_PLACE | {name for name in ROWWISE if OPERATIONS[name].primitive}
"""Operations that may take a formula; a formula is of ``IN_PLACE`` ones."""
WHEN = {"before": "before", "loop": "step", "after": "after"}
TIMES = (*WHEN.values(), "chunk")


@dataclass(frozen=True)
class Line:
    """One operation, or a run of pointwise ones."""

    when: str
    """"step": every step; "before", "after" the loop, a block of steps; "chunk": many blocks."""
    text: str
    features: int
    """Of the result."""
    operations: int
    flops: int | None
    """Floating-point operations for a step of one sequence; None where a layer runs itself."""
    advance: bool = True
    """Whether an Advance runs it."""


@final
class Listing(Formulas):
    """The lines of a code.

    Args:
        phases: of each operation by its id. named: values that no formula may hide. advance: the
            operations, by id, that an Advance runs; None for all.
    """

    def __init__(
        self,
        code: Code,
        phases: Mapping[int, str],
        notation: Notation,
        named: Iterable[int],
        advance: set[int] | None = None,
    ) -> None:
        self.code, self.phases, self.notation, self._advance = code, phases, notation, advance
        self._lines: list[Line] = []
        self._users = code.users()
        self._uses = Counter(v for op in code.ops for v in op.args)
        self._named = {notation.base(v)[0] for v in named} | set(notation.names)
        self._hidden: dict[int, tuple[Formula, list[Op]]] = {}
        for phase in WHEN:
            for op in code.ops:
                if phases[id(op)] == phase and op.name not in ("part", "same"):
                    self._write(op)

    @property
    def lines(self) -> list[Line]:
        """All lines, by when they run."""
        return sorted(self._lines, key=lambda line: TIMES.index(line.when))

    def _write(self, op: Op) -> None:
        if op.name == "concat":
            self._concat(op)
        elif op.name == "grad_input" or op.name in SUMS:
            return  # it has no parameters
        elif op.name == "grad_linear":
            product = f"{self._together(op.args[0])} {self.notation[op.args[1]]}ᵀ"
            text = f"{self.notation.weight('G', op.matrix)} = {product}"
            self._line("chunk", text, self.notation.values.rows(op.args[0]), [op])
        elif op.name == "grad_bias":
            text = f"{self.notation.weight('G', op.vector)} = Σ {self._together(op.args[0])}"
            self._line("chunk", text, self.notation.values.rows(op.args[0]), [op])
        else:
            formula, ops = self._formula(op)
            if self._may_hide(op):
                self._hidden[op.out] = formula, ops
            else:
                self._named_line(op, formula, ops)

    def _named_line(self, op: Op, formula: Formula, ops: list[Op]) -> None:
        names = ", ".join(self.notation[v] for v in op.outs)
        rows = sum(self.notation.values.rows(v) for v in op.outs)
        self._line(
            WHEN[self.phases[id(op)]], f"{names} = {formula[0]}" if names else formula[0], rows, ops
        )

    def _line(self, when: str, text: str, rows: int, ops: list[Op]) -> None:
        counts = [flops(op, self.notation.values) for op in ops]
        total = None if None in counts else sum(n for n in counts if n is not None)
        advance = self._advance is None or all(id(op) in self._advance for op in ops)
        self._lines.append(Line(when, text, rows, len(ops), total, advance))

    def copy(self, when: str, name: str, v: int | None, rows: int) -> None:
        """A line that gives a value another name, or a place."""
        source = "0" if v is None else self.notation[v]
        self._lines.append(Line(when, f"{name} = {source}", rows, 0, 0))

    def chunk_product(self, name: str, weights: Matrix, delta: int, rows: int) -> None:
        """name = Wᵀ delta, for a whole chunk."""
        text = f"{name} = {self.notation.weight('W', weights)}ᵀ {self._together(delta)}"
        self._lines.append(
            Line("chunk", text, rows, 1, 2 * rows * self.notation.values.rows(delta))
        )

    def step_sum(self, name: str, v: int) -> None:
        """name = Σ v over the steps."""
        rows = self.notation.values.rows(v)
        self._lines.append(Line("after", f"{name} = Σ {self.notation[v]}", rows, 1, rows))

    def static_sum(self, name: str, op: Op) -> None:
        """name += what is summed over the steps."""
        rows, count = self.notation.values.rows(op.args[0]), flops(op, self.notation.values)
        self._lines.append(Line("after", f"{name} += {self._text(op)[0]}", rows, 1, count))

    def read_off(self, layer: object) -> None:
        """The gradients of a layer's parameters, by its own method."""
        self._lines.append(Line("chunk", f"gradients of {layer}", 0, 1, None))

    def _may_hide(self, op: Op) -> bool:
        """True if a value may stand inside the formula that alone takes it, at the same time."""
        if (
            op.name not in IN_PLACE | {"linear"}
            or self._uses[op.out] != 1
            or self.notation.is_rows(op.out)
        ):
            return False
        (user,) = self._users[op.out]
        together = self.phases[id(user)] == self.phases[id(op)]
        return (
            user.name in TAKING
            and together
            and op.out not in self._named
            and op.out not in self.code.outputs
        )

    def _concat(self, op: Op) -> None:
        """What was not made in its place is copied there."""
        if gathered(op, self.code):
            return
        at, rows, values = 0, self.notation.base(op.out), self.notation.values
        for v in op.args:
            if self.notation.base(v) != (rows[0], rows[1] + at):
                n = values.rows(v)
                place = f"{self.notation[op.out]}[{at}:{at + n}]"
                self._line(WHEN[self.phases[id(op)]], f"{place} = {self.notation[v]}", n, [op])
            at += values.rows(v)

    def _together(self, v: int) -> str:
        made = self.code.made.get(v)
        if made is not None and made.name == "concat" and gathered(made, self.code):
            return f"({'; '.join(self.notation[a] for a in made.args)})"
        return self.notation[v]

    def _formula(self, op: Op) -> tuple[Formula, list[Op]]:
        """What an operation computes, with formulas of its arguments unless that is too long."""
        hidden = [self._hidden[v] for v in op.args if v in self._hidden]
        formula = self._text(op)
        if len(formula[0]) > LONGEST:
            for v in op.args:
                if v in self._hidden:
                    self._named_line(self.code.made[v], *self._hidden.pop(v))
            return self._text(op), [op]
        for v in op.args:
            self._hidden.pop(v, None)
        return formula, [*(inner for _, ops in hidden for inner in ops), op]

    def arg(self, value: int, least: int) -> str:
        text, strength = (
            self._hidden[value][0] if value in self._hidden else (self.notation[value], ATOM)
        )
        return text if strength >= least else f"({text})"

    def name(self, value: int) -> str:
        return self.notation[value]

    def weight(self, letter: str, value: Matrix | Vector) -> str:
        return self.notation.weight(letter, value)

    def _text(self, op: Op) -> Formula:
        notation = OPERATIONS[op.name].notation
        assert notation is not None, op
        return notation(self, op)

"""Where values live: which share memory, which outlast a step, and which go into the tape."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from rnnbp.compiler.code import GRADIENTS, POINTWISE, Code, Op
from rnnbp.runners.numpy.operations import SPARE

IN_PLACE = POINTWISE | {"bias", "gain"}
"""Operations whose result may take the place of an argument."""
VIEWS = frozenset({"part", "same"})


@dataclass(eq=False)
class Buffer:
    """Rows of memory; in a tape, in a block of steps, or in one step, as they are needed."""

    number: int
    rows: int
    phases: set[str] = field(default_factory=set)
    """The phases in which its values are made or used."""
    kept: bool = False
    """Whether backward needs something of it."""
    fixed: bool = False
    """Whether nothing else may be put in the place of its values."""
    present: dict[int, int] = field(default_factory=dict)
    """By row, the base value that is there now."""


@dataclass(frozen=True, slots=True)
class Home:
    """A value's buffer and its first row there."""

    buffer: Buffer
    row: int = 0


class Homes:
    """The homes of all values of a code.

    Args:
        code: with the phase of each operation, "before", "loop" or "after"; run in that order.
        given: homes of values that are there at first. ends: homes that some values must have.
        kept: values that backward needs.
    """

    def __init__(
        self,
        code: Code,
        phases: Mapping[int, str],
        given: Mapping[int, Home],
        ends: Mapping[int, Home],
        kept: Iterable[int] = (),
        first: int = 0,
    ) -> None:
        self.code, self.phases = code, phases
        self.buffers: list[Buffer] = []
        self._first = first
        self.of: dict[int, Home] = dict(given)
        self._given = frozenset(given)
        self.order = sorted(code.ops, key=lambda op: ("before", "loop", "after").index(phases[id(op)]))
        self.copies: dict[int, list[int]] = {}
        """By the output of a concat, the arguments that must be copied into it."""
        self.scratch: dict[int, list[Home]] = {}
        """By output, the homes of what an operation needs as well."""
        self.kept = set(kept)
        self._views = {op.out: op for op in code.ops if op.name in VIEWS}
        self.last = self._last_reads()
        """By base value, (position, first row, last row + 1) of each read; what is kept is read at the very end."""
        self._ends = dict(ends)
        self._placed = self._concat_places()
        for position, op in enumerate(self.order):
            self._settle(op, position)
        self._note_uses()

    def new(self, rows: int, phase: str) -> Home:
        """A buffer of its own."""
        buffer = Buffer(self._first + len(self.buffers), rows, {phase})
        self.buffers.append(buffer)
        return Home(buffer)

    def base(self, v: int) -> tuple[int, int]:
        """The value that a view is of, and the row where it begins."""
        row = 0
        while v in self._views and v not in self._given:
            op = self._views[v]
            row += op.attr[0] if op.name == "part" else 0
            v = op.args[0]
        return v, row

    def _last_reads(self) -> dict[int, list[tuple[int, int, int]]]:
        found: dict[int, list[tuple[int, int, int]]] = {}
        end = len(self.order)
        late = {id(op) for op in self.order if op.name in GRADIENTS or (op.name == "concat" and self.virtual(op))}
        taking = [(end if id(op) in late else k, op) for k, op in enumerate(self.order) if op.name not in VIEWS]
        reads = [(k, v) for k, op in taking for v in op.args]
        reads += [(end, v) for v in (*self.code.outputs, *self.kept) if v is not None]
        for k, v in reads:
            base, row = self.base(v)
            found.setdefault(base, []).append((k, row, row + self.code.values.rows(v)))
        return found

    def _concat_places(self) -> dict[int, tuple[int, int]]:
        """The values that are made in their place in a concat: (its output, row)."""
        found: dict[int, tuple[int, int]] = {}
        for op in sorted(self.code.ops, key=lambda op: self.phases[id(op)] != "loop"):
            if op.name != "concat" or self.virtual(op):
                continue
            row = 0
            for v in op.args:
                made = self.code.made.get(v)
                plain = made is not None and made.name not in (*VIEWS, "concat", "opaque", "opaque_back", "normal")
                together = made is not None and self.phases[id(made)] == self.phases[id(op)]
                if plain and together and v not in found and v not in self._ends and v not in self.kept:
                    found[v] = op.out, row
                else:
                    self.copies.setdefault(op.out, []).append(v)
                row += self.code.values.rows(v)
        return found

    def virtual(self, op: Op) -> bool:
        """Whether a concat is only gathered for whole chunks, and so never put together for a step."""
        users = [user for user in self.code.ops if op.out in user.args]
        return bool(users) and all(user.name in GRADIENTS for user in users)

    def _settle(self, op: Op, position: int) -> None:
        phase = self.phases[id(op)]
        if op.name in VIEWS or (op.name == "concat" and self.virtual(op)):
            return
        if op.name == "concat":
            self._begin(op.out, phase)
            return
        for size in SPARE.get(op.name, ()):
            rows = self.code.values.rows(op.out) if size == "rows" else 1
            self.scratch.setdefault(op.out, []).append(self.new(rows, phase))
        for v in op.outs:
            if v in self._ends:
                self.of[v] = self._ends[v]
            elif v in self._placed:
                whole, row = self._placed[v]
                self._begin(whole, phase)
                home = self.home(whole)
                home.buffer.fixed = True
                self.of[v] = Home(home.buffer, home.row + row)
            elif not (op.name in IN_PLACE and self._in_place(op, position)):
                self._own(v, phase)

    def _begin(self, whole: int, phase: str) -> None:
        """Make the home of a concat, when the first of its parts is made."""
        if whole in self._ends:
            self.of[whole] = self._ends[whole]
        elif whole not in self.of:
            self._own(whole, phase)

    def _own(self, v: int, phase: str) -> None:
        home = self.of[v] = self.new(self.code.values.rows(v), phase)
        home.buffer.present = dict.fromkeys(range(home.buffer.rows), v)

    def _in_place(self, op: Op, position: int) -> bool:
        """Put a result where an argument is, if that is not read again; first where the loop writes anyway."""
        rows, found = self.code.values.rows(op.out), []
        for v in op.args:
            base, _ = self.base(v)
            home = self.of.get(base) and self.home(v)
            if home and not home.buffer.fixed and self._free(v, rows, position, op):
                found.append(home)
        found.sort(key=lambda home: "loop" not in home.buffer.phases)
        if not found:
            return False
        self.of[op.out] = found[0]
        found[0].buffer.phases.add(self.phases[id(op)])
        found[0].buffer.present.update(dict.fromkeys(range(found[0].row, found[0].row + rows), op.out))
        return True

    def _free(self, v: int, rows: int, position: int, op: Op) -> bool:
        base, at = self.base(v)
        home = self.home(v)
        here = range(home.row, home.row + rows)
        if any(home.buffer.present.get(r) != base for r in here):
            return False
        if any(k > position and a < at + rows and at < b for k, a, b in self.last.get(base, [])):
            return False
        for other in op.args:
            there = self.home(other)
            if there.buffer is home.buffer and there.row != home.row and abs(there.row - home.row) < rows:
                return False
        return True

    def home(self, v: int) -> Home:
        """The home of a value, or of the part of one that it is."""
        base, row = self.base(v)
        found = self.of[base]
        return Home(found.buffer, found.row + row)

    def _note_uses(self) -> None:
        for op in self.order:
            if op.name in VIEWS or (op.name == "concat" and self.virtual(op)):
                continue
            for v in (*op.args, *op.outs):
                if self.base(v)[0] in self.of:
                    self.home(v).buffer.phases.add(self.phases[id(op)])
        for op in self.order:
            if op.name == "concat" and self.virtual(op):
                for v in op.args:
                    self.home(v).buffer.phases.add("after")
        first = self.code.outputs[0]
        if first is not None and self.base(first)[0] in self.of:  # y and dx are taken for all steps of a block
            self.home(first).buffer.phases.add("after")
        for v in self.kept:
            self.home(v).buffer.kept = True

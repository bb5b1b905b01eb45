"""Allocates memory to the values of a code, so that as many as can share it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rnnbp.compiler.code import Code
from rnnbp.compiler.drawn import DRAWN
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import ALL_STEPS, IN_PLACE, VIEWS
from rnnbp.compiler.storage import Buffer, Location, Storage, base, gathered, named

NEVER_PLACED = VIEWS | {"concat", "opaque", "opaque_back", DRAWN}
"""Operations whose result is not made in its place in a concat; nor is any of several results."""
PHASES = ("before", "loop", "after")


def allocate(
    code: Code,
    phases: Mapping[int, str],
    given: Mapping[int, Location],
    ends: Mapping[int, Location],
    kept: Iterable[int] = (),
    first: int = 0,
    apart: Iterable[int] = (),
) -> Storage:
    """The storage of a code.

    Args:
        phases: of each operation by its id, "before", "loop" or "after"; they run in that order.
        given: locations of values that exist before the code runs. ends: locations that some values
            must have.
        kept: values that backward needs. first: the number of the first buffer. apart: values that
            take no argument's place.
    """
    return _Allocation(code, phases, given, ends, kept, first, apart).storage()


def allocate_tightly(
    code: Code,
    phases: Mapping[int, str],
    given: Mapping[int, Location],
    ends: Mapping[int, Location],
    kept: Sequence[int],
) -> Storage:
    """The storage of forward code, with the smaller tape.

    A kept value in the place of rows of an argument takes the argument's other rows into the tape
    with it; where nothing else in them is kept, one in a buffer of its own is less.
    """
    found = allocate(code, phases, given, ends, kept)
    rows = dict[Buffer, int]()
    for v in found.kept:
        at = found.location(v).buffer
        rows[at] = rows.get(at, 0) + code.values.rows(v)
    loose = [v for v in kept if rows[at := found.location(v).buffer] < at.rows]
    if not loose:
        return found
    other = allocate(code, phases, given, ends, kept, apart=loose)
    sizes = [sum(buffer.rows for buffer in storage.taped) for storage in (found, other)]
    return other if sizes[1] < sizes[0] else found


class _Allocation:
    def __init__(
        self,
        code: Code,
        phases: Mapping[int, str],
        given: Mapping[int, Location],
        ends: Mapping[int, Location],
        kept: Iterable[int],
        first: int,
        apart: Iterable[int],
    ) -> None:
        self.code, self.phases, self.ends, self.first = code, phases, ends, first
        self.given, self.kept = frozenset(given), frozenset(kept)
        self.apart = frozenset(apart)
        self.views = {op.out: op for op in code.ops if op.name in VIEWS}
        computing = [op for op in code.ops if op.name != DRAWN]
        self.order = sorted(computing, key=lambda op: PHASES.index(phases[id(op)]))
        self.locations, self.gathered = dict(given), gathered(code)
        self.buffers: list[Buffer] = []
        self.uses: dict[Buffer, set[str]] = {}
        self.fixed = {at.buffer for at in (*given.values(), *ends.values())}
        """Buffers in which nothing may take the place of a value."""
        self.present: dict[Buffer, dict[int, int]] = {}
        """By buffer and row, the base value that is there now."""
        self.copies: dict[int, list[int]] = {}
        self.reads = self._reads()
        self.placed = self._placed_in_concats()
        for position, op in enumerate(self.order):
            self._allocate(op, position)
        self._note_uses()

    def storage(self) -> Storage:
        return Storage(
            code=self.code,
            order=tuple(self.order),
            locations=self.locations,
            given=self.given,
            views=self.views,
            buffers=tuple(self.buffers),
            phases={buffer: frozenset(used) for buffer, used in self.uses.items()},
            kept=self.kept,
            copies={out: tuple(values) for out, values in self.copies.items()},
            gathered=self.gathered,
            reads={v: tuple(found) for v, found in self.reads.items()},
        )

    def _base(self, v: int) -> tuple[int, int]:
        return base(v, self.views, self.given)

    def _location(self, v: int) -> Location:
        found, row = self._base(v)
        at = self.locations[found]
        return Location(at.buffer, at.row + row)

    def _reads(self) -> dict[int, list[tuple[int, int, int]]]:
        found: dict[int, list[tuple[int, int, int]]] = {}
        end = len(self.order)
        late = {id(op) for op in self.order if op.name in ALL_STEPS or self._is_gathered(op)}
        taking = [
            (end if id(op) in late else k, op)
            for k, op in enumerate(self.order)
            if op.name not in VIEWS
        ]
        reads = [(k, v) for k, op in taking for v in op.args]
        reads += [(end, v) for v in (*self.code.outputs, *self.kept) if v is not None]
        for k, v in reads:
            whole, row = self._base(v)
            found.setdefault(whole, []).append((k, row, row + self.code.values.rows(v)))
        return found

    def _is_gathered(self, op: Op) -> bool:
        return op.name == "concat" and op.out in self.gathered

    def _placed_in_concats(self) -> dict[int, tuple[int, int]]:
        """The values that are made in their place in a concat: (its output, row)."""
        found: dict[int, tuple[int, int]] = {}
        for op in sorted(self.code.ops, key=lambda op: self.phases[id(op)] != "loop"):
            if op.name != "concat" or op.out in self.gathered:
                continue
            row = 0
            for v in op.args:
                if v not in found and self._can_be_placed(v, op):
                    found[v] = op.out, row
                else:
                    self.copies.setdefault(op.out, []).append(v)
                row += self.code.values.rows(v)
        return found

    def _can_be_placed(self, v: int, concat: Op) -> bool:
        made = self.code.made.get(v)
        if (
            made is None
            or made.name in NEVER_PLACED
            or len(made.outs) > 1
            or v in self.ends
            or v in self.kept
        ):
            return False
        return self.phases[id(made)] == self.phases[id(concat)]

    def _allocate(self, op: Op, position: int) -> None:
        if op.name in VIEWS or self._is_gathered(op):
            return
        phase = self.phases[id(op)]
        if op.name == "concat":
            self._begin(op.out, phase)
            return
        for v in op.outs:
            if v in self.ends:
                self.locations[v] = self.ends[v]
            elif v in self.placed:
                whole, row = self.placed[v]
                self._begin(whole, phase)
                at = self._location(whole)
                self.fixed.add(at.buffer)
                self.locations[v] = Location(at.buffer, at.row + row)
            elif v in self.apart or not (op.name in IN_PLACE and self._in_place(op, position)):
                self._own(v, phase)

    def _begin(self, whole: int, phase: str) -> None:
        """Locate a concat, when the first of its parts is made."""
        if whole in self.ends:
            self.locations[whole] = self.ends[whole]
        elif whole not in self.locations:
            self._own(whole, phase)

    def _own(self, v: int, phase: str) -> None:
        """Give a value a buffer of its own."""
        buffer = named(self.first + len(self.buffers), self.code.values.rows(v))
        self.buffers.append(buffer)
        self.uses[buffer] = {phase}
        self.locations[v] = Location(buffer)
        self.present[buffer] = dict.fromkeys(range(buffer.rows), v)

    def _in_place(self, op: Op, position: int) -> bool:
        """Put a result in the place of an argument not read again; first where the loop writes."""
        rows, found = self.code.values.rows(op.out), []
        for v in op.args:
            whole, _ = self._base(v)
            at = self._location(v) if whole in self.locations else None
            if at is not None and at.buffer not in self.fixed and self._free(v, rows, position, op):
                found.append(at)
        found.sort(key=lambda at: "loop" not in self.uses[at.buffer])
        if not found:
            return False
        chosen = self.locations[op.out] = found[0]
        self.uses[chosen.buffer].add(self.phases[id(op)])
        self.present[chosen.buffer].update(
            dict.fromkeys(range(chosen.row, chosen.row + rows), op.out)
        )
        return True

    def _free(self, v: int, rows: int, position: int, op: Op) -> bool:
        whole, row = self._base(v)
        at = self._location(v)
        present = self.present[at.buffer]
        if any(present.get(r) != whole for r in range(at.row, at.row + rows)):
            return False
        if any(
            k > position and a < row + rows and row < b for k, a, b in self.reads.get(whole, [])
        ):
            return False
        for other in op.args:
            there = self._location(other)
            if there.buffer is at.buffer and there.row != at.row and abs(there.row - at.row) < rows:
                return False
        return True

    def _note_uses(self) -> None:
        for op in self.order:
            if op.name in VIEWS or self._is_gathered(op):
                continue
            for v in (*op.args, *op.outs):
                if self._base(v)[0] in self.locations:
                    self._use(v, self.phases[id(op)])
        for op in self.order:
            if self._is_gathered(op):
                for v in op.args:
                    self._use(v, "after")
        for end in self.code.others:  # y and deltas of inputs are taken for all steps of a block
            if end is not None and self._base(end)[0] in self.locations:
                self._use(end, "after")

    def _use(self, v: int, phase: str) -> None:
        self.uses.setdefault(self._location(v).buffer, set()).add(phase)

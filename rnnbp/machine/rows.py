"""Operations along a row of numbers: whole vectors in a loop, then a masked one for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rnnbp.machine.ir import Lanes, Loop, Text


@dataclass
class Row:
    """A row of n numbers, n known or a variable: totals over it, and new values for it."""

    t: Text
    n: int | str

    def total(
        self, term: Callable[[str, str | None], str], start: float = 0.0, op: str = "fadd"
    ) -> str:
        """The sum, or maximum (``op`` maxnum), of a term of (index, mask), as a number."""
        v, full = self.t.lanes, self._full()
        found = v.constant(start)
        with self.t.loop(0, full, v.n, carried=[(v.type, found)]) as loop:
            loop.after.append(_join(self.t, v, op, loop.carried[0], term(loop.index, None)))
        with self._rest(full, [(v.type, loop.carried[0])]) as (mask, rest):
            # Lanes past the end are set to the start again: a masked load gives 0, of which the
            # term may be anything, as e⁰ is 1.
            last = term(full, mask)
            last = self.t.put(
                f"select {v.bools} {mask}, {v.type} {last}, {v.type} {v.constant(start)}"
            )
            rest.after.append(_join(self.t, v, op, rest.carried[0], last))
        return across(self.t, v, op, rest.carried[0])

    def each(self, work: Callable[[str, str | None], None]) -> None:
        """Do something at every vector of features."""
        full = self._full()
        with self.t.loop(0, full, self.t.lanes.n) as loop:
            work(loop.index, None)
        with self._rest(full) as (mask, _):
            work(full, mask)

    def _full(self) -> str:
        """How many numbers are in full vectors."""
        return self.t.times(self.t.put(f"sdiv i64 {self.n}, {self.t.lanes.n}"), self.t.lanes.n)

    @contextmanager
    def _rest(
        self, full: str, carried: Sequence[tuple[str, str]] = ()
    ) -> Iterator[tuple[str, Loop]]:
        """One turn, or none, for what is left, and its mask."""
        # A loop of one turn or none instead of a branch: it carries the totals as a loop does.
        left = self.t.put(f"sub i64 {self.n}, {full}")
        with self.t.loop(full, self.n, self.t.lanes.n, carried=carried) as loop:
            yield self.t.first(left), loop


def across(t: Text, v: Lanes, op: str, vector: str) -> str:
    """All lanes of a vector as one: halves are joined until one is left."""
    # A tree, whose order does not depend on the processor. LLVM's reductions of floating-point
    # vectors add from left to right, one lane after the other, or in an order of their choice.
    half = v.n
    while half > 1:
        half //= 2
        order = ", ".join(f"i32 {(k + half) if k < half else k}" for k in range(v.n))
        other = t.put(f"shufflevector {v.type} {vector}, {v.type} poison, <{v.n} x i32> <{order}>")
        vector = _join(t, v, op, vector, other)
    return t.put(f"extractelement {v.type} {vector}, i32 0")


def _join(t: Text, v: Lanes, op: str, a: str, b: str) -> str:
    return t.put(f"fadd {v.type} {a}, {b}") if op == "fadd" else t.intrinsic(op, a, b)

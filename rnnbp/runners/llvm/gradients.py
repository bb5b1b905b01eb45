"""What is read off the deltas of a piece: rows of parameter gradients."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import accumulate

from rnnbp.compiler.op import Op
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.weights import Rows
from rnnbp.numerics import Array
from rnnbp.runners.llvm.operands import Operand, Operands

TABLE: dict[str, Array] = {}
"""Stands for the owner of the deltas that are summed by symbol, under the key ``deltas``."""


@dataclass(frozen=True)
class Gradient:
    """Rows of a parameter gradient += deltasᵀ · other; of one or two += Σ deltas without other.

    With ``by_symbol``: columns of the table's deltas, ``depth`` in all, += the deltas of the
    symbols that other names.
    """

    totals: tuple[Rows, ...]
    rows: int
    deltas: Operand
    other: Operand | None
    depth: int
    by_symbol: bool = False


def gradients_of(step: StepCode, operands: Operands, *, symbols: bool) -> tuple[Gradient, ...]:
    """What is read off the deltas of a piece.

    Args:
        operands: what the backward code's values are to a kernel.
        symbols: whether x is the numbers of symbols in a table.
    """
    return _Reading(step, operands, symbols).run()


class _Reading:
    def __init__(self, step: StepCode, operands: Operands, symbols: bool) -> None:
        self.step, self.operands, self.symbols = step, operands, symbols

    def run(self) -> tuple[Gradient, ...]:
        found: list[Gradient] = []
        for op in self.step.backward.code.ops:
            if op.name == "grad_linear":
                found += self._product(op)
            elif op.name == "grad_bias":
                found += self._parts(op.args[0], op.vector.lanes, None, 0)
        return tuple(found)

    def _product(self, op: Op) -> Iterator[Gradient]:
        """The gradient of weights; of those that a table stands for, the deltas by symbol."""
        deltas, taken = op.args
        other = self.operands.operand(self.operands.of(taken))
        if self.symbols and taken == self.step.forward.code.inputs[0]:
            rows = op.matrix.shape[0]
            whole = (rows, (Rows(TABLE, "deltas", 0, rows),))
            parts = self._parts(deltas, [whole], other, rows)
            return (replace(g, by_symbol=True) for g in parts)
        lanes = [(lane.count, (lane,)) for lane in op.matrix.lanes]
        return self._parts(deltas, lanes, other, self.step.values.rows(taken))

    def _parts(
        self,
        deltas: int,
        lanes: Iterable[tuple[int, tuple[Rows, ...]]],
        other: Operand | None,
        depth: int,
    ) -> Iterator[Gradient]:
        """The gradients of rows of parameters, cut where the deltas are in another array."""
        values = self.step.backward.storage.lanes(deltas)
        ends = list(accumulate(map(self.step.values.rows, values)))
        operands = [self.operands.operand(self.operands.of(v)) for v in values]
        at = 0
        for count, parts in lanes:
            done = 0
            while done < count:
                k = bisect_right(ends, at)
                n = min(ends[k] - at, count - done)
                row = at - (ends[k - 1] if k else 0)
                here = replace(operands[k], row=operands[k].row + row)
                totals = [part.cut(done, done + n) for part in parts]
                # Sums of deltas go to two parameters at once: PyTorch's layers have two biases.
                size = 1 if other else 2
                for first in range(0, len(totals), size):
                    yield Gradient(tuple(totals[first : first + size]), n, here, other, depth)
                at, done = at + n, done + n

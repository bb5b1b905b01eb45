"""What is the same at all steps, as chunks of the first rows of a batch take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from rnnbp.bptt.fixed_nodes import FixedNodes
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.graph import Node
from rnnbp.graph.node_checks import Values
from rnnbp.numerics import Array


@final
class FixedRows(FixedNodes):
    """As ``FixedNodes``; chunks take static values of the first rows, and send deltas back to them.

    The nodes themselves run once for all rows.
    """

    def forward(self, *, keep: bool) -> None:
        super().forward(keep=keep)
        self.rows = self.problem.batch

    def cut(self, rows: int) -> None:
        """Let the chunks that follow be of the first ``rows`` rows."""
        self.rows = rows
        known: Values = [None] * self.problem.model.n_values
        for k, value in self.values.items():
            known[k] = value[:rows] if self.parts.pers[k] == "sequence" else value
        self.known = known

    def _lead(self, n: int | None) -> tuple[int, int]:
        return super()._lead(n) if n is None else (self.problem.length(n), self.problem.live(n))

    def collect(self, node: Node, deltas: Deltas, sums: Mapping[int, Array]) -> None:
        super().collect(node, deltas, self._first(sums))

    def left(
        self, node: Node, dxs: Sequence[Array | None], sums: Mapping[int, Array]
    ) -> Sequence[Array | None]:
        return super().left(node, dxs, self._first(sums))

    def _first(self, sums: Mapping[int, Array]) -> dict[int, Array]:
        """The sums of deltas, of the first rows where there is one for each row."""
        static = self.parts.pers
        return {k: a[: self.rows] if static[k] == "sequence" else a for k, a in sums.items()}

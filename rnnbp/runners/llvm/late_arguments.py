"""The arrays of a call that waits: they stay as they are until it has run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

from rnnbp.graph.layout import Layout
from rnnbp.numerics import Array, fix_sizes
from rnnbp.runners.later import Later
from rnnbp.runners.llvm.arguments import Arguments


@final
class LateArguments(Arguments):
    """As ``Arguments``; what is read is held, and copies of states are made when all has run."""

    def __init__(self, layout: Layout, later: Later) -> None:
        super().__init__(layout, symbols=False)
        self._later = later

    def addresses(self, xs: Sequence[Array]) -> dict[str, int]:
        self._later.hold(xs, fix_sizes(xs))
        return super().addresses(xs)

    def of_deltas(self, dy: Array, dxs: Sequence[Array | None]) -> dict[str, int]:
        self._later.hold(dy, dxs, fix_sizes([dy]))
        return super().of_deltas(dy, dxs)

    def copies(self, states: Iterable[Array]) -> tuple[Array, ...]:
        shapes = zip(states, self.cell.state_shapes, strict=True)
        return tuple([self._later.copy(s.reshape(-1, *shape)) for s, shape in shapes])

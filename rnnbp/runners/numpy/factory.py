"""Step programs as a backend."""

from __future__ import annotations

from typing import final

from rnnbp.graph.layout import Layout
from rnnbp.layers.symbols import Symbols
from rnnbp.runners.base import Runner
from rnnbp.runners.factory import RunnerFactory
from rnnbp.runners.numpy.program import Program
from rnnbp.runners.numpy.sizes import sizes_of
from rnnbp.runners.runner_sizes import RunnerSizes


@final
class ProgramFactory(RunnerFactory):
    """Runs every cell: a layer that is not lowered to primitives runs by its own methods."""

    @classmethod
    def sizes(
        cls,
        layout: Layout,
        without: frozenset[str],
        symbols: Symbols | None,
        *,
        short: bool = False,
    ) -> RunnerSizes:
        return sizes_of(layout, without)

    def runner(self, layout: Layout, symbols: Symbols | None) -> Runner:
        return Program(layout, self.workspace, self.without)

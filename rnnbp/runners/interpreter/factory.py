"""The interpreter as a backend."""

from __future__ import annotations

from typing import final

from rnnbp.graph.layout import Layout
from rnnbp.layers.symbols import Symbols
from rnnbp.runners.base import Runner
from rnnbp.runners.factory import RunnerFactory
from rnnbp.runners.interpreter.program import Interpreter
from rnnbp.runners.interpreter.sizes import InterpreterSizes
from rnnbp.runners.runner_sizes import RunnerSizes


@final
class InterpreterFactory(RunnerFactory):
    """Runs every cell, node by node; it has no rules."""

    @classmethod
    def sizes(
        cls,
        layout: Layout,
        without: frozenset[str],
        symbols: Symbols | None,
        *,
        short: bool = False,
    ) -> RunnerSizes:
        return InterpreterSizes(layout)

    def runner(self, layout: Layout, symbols: Symbols | None) -> Runner:
        return Interpreter(layout)

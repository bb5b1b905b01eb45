"""The runners of a model's nodes: of each Recurrent, and of layers that have one of their own."""

from __future__ import annotations

from typing import final

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.graph.layout import layouts
from rnnbp.graph.model_split import Parts
from rnnbp.inputs.problem import Problem
from rnnbp.layers.base import Layer
from rnnbp.runners.base import Runner
from rnnbp.runners.factory import LayerRunner
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.runners.select import Runners, sizes
from rnnbp.runners.sums import SymbolTable
from rnnbp.runners.workspace import Workspace


def cell_sizes(problem: Problem, parts: Parts) -> dict[int, RunnerSizes]:
    """The sizes of the Recurrents of a problem, by number."""
    shapes = problem.shapes, problem.batch, problem.dtype
    found = layouts(problem.model, *shapes, training=problem.training)
    return {k: sizes(of, problem.backend, parts.symbols_of(k)) for k, of in found.items()}


@final
class NodeRunners:
    """Runners by number of node.

    Args:
        problem: with the model and its backend.
        parts: body and tail of that model.
        workspace: where the runners compute.
    """

    def __init__(self, problem: Problem, parts: Parts, workspace: Workspace) -> None:
        runners = Runners(problem.backend, workspace)
        self._runners = [runners]
        self.programs: dict[int, Runner] = {}
        self.tables: dict[int, SymbolTable] = {}
        """By node of symbols, the table of numbers that a Recurrent reads in place of vectors."""
        model, dtype = problem.model, problem.dtype
        sizes = problem.shapes, problem.batch, dtype
        for number, layout in layouts(model, *sizes, training=problem.training).items():
            maker = runners
            if number in workspace.apart:
                maker = Runners(problem.backend, workspace.apart[number])
                self._runners.append(maker)
            program = maker.recurrent(layout, parts.symbols_of(number))
            self.programs[number] = program
            if program.table is not None:
                self.tables[parts.spelled[number].number] = program.table
        self.layers: dict[int, LayerRunner] = {}
        """By node, what runs a layer outside cells in place of its own methods."""
        for node in model.nodes:
            if isinstance(node.block, Layer) and node not in parts.fixed:
                found = runners.layer(node.block, dtype, brief=node in parts.tail)
                self.layers |= {} if found is None else {node.number: found}

    def prepare(self, chunk: int) -> None:
        """Take the memory that stays for a whole run, and pack weights as they are."""
        for program in self.programs.values():
            program.prepare(chunk)
        for layer in self.layers.values():
            layer.prepare()
        for runners in self._runners:
            runners.pack()

    def renew(self) -> None:
        """Pack weights as they are, of those that were packed for an earlier problem."""
        for program in self.programs.values():
            program.renew()
        for layer in self.layers.values():
            layer.renew()
        for runners in self._runners:
            runners.pack()

    def finish(self, grads: Accumulators) -> None:
        """Add the gradients that are made once for a whole run."""
        for table in self.tables.values():
            table.finish(grads)

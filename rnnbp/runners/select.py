"""Which runners a backend means. A new one is a ``RunnerFactory`` and a line here."""

from __future__ import annotations

from typing import final

from rnnbp.graph.layout import Layout
from rnnbp.layers.base import Layer
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Dtype
from rnnbp.runners.backend import Backend, kernels
from rnnbp.runners.base import Runner
from rnnbp.runners.factory import LayerRunner, LayerSizes, RunnerFactory
from rnnbp.runners.interpreter.factory import InterpreterFactory
from rnnbp.runners.numpy.factory import ProgramFactory
from rnnbp.runners.precision import unrounded
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.runners.workspace import Workspace


def factories(backend: Backend) -> tuple[type[RunnerFactory], ...]:
    """What a backend runs cells by, in order: the first that can run a cell runs it."""
    if backend.precision == "bfloat16":
        return (kernels(backend.precision),)
    if backend.short_tapes:
        return (kernels(),)
    if backend.name == "llvm":
        return kernels(), ProgramFactory
    return (InterpreterFactory if backend.name == "interpreter" else ProgramFactory,)


@final
class Runners:
    """Makes the runners of a model; all of them share one workspace."""

    def __init__(self, backend: Backend, workspace: Workspace) -> None:
        self._factories = [
            make(workspace, frozenset(backend.without), short=backend.short_tapes)
            for make in factories(backend)
        ]
        self._backend = backend

    def recurrent(self, layout: Layout, symbols: Symbols | None) -> Runner:
        """What runs the cell of a layout.

        Args:
            symbols: the layer whose output, and nothing else, is its x.
        """
        for factory in self._factories:
            if (found := factory.runner(layout, symbols)) is not None:
                return found
        raise unrounded(layout, self._backend)

    def layer(self, layer: Layer, dtype: Dtype, *, brief: bool) -> LayerRunner | None:
        """What runs a layer outside cells, None for its methods; ``brief`` as of the factory."""
        return self._factories[0].layer(layer, dtype, brief=brief)

    def pack(self) -> None:
        """Pack the weights of runners that were prepared or renewed."""
        for factory in self._factories:
            factory.pack()


def sizes(layout: Layout, backend: Backend, symbols: Symbols | None) -> RunnerSizes:
    """What the runner of a cell holds and needs; ``symbols`` as ``Runners.recurrent`` takes it."""
    for factory in factories(backend):
        given = layout, frozenset(backend.without), symbols
        if (found := factory.sizes(*given, short=backend.short_tapes)) is not None:
            return found
    raise unrounded(layout, backend)


def layer_sizes(layer: Layer, dtype: Dtype, backend: Backend) -> LayerSizes | None:
    """The sizes of what runs a layer outside cells; None where its own methods run it."""
    return factories(backend)[0].layer_sizes(layer, dtype)


def threads_of(backend: Backend) -> int:
    """The threads that the runners of a backend may use now."""
    return factories(backend)[0].threads()

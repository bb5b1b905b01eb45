"""A model bound to arrays that stay where they are, for a number of steps at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import final

import numpy as np

from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.value_pers import value_pers
from rnnbp.inputs.held import Held
from rnnbp.inputs.other_inputs import OtherInputs
from rnnbp.inputs.passed import Form
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.inputs.x_checks import check_values
from rnnbp.layers.symbols import Symbols
from rnnbp.machine.team.chain import Check
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.rng import Context
from rnnbp.runners.as_python import warn_of_python
from rnnbp.runners.backend import Backend, BackendLike
from rnnbp.runners.refused import backend_for, by_numpy_where_refused
from rnnbp.runners.tapes import State
from rnnbp.stepping.arguments import Inputs
from rnnbp.stepping.operations import INDEX, Operation, Operations
from rnnbp.stepping.step_chunks import StepChunks
from rnnbp.stepping.stepped import Stepped
from rnnbp.support.ieee import ieee
from rnnbp.sweeps.static_nodes import StaticNodes


@final
class Core:
    """Runs ``length`` steps of a batch at a time.

    Args:
        found: what is stepped.
        lead: (length, batch).
        shapes: by number of an input of the model that is a series, its feature shape.
        static: by number of a static input of the model, its value (B, ...).
        symbols: for each of these inputs, the layers that take it as integers.
        labels: their names, for errors.

    Attributes:
        inputs: by number of an input of the model that is a series, the array (L, B, ...) that it
            is written into before ``run``.
        states: of each Recurrent, in order, the arrays that hold its state.
    """

    def __init__(
        self,
        found: Stepped,
        lead: tuple[int, int],
        dtype: Dtype,
        shapes: Mapping[int, Shape],
        static: Mapping[int, Array],
        symbols: Mapping[int, tuple[Symbols, ...]],
        labels: Mapping[int, str],
        backend: Backend,
    ) -> None:
        self.found, self.lead, self.dtype, self._symbols = found, lead, dtype, symbols
        self._labels, self.shapes = labels, shapes
        self.inputs = {
            k: np.zeros((*lead, *shape), INDEX if symbols[k] else dtype)
            for k, shape in shapes.items()
        }
        self.backend, self._static = backend, static
        self.chunks = StepChunks(self._problem(), seed=0, training=False)
        self._bind(anew=False)

    def begin(self, static: Mapping[int, Array]) -> None:
        """Take other static inputs, and read the weights."""
        self._static = static
        self.chunks.begin(self._problem(), seed=0, training=False)
        self.read()

    def read(self) -> None:
        """Read the weights as they are now; the state stays."""
        kept = self.copies()
        if self.found.static:  # values of parameters may be among those of static nodes
            self.chunks.begin(self._problem(), seed=0, training=False)
        self._bind(anew=True)
        self.enter(kept)

    def _problem(self) -> Problem:
        """What it is to the engine."""
        found = self.found
        self._known = values = self._static_values()
        series, static = dict[int, Held](), dict[int, Array]()
        for k, value in enumerate(found.inputs):
            if value in self.inputs:
                series[k] = Held(self.inputs[value])
            else:
                static[k] = values[value]
        x, several = min(series), Form(several=len(found.inputs) > 1)
        others = OtherInputs(x, {k: s for k, s in series.items() if k != x}, static, form=several)
        sizes = series[x], self.dtype, self.lead[0], (), (), (), self.backend
        return Problem(found.graph, *sizes, training=False, others=others)

    def _static_values(self) -> dict[int, Array]:
        """The static inputs and what is computed from them, by number in the model."""
        model, (_, batch) = self.found.model, self.lead
        values = [self._static.get(k) for k in range(model.n_values)]
        if self.found.static:
            given = self.inputs | dict(self._static)
            lead = [given[k].shape[2 if k in self.inputs else 1 :] for k in range(len(model.pers))]
            context = Context(0, training=False, dtype=self.dtype)
            shapes = model.value_shapes(*lead)
            nodes = StaticNodes(model, self.found.static, shapes, context, batch)
            nodes.forward(values, keep=False)
        pers = value_pers(model)
        return {
            k: np.ascontiguousarray(value) if pers[k] == "sequence" else value
            for k, value in enumerate(values)
            if value is not None
        }

    def _bind(self, *, anew: bool) -> None:
        """Read the weights, and bind all nodes to arrays."""
        self.chunks.read(anew=anew)
        native = self.backend.name == "llvm"
        numbers = {value: k for k, value in enumerate(self.found.inputs)}
        inputs = {numbers[k]: held for k, held in self.inputs.items() if k in numbers}
        checks = [Check(held, self._limit(k)) for k, held in self.inputs.items()]
        self.operations = Operations(self.chunks, inputs, checks, native=native)
        self.states = self.operations.states

    @property
    def native(self) -> Callable[[], int] | None:
        """``run``, where machine code does all of it."""
        chain = self.operations.chain
        return None if chain is None or self.operations.order else chain.run

    def run(self) -> bool:
        """Do the steps of ``inputs``; False, with nothing done, where these cannot be used."""
        chain, order = self.operations.chain, self.operations.order
        if chain is None:
            self.check()
        elif chain.run():
            return False
        if order:
            _run_by_python(order)
        return True

    def check(self) -> None:
        """Raise as ``predict`` does for inputs that cannot be used."""
        for k, held in self.inputs.items():
            seen = held[0] if self.lead[0] == 1 else held
            check_values(self._labels[k], self._symbols[k], self.dtype, seen, 0)

    def outputs(self) -> list[Array]:
        """The outputs of the model after ``run``, (L, B, ...), or (B, ...) of static ones."""
        values, model = self.operations.values, self.found.model
        return [
            self._known[value] if k is None else values[k]
            for k, value in zip(self.found.outputs, model.outputs, strict=True)
        ]

    def copies(self) -> States:
        """The state."""
        return tuple([tuple([array.copy() for array in state]) for state in self.states])

    def enter(self, states: Sequence[State]) -> None:
        """Let this be the state."""
        for held, state in zip(self.states, states, strict=True):
            for array, values in zip(held, state, strict=True):
                np.copyto(array, values)

    def first_states(self, blocks: Sequence[Recurrent]) -> States:
        """The initial state of the model's Recurrents, in order."""
        batch, given = self.lead[1], self.found.given or ((),) * len(blocks)
        return tuple(
            [
                tuple(
                    [
                        own if k is None else self._known[k]
                        for own, k in zip_longest(block.first_state(batch, self.dtype), values)
                    ]
                )
                for block, values in zip(blocks, given, strict=True)
            ]
        )

    def _limit(self, k: int) -> int:
        """What the symbols of an input are below."""
        return min((layer.n_symbols for layer in self._symbols[k]), default=0)


@ieee
def _run_by_python(order: Sequence[Operation]) -> None:
    for operation in order:
        operation()


@by_numpy_where_refused
@ieee
def core_of(
    found: Stepped,
    lead: tuple[int, int],
    dtype: Dtype,
    shapes: Mapping[int, Shape],
    static: Mapping[int, Array],
    inputs: Inputs,
    *,
    backend: BackendLike,
) -> Core:
    """A ``Core``; by NumPy where LLVM refuses a cell and was not named."""
    chosen = backend_for(found.model, backend)
    if backend is not None:
        given = [shapes.get(k, static[k].shape[1:] if k in static else ()) for k in found.inputs]
        warn_of_python(found.graph, given, chosen, training=False)
    return Core(found, lead, dtype, shapes, static, inputs.symbols, inputs.labels, chosen)

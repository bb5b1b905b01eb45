"""Gradients of a network over time by its parameters, inputs and initial states."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import final

import numpy as np

from rnnbp.bptt import Gradients, bptt
from rnnbp.bptt.networks import Data, LossesLike, Reading
from rnnbp.gradcheck.derivatives import Case
from rnnbp.gradcheck.losses import weighted_sum
from rnnbp.gradcheck.models import by_own_methods, in_float64
from rnnbp.gradcheck.own_layers import lowered_layers
from rnnbp.gradcheck.penalties import counted
from rnnbp.graph.graph import Graph, Node
from rnnbp.inputs.given import InputsOf, ModelLike
from rnnbp.inputs.held import Held
from rnnbp.inputs.models import as_network
from rnnbp.inputs.passed import passed
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Dtype, Shape
from rnnbp.planning.plan import Plan
from rnnbp.runners.backend import Backend, BackendLike
from rnnbp.schedules import ScheduleLike
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.sweeps.chunk_rows import ChunkRows
from rnnbp.sweeps.forward import losses_of
from rnnbp.sweeps.given_losses import with_objectives
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.outputs import outputs_of
from rnnbp.sweeps.posing import pose_network
from rnnbp.sweeps.recurrent_nodes import given_states, recurrent_of_node


@final
class CheckedNetwork:
    """A network over time in float64, and what it is run on; arguments as of ``check_grads``.

    Raises as ``bptt`` does.
    """

    def __init__(
        self, model: ModelLike, data: Data, reading: Reading, checkpoint: ScheduleLike | Plan
    ) -> None:
        graph = as_network(model)
        values, form = passed(graph, data.x)
        x = form.of([in_float64(form.label(k), value) for k, value in enumerate(values)])
        self.graph, self.checkpoint = graph.astype(np.float64), checkpoint
        self.network = pose_network(self.graph, x, reading)
        target, loss = data.target, data.loss
        if loss is None:
            target, loss = _weighted(self.graph, self.network, reading.seed)
        self.data, self.reading = Data(x, target, loss, data.mask), reading

    @property
    def shapes(self) -> list[Shape]:
        """The feature shapes of the inputs."""
        network = self.network
        series = {k: part.shape[1:] for k, part in network.series.items()}
        every = series | {k: array.shape[1:] for k, array in network.static.items()}
        return [every[k] for k in range(len(self.graph.pers))]

    def case(self, dtype: Dtype) -> Case:
        """The gradients that ``bptt`` returns, and the loss by stages that run in one chunk each."""
        found = self._run(self.checkpoint)
        grads, value = self._named(found), _Value(self, dtype)
        missing = [name for name in value.variables if name not in grads]
        case = Case(
            grads,
            {name: array for name, array in value.variables.items() if name not in missing},
            value,
            places=value.places,
        )
        names = " and ".join(dict.fromkeys(map(str, lowered_layers(self.graph))))
        if not names:
            return case
        # Within a budget fewer schedules may fit without machine code.
        own = self._run("all", Backend("interpreter"))
        return by_own_methods(case, found.loss, own.loss, self._named(own), names)

    def _run(
        self, checkpoint: ScheduleLike | Plan, backend: BackendLike | None = None
    ) -> Gradients:
        reading = self.reading
        return bptt(
            self.graph,
            *self.data[:3],
            mask=self.data.mask,
            checkpoint=checkpoint,
            chunk=reading.chunk,
            state=reading.state,
            seed=reading.seed,
            training=reading.training,
            lengths=reading.lengths,
            reset=reading.reset,
            backend=backend,
        )

    def _named(self, found: Gradients) -> dict[str, Array]:
        """All gradients by name."""
        form, grads = self.network.form, dict(found.grads)
        dxs = enumerate(form.parts(found.dx))
        grads |= {form.label(k): dx for k, dx in dxs if dx is not None}
        states = zip(self.network.recurrent, found.dstate, strict=True)
        for k, (node, deltas) in enumerate(states):
            grads |= {name: deltas[j] for j, name in own_states(self.network, k, node)}
        return grads


@final
class _Value:
    """The loss of a network at the present values of its variables, by the interpreter, which takes
    complex numbers.

    Attributes:
        variables: by name the arrays that are changed in place.
        places: by name the elements of a variable, by number, that are within their rows.
    """

    def __init__(self, checked: CheckedNetwork, dtype: Dtype) -> None:
        network, self.seed = checked.network, checked.reading.seed
        self.charges = list[Scalar]()
        self.series = {k: _floats(part.given, dtype) for k, part in network.series.items()}
        self.static = {k: _floats(array, dtype) for k, array in network.static.items()}
        self.states = {
            k: tuple([a.astype(dtype) for a in state]) for k, state in network.states.items()
        }
        whole = counted(checked.graph._astype(dtype), self.charges)
        self.network = replace(
            network,
            graph=whole,
            series={k: Held(array) for k, array in self.series.items()},
            static=self.static,
            dtype=dtype,
            rows={axis: ChunkRows(of, of.longest) for axis, of in network.lengths.items()},
            states=self.states,
            backend=Backend("interpreter"),
        )
        self.outputs = with_objectives(whole, outputs_of(self.network), checked.data, dtype)
        self.variables, self.places = dict(whole.params), dict[str, Array]()
        for k, array in sorted((self.series | self.static).items()):
            if array.dtype == dtype:
                self._input(network.form.label(k), k, array)
        for k, node in enumerate(network.recurrent):
            states = self.states[node.number]
            self.variables |= {name: states[j] for j, name in own_states(network, k, node)}

    def _input(self, label: str, k: int, array: Array) -> None:
        self.variables[label] = array
        if k in self.series:
            lengths = self.network.lengths[self.network.axes[k]]
            alive = np.arange(len(array))[:, None] < lengths.of_rows
            numbers = np.arange(array.size).reshape(array.shape)
            self.places[label] = numbers[alive].reshape(-1)

    def __call__(self) -> Scalar:
        self.charges.clear()
        network = replace(self.network, states=self._entering())
        values, _ = losses_of(network, self.outputs, self.seed)
        found = list(self.charges)
        for each, value in zip(self.outputs, values, strict=True):
            if each.objective is not None:
                found += [each.factor * value, *each.objective.penalties.values().values()]
        return sum(found)

    def _entering(self) -> Mapping[int, tuple[Array, ...]]:
        """The initial states, with those that are learned as the parameters have them now."""
        network, found = self.network, dict(self.states)
        for node in network.recurrent:
            block = recurrent_of_node(node)
            assert block is not None
            if block.initial and node.number not in network.given:
                found[node.number] = block.first_state(network.batch, network.dtype)
        return found


def own_states(network: PosedNetwork, k: int, node: Node) -> Iterator[tuple[int, str]]:
    """(number, name) of the initial states of a node, the k-th that runs a Recurrent, that are
    neither learned nor values of the network.
    """
    block = recurrent_of_node(node)
    assert block is not None
    if block.initial and node.number not in network.given:
        return
    names = zip(block.cell.state_names, given_states(node), strict=True)
    for j, (name, value) in enumerate(names):
        if value is None:
            yield j, f"state {k} {name}"


def _floats(given: InputsOf, dtype: Dtype) -> Array:
    """An input in a dtype; symbols stay as they are."""
    array = np.asarray(given)
    return array if array.dtype.kind in "iu" else array.astype(dtype)


def _weighted(graph: Graph, network: PosedNetwork, seed: int) -> tuple[InputsOf, LossesLike]:
    """(a weight for each element of the outputs, their weighted sum as a loss), by output."""
    form, rng, weights = OutputForm.of_graph(graph), np.random.default_rng(seed), []
    for each in outputs_of(network):
        lead = () if each.static else (each.lengths.steps,)
        shape = *lead, network.batch, *each.shape
        weights.append(rng.uniform(-1, 1, shape))
    return form.form(weights), form.form([weighted_sum] * len(form))

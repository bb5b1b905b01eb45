"""One run of a network over time: its stages forward in order, and backward in reverse order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import numpy as np

from rnnbp.bptt.progress import Progress
from rnnbp.bptt.results import Gradients, Stats
from rnnbp.bptt.sweep_run import SweepRun
from rnnbp.bptt.sweep_sums import SweepGradients
from rnnbp.graph.deltas import Deltas, send
from rnnbp.inputs.given import InputsOf
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array
from rnnbp.planning.network_objects import PeakWay, SweepObjects, bytes_at
from rnnbp.planning.predicted_ledger import FIXED as STATIC
from rnnbp.rng import Context
from rnnbp.runners.as_python import warn_of_python
from rnnbp.schedules import ScheduleLike
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.sweeps.forward import by_value
from rnnbp.sweeps.gradient_sums import GradientSums
from rnnbp.sweeps.joined_stats import joined
from rnnbp.sweeps.kits import Kits
from rnnbp.sweeps.loss_sinks import LossSink, times
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.output_losses import Output
from rnnbp.sweeps.outputs import first_readers, read_once, static_owners
from rnnbp.sweeps.recurrent_nodes import given_states, recurrent_of_node
from rnnbp.sweeps.running import RunningSweep
from rnnbp.sweeps.shared import Shared
from rnnbp.sweeps.sinks import ResultSink, Sink
from rnnbp.sweeps.stage import Stage, StaticStage, Sweep
from rnnbp.sweeps.static_nodes import StaticNodes
from rnnbp.sweeps.wanted import Wanted


@final
class NetworkRun:
    """What has been computed so far; ``forward`` and ``backward`` are called once, in this order.

    Args:
        network: the checked arguments.
        stages: of the network.
        wanted: what is kept and trained.
        schedules: from the number of a sweep to its schedule, in order.
        seed: of layers that draw numbers.
        bar: shows the steps that have been run; None for no bar.
    """

    def __init__(
        self,
        network: PosedNetwork,
        stages: tuple[Stage, ...],
        wanted: Wanted,
        *,
        schedules: Callable[[int], ScheduleLike],
        seed: int,
        bar: Progress | None = None,
    ) -> None:
        self.network, self.stages, self.outputs = network, stages, wanted.outputs
        self.wanted, self.schedules, self.seed, self.bar = wanted, schedules, seed, bar
        self.kits = Kits(network, "bptt", wanted.place.disk)
        dx, place, memory = wanted.keeps_dx, wanted.place, self.kits.memory
        self.shared = Shared.of(network, memory, keeps_dx=dx, place=place, once=read_once(stages))
        self.ledger, self._peak_way = self.shared.ledger, PeakWay(self.shared.ledger)
        self.kept = self._kept(wanted.returns_y)
        self.ledger.hold("gradients", [sink.y for sink in self.kept.values()])
        self.losses = self._losses()
        self.values: dict[int, Scalar] = {}
        """By number of an output, its loss, without its factor."""
        self.deltas: Deltas = [None] * network.graph.n_values
        """Of the static values."""
        self._counted: list[Array] = []
        """Those of them that the ledger counts."""
        self.running: list[StaticNodes | tuple[RunningSweep, SweepRun]] = []
        self._programs: list[tuple[int, int]] = []
        """Of each sweep that has ended, the bytes of its program, and of tables made later."""
        self.stats, self._objects = list[Stats](), list[SweepObjects]()
        self.penalties: dict[str, Scalar] = {}

    def _kept(self, return_y: bool) -> dict[int, ResultSink]:
        """By number of an output that is a series, where its values go."""
        dtype = self.network.dtype
        return {
            each.number: ResultSink(self.network.rows_of(each.value), each.shape, dtype)
            for each in self.outputs
            if return_y and not each.static
        }

    def _losses(self) -> dict[int, LossSink]:
        """By number of an output that is a series, its loss."""
        dtype = self.network.dtype
        return {
            each.number: LossSink(each, self.network.rows_of(each.value), dtype)
            for each in self.outputs
            if each.objective is not None and not each.static
        }

    def _sinks(self) -> dict[int, list[Sink]]:
        """By number of a value, where it goes as an output of the network."""
        found = by_value(self.outputs, self.kept)
        for value, sinks in by_value(self.outputs, self.losses).items():
            found[value] = found.get(value, []) + sinks
        return found

    def forward(self) -> None:
        """Run all stages forward."""
        network, sinks = self.network, self._sinks()
        context = Context(self.seed, training=network.training, dtype=network.dtype)
        shapes = list(network.shapes)
        for stage in self.stages:
            if isinstance(stage, StaticStage):
                args = network.graph, stage.nodes, shapes, context, network.batch
                nodes = StaticNodes(*args)
                nodes.forward(self.shared.values, keep=True)
                self.ledger.hold(STATIC, [nodes.values(self.shared.values), nodes.arrays()])
                self.running.append(nodes)
            else:
                self._peak_way.begin()
                sweep = RunningSweep(stage, self.shared, sinks, self.wanted)
                run = self._started(sweep)
                self.running.append((sweep, run))
                sweep.hand_on(run.forward())
        for loss in self.losses.values():
            loss.see_all()

    def _started(self, sweep: RunningSweep) -> SweepRun:
        """The engine's run of a sweep."""
        problem, number = sweep.problem, len(self.kits.used)
        given = problem.model, problem.shapes, problem.backend
        warn_of_python(*given, training=problem.training)
        resolved = sweep.resolved(self.schedules(number))
        chunks = self.kits.chunks(number, problem, sweep.outlets.wanted, self.seed)
        folder = self.wanted.place.folder
        return sweep.started(resolved, chunks, self.kits.memory, folder, self.bar)

    def backward(self, dstate: Mapping[int, Sequence[Array | None]]) -> None:
        """Take the losses of static outputs, and run all stages backward.

        Args:
            dstate: by number of a Recurrent's node, deltas of its final state.
        """
        deltas, first = self.deltas, first_readers(self.stages)
        owners = [owner for stage in self.stages for owner in static_owners(stage)]
        initial = [b.initial for n in self.network.recurrent if (b := recurrent_of_node(n))]
        self.grads = GradientSums(self.network.graph, [*owners, *initial], self.ledger)
        for output in self.outputs:
            if output.static and output.objective is not None:
                self._static_loss(output, deltas)
        while self.running:
            self._backward_last(first, dstate)
            self.running.pop()
        for number, loss in self.losses.items():
            self.values[number] = loss.total.value
        self._end()

    def _backward_last(
        self, first: Mapping[int, int], dstate: Mapping[int, Sequence[Array | None]]
    ) -> None:
        """Run the last of the stages that are left backward.

        Args:
            first: by number of an edge, the first stage that reads it.
        """
        stage, deltas = self.running[-1], self.deltas
        if not isinstance(stage, StaticNodes):
            self._peak_way.begin()
        self._count_deltas(stage)
        if isinstance(stage, StaticNodes):
            kept, there = stage.arrays(), [delta is not None for delta in deltas]
            stage.backward(deltas, self.grads.static)
            pairs = zip(deltas, there, strict=True)
            sent = sum(d.nbytes for d, known in pairs if d is not None and not known)
            with self.ledger.reserve("static deltas", sent):  # while those that were there are
                self.ledger.release(kept)
            self._penalise(stage.penalties)
            return
        (sweep, run), at = stage, len(self.running) - 1
        found = sweep.backward(run, deltas, dstate)
        self._add(sweep.sweep, found)
        self._objects.append(run.objects(found.stats))
        sweep.release([k for k, stage_of in first.items() if stage_of == at])
        program = run.sizes.program(run.problem.chunk), sum(run.tables.values())
        self._programs.append(program)
        run.close()
        sweeps = [each for each in self.running if not isinstance(each, StaticNodes)]
        self.kits.rest(len(sweeps) - 1)

    def _count_deltas(self, stage: StaticNodes | tuple[RunningSweep, SweepRun]) -> None:
        """Count the deltas of static values that there are now, before a stage runs backward."""
        self.ledger.release(self._counted)
        self._counted = []  # before the stage makes copies of its own in their place
        taken = [] if isinstance(stage, StaticNodes) else stage[0].take(self.deltas)
        self._counted = [*[delta for delta in self.deltas if delta is not None], *taken]
        self.ledger.hold("static deltas", self._counted)

    def _static_loss(self, output: Output, deltas: Deltas) -> None:
        y, losses = self.shared.values[output.value][None], output.static_losses()
        if losses.loss.whole:
            losses.see_all(y)
        self.values[output.number], dy = losses(y, 0)
        send([output.value], [times(dy[0], output.factor)], deltas)

    def _add(self, sweep: Sweep, found: SweepGradients) -> None:
        """Add the gradients of a sweep."""
        self.grads.add(sweep.graph.slots, found.grads)
        self._penalise(found.penalties)
        self.stats.append(found.stats)

    def _penalise(self, penalties: Mapping[str, Scalar]) -> None:
        for name, value in penalties.items():
            self.penalties[name] = self.penalties.get(name, 0.0) + value

    def _end(self) -> None:
        """Add the gradients of learned initial states, and penalties on parameters."""
        for node in self.network.recurrent:
            block = recurrent_of_node(node)
            assert block is not None
            if block.initial and node.number not in self.network.given:
                parts, given = self.shared.dstates[node.number], given_states(node)
                found = zip(block.initial, parts, given, strict=True)
                sums = {key: part.sum(axis=0) for key, part, value in found if value is None}
                self.grads.static.add(block.initial, sums)
            for k, key in enumerate(block.initial):
                if (delta := self.shared.dinitials.get((node.number, k))) is not None:
                    self.grads.static.add(block.initial, {key: delta})
        self.grads.close()
        for output in self.outputs:
            if output.objective is not None:
                self._penalise(output.objective.penalties.values())
                output.objective.penalties.add(self.grads.at)

    def close(self) -> None:
        """Remove what is on disk, whatever state the run is in."""
        for stage in self.running:
            if not isinstance(stage, StaticNodes):
                stage[1].close()

    def leave(self) -> None:
        """Leave memory to the next run, after ``result``."""
        self.shared.edges = {}
        self.kits.end(self._programs)

    def result(self) -> Gradients:
        """All of it, after ``backward``."""
        network, shared, outputs = self.network, self.shared, self.outputs
        form, way = OutputForm.of_graph(network.graph), self._peak_way.at
        objects = bytes_at(self._objects[::-1], way)
        penalties = {name: value.real for name, value in self.penalties.items()}
        parts = [each.factor * self.values[each.number].real for each in self._trained()]
        named = len(form) > 1 or form.names[0]
        losses = {form.key(each.number): self.values[each.number].real for each in self._trained()}
        y = form.form([self._y(each) for each in outputs]) if self.wanted.returns_y else None
        return Gradients(
            sum(penalties.values(), sum(parts)),
            self.grads.grads,
            self._dx(),
            tuple([shared.dstates[node.number] for node in network.recurrent]),
            shared.final_states(),
            joined(self.stats, self.ledger, objects),
            y=y,
            penalties=penalties,
            losses=losses if named else {},
        )

    def _trained(self) -> list[Output]:
        """The outputs that have a loss."""
        return [each for each in self.outputs if each.objective is not None]

    def _y(self, output: Output) -> Array:
        kept = self.kept.get(output.number)
        found: Array = self.shared.values[output.value] if kept is None else kept.values()
        return found

    def _dx(self) -> InputsOf:
        """The gradients by inputs, in the form in which they were passed; None for symbols."""
        if not self.shared.keeps_dx:
            return None
        network, deltas = self.network, self.deltas
        found = list[Array | None]()
        for k in range(len(network.graph.pers)):
            if k in network.series:
                floats = network.series[k].dtype.kind in "fc"
                found.append(self.shared.dx(k) if floats else None)
                continue
            array, dx = network.static[k], deltas[k]
            symbols = array.dtype.kind in "iu"
            zeros = None if symbols else np.zeros(array.shape, network.dtype)
            found.append(zeros if dx is None else dx)
        return network.form.of(found)

"""What runs networks over time: ``bptt``, ``predict`` and ``evaluate`` of them."""

from __future__ import annotations

from contextlib import closing
from functools import partial
from typing import final

from rnnbp.bptt.networks import Ahead, Allowed, Data, Keeping, Networks, Reading
from rnnbp.bptt.progress import progress_of_steps
from rnnbp.bptt.results import Gradients
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import InputsLike, InputsOf
from rnnbp.inputs.states import States
from rnnbp.numerics import flag
from rnnbp.planning.costs import Costs
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.plan import Plan
from rnnbp.rng import check_seed
from rnnbp.schedules import ScheduleLike
from rnnbp.summaries import Summary
from rnnbp.sweeps.blocks import Place
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.sweeps.costs_by_node import with_costs
from rnnbp.sweeps.forward import kept_outputs, losses_of, run_forward
from rnnbp.sweeps.given_losses import with_objectives
from rnnbp.sweeps.network_run import NetworkRun
from rnnbp.sweeps.outputs import outputs_of, stages_of_network
from rnnbp.sweeps.padding_warnings import warn_of_padding
from rnnbp.sweeps.planned import forecast_of_network, planned
from rnnbp.sweeps.posing import pose_network
from rnnbp.sweeps.run_steps import steps_of_sweeps
from rnnbp.sweeps.scheduling import scheduled
from rnnbp.sweeps.wanted import Wanted


@final
class SweptNetworks(Networks):
    """Runs networks over time as sweeps and static stages."""

    def gradients(self, graph: Graph, data: Data, reading: Reading, keeping: Keeping) -> Gradients:
        _refuse(horizon=reading.horizon, steps=reading.steps)
        network = pose_network(graph, data.x, reading)
        warn_of_padding(graph, data.mask, reading.lengths)
        outputs = with_objectives(graph, outputs_of(network), data, network.dtype)
        mapped = any(part.mapped for part in network.series.values())
        plan = keeping.checkpoint if isinstance(keeping.checkpoint, NetworkPlan) else None
        default = not mapped if plan is None else plan.keeps_dx
        dx = default if keeping.dx is None else flag("dx", keeping.dx)
        final = network.final_deltas(keeping.dstate)
        place, kept = Place(folder=keeping.folder), flag("return_y", keeping.return_y)
        wanted = Wanted(graph, outputs, kept, dx, place, frozenset(final))
        network, wanted, schedules = scheduled(network, wanted, keeping.checkpoint, reading.chunk)
        stages, seed = stages_of_network(network), check_seed(reading.seed)
        total = partial(steps_of_sweeps, network, stages, schedules)
        with progress_of_steps(keeping.progress, total) as bar:
            run = NetworkRun(network, stages, wanted, schedules=schedules, seed=seed, bar=bar)
            with closing(run):
                run.forward()
                run.backward(final)
                found = run.result()
        run.leave()
        return found

    def outputs(
        self, graph: Graph, x: InputsLike, reading: Reading, *, last: bool
    ) -> tuple[InputsOf, States]:
        network = pose_network(graph, x, reading)
        outputs = outputs_of(network)
        kept = kept_outputs(network, outputs, last=last)
        shared = run_forward(network, outputs, kept, check_seed(reading.seed))
        found = [
            kept[each.number].values() if each.number in kept else shared.values[each.value]
            for each in outputs
        ]
        return OutputForm.of_graph(graph).form(found), shared.final_states()

    def losses(
        self, graph: Graph, data: Data, reading: Reading
    ) -> tuple[float, States, dict[str | int, float]]:
        network = pose_network(graph, data.x, reading)
        warn_of_padding(graph, data.mask, reading.lengths)
        given = with_objectives(graph, outputs_of(network), data, network.dtype)
        outputs = [each for each in given if each.objective is not None]
        values, shared = losses_of(network, outputs, check_seed(reading.seed))
        form, total, found = OutputForm.of_graph(graph), 0.0, dict[str | int, float]()
        for each, value in zip(outputs, values, strict=True):
            found[form.key(each.number)] = float(value.real)
            total += each.factor * float(value.real)
        return total, shared.final_states(), found

    def plan(self, graph: Graph, ahead: Ahead, allowed: Allowed) -> Plan:
        return planned(graph, ahead, allowed)

    def forecast(
        self, graph: Graph, ahead: Ahead, checkpoint: ScheduleLike | Plan, costs: Costs | None
    ) -> Forecast:
        return forecast_of_network(graph, ahead, checkpoint, costs)

    def with_costs(self, found: Summary, graph: Graph, ahead: Ahead) -> Summary:
        return with_costs(found, graph, ahead)


def _refuse(**given: object) -> None:
    """Raise TypeError for an argument that networks over time do not take."""
    for name, value in given.items():
        if value is not None:
            raise TypeError(
                f"{name}= is for models of one direction whose rows have one length, found "
                f"{name}={value}; leave it out"
            )

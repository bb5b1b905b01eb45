"""The part of a model that runs at each step, and what runs before the first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn, final

from rnnbp.graph.axes import is_over_time
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.value_pers import value_pers
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.sweeps.recurrent_nodes import recurrent_of_node, states_of
from rnnbp.sweeps.stage import StaticStage, Sweep
from rnnbp.sweeps.stages import stages_of

Given = tuple[int | None, ...]
"""For each state of a Recurrent the static value that it starts from, None for its own; () if all
start from their own."""


@final
@dataclass(frozen=True)
class Stepped:
    """A model that can be stepped.

    Attributes:
        model: as it is run.
        graph: its plain layers and forward Recurrents.
        inputs: for each input of ``graph``, the number of the value of the model that it is.
        outputs: for each output of the model, the number of the value of ``graph`` that it is; None
            for one that is static.
        static: the nodes of the model that run once, before the first step.
        given: for each Recurrent, in order, what it starts from.
    """

    model: Graph
    graph: Graph
    inputs: tuple[int, ...]
    outputs: tuple[int | None, ...]
    static: tuple[Node, ...] = ()
    given: tuple[Given, ...] = ()

    @property
    def series(self) -> list[int]:
        """The inputs of the model that have a value at each step."""
        return [k for k, per in enumerate(self.model.pers) if per == "step"]

    @property
    def statics(self) -> list[int]:
        """The inputs of the model that have a value for each sequence."""
        return [k for k, per in enumerate(self.model.pers) if per == "sequence"]


def stepped(model: ModelLike) -> Stepped:
    """Raises TypeError for what is no model, ValueError for one that needs more than the past."""
    found = as_network(model)
    if not is_over_time(found):
        return Stepped(found, found, tuple(range(len(found.pers))), found.outputs)
    _check(found)
    stages = stages_of(found)
    sweeps = [stage for stage in stages if isinstance(stage, Sweep)]
    if len(sweeps) != 1:
        _refuse(found, "its series are of several sweeps")
    (sweep,) = sweeps
    values = {end.value: k for end, k in zip(sweep.outputs, sweep.graph.outputs, strict=True)}
    return Stepped(
        found,
        sweep.graph,
        tuple([source.value for source in sweep.inputs]),
        tuple([values.get(k) for k in found.outputs]),
        tuple([n for stage in stages if isinstance(stage, StaticStage) for n in stage.nodes]),
        tuple([each.given for each in sweep.unrollings]),
    )


def _check(model: Graph) -> None:
    """Raise ValueError for a network that looks at later steps, or at all."""
    taken = {k for node in model.nodes for k in node.args}.union(model.outputs)
    for node in model.nodes:
        recurrent = recurrent_of_node(node)
        if recurrent is not None and recurrent.reverse:
            _refuse(model, f"{recurrent} runs from the last step to the first")
        if isinstance(node.block, OverTime):
            _refuse(model, f"{node.block} is a function of all steps")
        if recurrent is not None and taken.intersection(states_of(node).final):
            _refuse(
                model,
                f"the final state of {recurrent} is taken, which is known after the last step",
                "leave return_state out, and read stepper.state",
            )
    axes = dict.fromkeys(axis for axis in model.axes if axis)
    if len(axes) > 1:
        _refuse(model, f"its inputs are of the time axes {', '.join(map(repr, axes))}")
    if "step" not in [value_pers(model)[k] for k in model.outputs]:
        _refuse(model, "it has no output at each step")


def _refuse(model: Graph, why: str, cure: str = "") -> NoReturn:
    cure = cure or "run predict on whole sequences"
    raise ValueError(f"Stepper: {model} cannot run one step at a time, as {why}; {cure}")

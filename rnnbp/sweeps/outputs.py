"""The outputs and stages of a network, for the arguments of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rnnbp.graph.value_pers import value_pers
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, ShapeError
from rnnbp.sweeps.lengths import Lengths
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.output_losses import Output
from rnnbp.sweeps.stage import Stage, StaticStage, Sweep
from rnnbp.sweeps.stages import stages_of


def stages_of_network(network: PosedNetwork) -> tuple[Stage, ...]:
    """The stages of a network, for its lengths and resets."""
    live = frozenset(axis for axis, of in network.lengths.items() if of.ragged)
    return stages_of(network.graph, live=live, resets=frozenset(network.resets))


def outputs_of(network: PosedNetwork) -> list[Output]:
    """The outputs of a network, without losses.

    Raises ShapeError for one whose shape is not known.
    """
    graph, found = network.graph, list[Output]()
    pers = value_pers(graph)
    for number, value in enumerate(graph.outputs):
        shape = network.shapes[value]
        if shape is None:
            raise ShapeError(
                f"{graph}: the shape of output {number} does not follow from the inputs"
            )
        static = pers[value] != "step"
        lengths = (
            Lengths("", 1, np.ones(network.batch, np.int64))
            if static
            else network.lengths[network.axes[value]]
        )
        found.append(Output(number, value, shape, lengths, static))
    return found


def first_readers(stages: Sequence[Stage]) -> dict[int, int]:
    """By number of a series, the first stage that reads it."""
    found: dict[int, int] = {}
    for at, stage in enumerate(stages):
        for source in stage.inputs if isinstance(stage, Sweep) else ():
            found.setdefault(source.value, at)
    edges = {e.value for s in stages if isinstance(s, Sweep) for e in s.outputs if e.edge}
    return {value: at for value, at in found.items() if value in edges}


def read_once(stages: Sequence[Stage]) -> frozenset[int]:
    """The series that one input of one sweep alone reads."""
    sweeps = [stage for stage in stages if isinstance(stage, Sweep)]
    read = Counter(s.value for sweep in sweeps for s in sweep.inputs if s.per == "step")
    return frozenset(value for value, times in read.items() if times == 1)


def static_owners(stage: Stage) -> list[dict[str, Array]]:
    """The dicts of parameters of a stage of static nodes."""
    nodes = stage.nodes if isinstance(stage, StaticStage) else ()
    return [node.block.params for node in nodes if isinstance(node.block, Layer)]

"""What ``plan`` chooses for a network over time that is compared."""

from __future__ import annotations

from rnnbp.bptt import BudgetError, plan
from rnnbp.bptt.networks import Data
from rnnbp.compare.choices import PLAN, SHORT_PLAN, Choice
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import InputsOf
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.runners.backend import Backend
from rnnbp.sweeps.network import PosedNetwork


def planned(
    graph: Graph, data: Data, network: PosedNetwork, within: int, chunk: int | None, *, dx: bool,
    backend: Backend | None,
) -> Choice | None:  # fmt: skip
    """The plan within some bytes, Python's objects among them; None where nothing fits.

    Args:
        chunk: steps in a chunk; None to choose.
        backend: what runs it; None for that of full caching.
    """
    lengths = network.lengths
    try:
        found = plan(
            graph,
            data.loss,
            steps={axis: of.steps for axis, of in lengths.items()},
            batch=network.batch,
            budget=within,
            x_shape=_shapes(network),
            dx=dx,
            lengths={axis: of.of_rows for axis, of in lengths.items()},
            reset=bool(network.resets),
            chunk=chunk,
            backend=backend,
        )
    except BudgetError:
        return None
    assert isinstance(found, NetworkPlan)
    actions = tuple([action for sweep in found.sweeps for action in sweep.schedule])
    parameters = "; ".join(dict.fromkeys(sweep.name for sweep in found.sweeps))
    how = parameters, actions, max(found.chunks.values()), found.forecast, found, backend
    return Choice(PLAN if backend is None else SHORT_PLAN, *how)


def _shapes(network: PosedNetwork) -> InputsOf:
    """The feature shapes of the inputs, in the form in which these were passed."""
    series = {k: part.shape[1:] for k, part in network.series.items()}
    every = series | {k: array.shape[1:] for k, array in network.static.items()}
    return network.form.of([every[k] for k in range(len(every))])

"""A network posed from the arguments of ``plan`` or ``forecast``, before there is any data."""

from __future__ import annotations

from rnnbp.bptt.networks import Ahead
from rnnbp.graph.graph import Graph
from rnnbp.inputs.shapes import each_shape, feature_shape
from rnnbp.numerics import flag, positive_int, shown
from rnnbp.sweeps.by_axis import axes_of, check_axes
from rnnbp.sweeps.dry_network import dry_network
from rnnbp.sweeps.lengths import lengths_by_axis
from rnnbp.sweeps.losses_ahead import with_losses
from rnnbp.sweeps.network import PosedNetwork
from rnnbp.sweeps.outputs import outputs_of
from rnnbp.sweeps.wanted import Wanted


def pose_ahead(
    graph: Graph, ahead: Ahead, *, dx: bool, return_y: bool
) -> tuple[PosedNetwork, Wanted]:
    """(the network, what is wanted of its run).

    Raises ShapeError, TypeError or ValueError for arguments that do not fit.
    """
    caller = ahead.caller
    shapes = each_shape(feature_shape(caller, graph, ahead.x_shape))
    batch = positive_int(f"{caller}: batch", ahead.batch)
    steps = steps_by_axis(caller, graph, ahead.steps)
    lengths = lengths_by_axis(ahead.lengths, steps, batch)
    flags = {
        "resets": flag(f"{caller}: reset", ahead.reset),
        "training": flag(f"{caller}: training", ahead.training),
    }
    network = dry_network(graph, shapes, lengths, ahead.backend, **flags)
    outputs = with_losses(graph, outputs_of(network), ahead.loss, network.dtype)
    kept = flag(f"{caller}: return_y", return_y), flag(f"{caller}: dx", dx)
    return network, Wanted(graph, outputs, *kept)


def steps_by_axis(caller: str, graph: Graph, given: object) -> dict[str, int]:
    """T by axis. Raises TypeError or ValueError for what says it of other axes."""
    axes = axes_of(graph)
    listed = ", ".join(map(repr, axes))
    if not isinstance(given, dict):
        if len(axes) > 1:
            raise TypeError(
                f"{caller}: steps is {shown(given)}, and the model has the time axes {listed}; "
                f"give a dict, as steps={dict.fromkeys(axes, 100)}"
            )
        return dict.fromkeys(axes, positive_int(f"{caller}: steps", given))
    check_axes(f"{caller}: steps", given, axes)
    for axis in axes:
        if axis not in given:
            raise ValueError(f"{caller}: steps has nothing for the time axis {axis!r}; add it")
    return {axis: positive_int(f"{caller}: steps[{axis!r}]", given[axis]) for axis in axes}

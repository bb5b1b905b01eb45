"""What is passed by time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.numerics import positive_int
from rnnbp.support.nearest import hint

OF_INPUTS = "the axis= of its Inputs, and not their names"
"""Where the names of time axes are from, for errors."""


def chunks_by_axis(what: str, axes: Sequence[str], given: object) -> dict[str, int]:
    """Steps in a chunk, by those axes that they are passed for."""
    if given is None:
        return {}
    if not isinstance(given, dict):
        return dict.fromkeys(axes, positive_int(what, given))
    check_axes(what, given, axes)
    return {axis: positive_int(f"{what}[{axis!r}]", n) for axis, n in given.items()}


def check_axes(what: str, given: Mapping[str, object], axes: Sequence[str]) -> None:
    """Raise ValueError for a dict with what is no time axis."""
    for axis in given:
        if axis not in axes:
            raise ValueError(
                f"{what} has {axis!r}, which is no time axis of the model{hint(axis, axes)}; it "
                f"has {', '.join(map(repr, axes))}, {OF_INPUTS}"
            )


def axes_of(graph: Graph) -> list[str]:
    """The time axes of a network's inputs."""
    axes = value_axes(graph)
    found = dict.fromkeys(axes[k] for k, per in enumerate(graph.pers) if per == "step")
    if not found:
        raise ValueError(
            f"{graph}: no input is a series, and nothing says how many steps there are; make "
            "one an Input(...) per step"
        )
    return list(found)

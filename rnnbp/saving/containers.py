"""Networks, built from what a file says of them, and what builds each part that is no layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from rnnbp.graph.graph import Graph
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.values import Value
from rnnbp.layers.params import LayerParams
from rnnbp.saving.blocks import OVER_TIME, Part
from rnnbp.saving.graphs import inputs_of, outputs_of
from rnnbp.saving.recurrents import bidirectional, cell, name_of, recurrent, unrolled
from rnnbp.storage import Fields

Build: TypeAlias = Callable[[Fields, Sequence[Part], LayerParams | None], Part]
"""Builds a part of its description, those before it, and its own parameters, if it has some."""


def _sequential(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Sequential:
    blocks = [built[k] for k in fields.wholes("blocks", most=len(built) - 1)]
    # What is neither is refused by Sequential.
    return Sequential(*blocks, name=name_of(fields))  # type: ignore[arg-type]


def _graph(fields: Fields, built: Sequence[Part], _: LayerParams | None) -> Graph:
    inputs = inputs_of(fields)
    ends: Sequence[Value] = outputs_of(fields, inputs, built)
    if fields.missing("output_names"):
        return Graph(inputs, ends, name=name_of(fields))
    given = fields.raw("output_names")
    names = [name for name in given if isinstance(name, str)] if isinstance(given, list) else []
    if not len(set(names)) == len(names) == len(ends):
        fields.refuse("the names of its outputs are no texts, are not all different, or too few")
    return Graph(inputs, dict(zip(names, ends, strict=True)), name=name_of(fields))


def _over_time(fields: Fields, _: Sequence[Part], __: LayerParams | None) -> OverTime:
    return OVER_TIME[fields.text("kind")]()


CONTAINERS: Mapping[str, Build] = {
    "Bidirectional": bidirectional,
    "Cell": cell,
    "Graph": _graph,
    "Recurrent": recurrent,
    "Sequential": _sequential,
    "Unrolled": unrolled,
    **dict.fromkeys(OVER_TIME, _over_time),
}
"""By the name in a file: parts that are no layers."""

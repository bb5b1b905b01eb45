"""The length of chunks where none is named: by the shapes, so that it is the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeAlias

from rnnbp.compiler.counting import layer_flops
from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import lasting
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.value_pers import value_pers
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered

LEAST, MOST = 32, 1024
"""Steps of the shortest and of the longest chunk that is chosen."""
RAGGED = 64
"""As LEAST, of an axis whose rows have different lengths, if there are SHARE of them."""
# Each chunk has its own number of rows there, for which tables of tasks are made, and a row that
# ends within a chunk runs to its end: on average half a chunk.
SHARE = 16
"""Sequences are cut into at least this many chunks, as far as they have LEAST steps."""
# A schedule holds whole chunks: two of 16 are an eighth of full caching's bytes.
ENOUGH = 100_000_000
"""Floating-point operations forward that make what a chunk costs once hardly count."""
# A few milliseconds forward and back on two cores of 2024; Python takes 0.1 to 0.2 of them.

Flops: TypeAlias = Mapping[str, int]
"""Of one step and sequence, by time axis."""
_known = Remembered[Graph | Recurrent, Recent[tuple[object, ...], Flops]](lambda model: Recent(8))


def default_chunk(graph: Graph, shapes: Sequence[Shape], batch: int, steps: int) -> int:
    """Steps in a chunk of a model of one time axis.

    As many as make ENOUGH operations, between LEAST and MOST, and no more than a sixteenth of the
    sequence.

    Args:
        shapes: feature shapes of the inputs.
        batch, steps: B and T.
    """
    if steps <= SHARE * LEAST:
        return LEAST
    return _length(sum(_flops(graph, tuple(shapes)).values()), batch, steps)


def default_chunks(
    graph: Graph,
    shapes: Sequence[Shape],
    batch: int,
    steps: Mapping[str, int],
    ragged: Container[str] = (),
) -> dict[str, int]:
    """Steps in a chunk of each time axis, which has ``steps`` of its longest sequence.

    Args:
        ragged: the axes whose rows have different lengths.
    """
    if all(longest <= SHARE * LEAST for longest in steps.values()):
        return dict.fromkeys(steps, LEAST)
    flops = _flops(graph, tuple(shapes))
    return {
        axis: _length(flops.get(axis, 0), batch, most, RAGGED if axis in ragged else LEAST)
        for axis, most in steps.items()
    }


def _length(flops: int, batch: int, steps: int, least: int = LEAST) -> int:
    """For one time axis, a step of which has ``flops`` operations for each sequence."""
    enough = max(least, math.ceil(ENOUGH / max(1, flops * batch)))
    return max(LEAST, min(enough, math.ceil(steps / SHARE), MOST))


def _flops(graph: Graph, shapes: tuple[Shape, ...]) -> Flops:
    """Those of a step; remembered, as layers are lowered to count them."""
    return _known.of(lasting(graph)).get((graph.outputs, shapes), partial(_counted, graph, shapes))


def _counted(graph: Graph, shapes: Sequence[Shape]) -> Flops:
    found, axes = dict[str, int](), value_axes(graph)
    for k, flops in _by_value(graph, graph.value_shapes(*shapes)):
        found[axes[k]] = found.get(axes[k], 0) + flops
    return found


def _by_value(graph: Graph, shapes: Sequence[Shape | None]) -> Iterator[tuple[int, int]]:
    """(the first output, operations) of the nodes that run at each step."""
    pers = value_pers(graph)
    for node in graph.nodes:
        first, block = node.outs[0], layer_of(node.block)
        inputs, outputs = ([shapes[k] or () for k in some] for some in (node.args, node.outs))
        if pers[first] != "step":
            continue
        if any(shapes[k] is None for k in (*node.args, *node.outs)):
            # Of a whole series, as attention's: many, for it has as many steps.
            yield first, ENOUGH
        elif isinstance(block, Recurrent):
            cell = block.cell
            values = cell.value_shapes(*inputs[: cell.n_inputs], *cell.state_shapes)
            yield first, sum(flops for _, flops in _by_value(cell, values))
        elif isinstance(block, Layer):
            yield first, layer_flops(block, inputs, outputs) or 0

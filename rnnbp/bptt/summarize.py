"""Summaries of models: their layers by name, with shapes, parameters, bytes and operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from rnnbp.bptt.networks import Ahead, ChunkLike, networks
from rnnbp.graph.axes import is_over_time, value_axes
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network, check_parameters
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.value_pers import value_pers
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.chunk_length import default_chunk
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_network, as_written
from rnnbp.inputs.shapes import ShapeLike, each_shape, feature_shape, given_shapes
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Shape, positive_int
from rnnbp.planning.layer_names import names
from rnnbp.planning.summary_costs import Costed, with_costs
from rnnbp.summaries import LayerRow, Summary
from rnnbp.summarized import made_by
from rnnbp.ways.way import BUILT_IN


@made_by
def summarize(
    model: ModelLike,
    steps: int | dict[str, int] | None = None,
    batch: int | None = None,
    *,
    chunk: ChunkLike = None,
    x_shape: ShapeLike = None,
) -> Summary:
    """The summary of a model, as ``model.summary`` describes it."""
    if (steps is None) != (batch is None):
        missing, given = ("steps", "batch") if steps is None else ("batch", "steps")
        raise ValueError(
            f"summary: {given} is given without {missing}; give both, for bytes and operations"
        )
    found = _described(model, x_shape)
    if steps is None or batch is None:
        return found
    whole = as_network(Recurrent(model) if isinstance(model, Cell) else model)
    if is_over_time(whole):
        ahead = Ahead("summary", None, steps, batch, x_shape, chunk=chunk)
        return networks().with_costs(found, whole, ahead)
    steps, batch = positive_int("summary: steps", steps), positive_int("summary: batch", batch)
    shape = feature_shape("summary", whole, x_shape)
    if chunk is None:
        length = default_chunk(whole, each_shape(shape), batch, steps)
    else:
        length = positive_int("summary: chunk", chunk)
    costed = Costed(whole, shape, steps, batch, min(length, steps))
    return with_costs(found, costed, whole=isinstance(model, Cell))


def _described(model: ModelLike, x_shape: ShapeLike) -> Summary:
    """The summary without bytes and operations of a batch."""
    shown = model if isinstance(model, Graph) else as_written(model)
    check_parameters(model if isinstance(model, Network) else shown)
    rows = tuple(_rows(shown, _values(shown, x_shape)))
    params = {id(p): p for p in shown.params.values()}.values()
    return Summary(
        model=model.name or type(model).__name__ if isinstance(model, Graph) else repr(model),
        rows=rows,
        dtype=str(next((p.dtype for p in params), "no dtype")),
        parameter_bytes=sum(p.nbytes for p in params),
    )


def _values(graph: Graph, x_shape: ShapeLike) -> list[Shape | None]:
    """The feature shapes of values, as far as they are known."""
    states = graph.state_shapes if isinstance(graph, Cell) else ()
    given = given_shapes("summary", _model_of(graph), x_shape)
    known = [stated_shape(graph, k) if shape is None else shape for k, shape in enumerate(given)]
    return graph.value_shapes(*known, *states)


def _model_of(graph: Graph) -> Graph:
    """A graph whose inputs are those of a model: of a cell, without states."""
    return Graph.of_one(Recurrent(graph)) if isinstance(graph, Cell) else graph


def _rows(graph: Graph, shapes: Sequence[Shape | None]) -> Iterator[LayerRow]:
    """The layers, in order, with parameters where they are met first."""
    seen, pers = set[int](), value_pers(graph)
    axes = () if isinstance(graph, Cell) else value_axes(graph)
    for node, name in zip(graph.nodes, names(graph), strict=True):
        numbers, outputs = _new(node.block.params.values(), seen), [shapes[k] for k in node.outs]
        text, per = _layer_text(layer_of(node.block)), pers[node.outs[0]]
        found = tuple([pers[k] for k in node.outs])
        axis = axes[node.outs[0]] if axes else ""
        yield LayerRow(name, text, tuple(outputs), numbers, per=per, pers=found, axis=axis)


def _layer_text(block: Layer | Recurrent | OverTime) -> str:
    """A layer as its repr has it; a Recurrent of a cell with a name of its own with its kind."""
    own = block.cell.name if isinstance(block, Recurrent) else ""
    if own and own.partition("(")[0] not in BUILT_IN.split():
        return f"Recurrent({own})"
    return repr(block)


def _new(arrays: Iterable[Array], seen: set[int]) -> int:
    """Numbers in the arrays that have not been seen."""
    found = {id(a): a for a in arrays if id(a) not in seen}
    seen.update(found)
    return sum(a.size for a in found.values())

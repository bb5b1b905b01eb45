"""Summaries of models: their layers by name, with shapes, parameters, bytes and operations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rnnbp.compiler.counting import layer_flops
from rnnbp.compiler.explain import explain
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.network import Network, check_parameters
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_model, feature_shape
from rnnbp.inputs.pose import DEFAULT_CHUNK
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, Shape, check_x_shape, positive_int
from rnnbp.planning.rehearsal import Rehearsal
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.summaries import LayerRow, Summary, made_by


@made_by
def summarize(
    model: ModelLike,
    steps: int | None = None,
    batch: int | None = None,
    *,
    chunk: int | None = None,
    x_shape: Shape | None = None,
) -> Summary:
    """The summary of a model, as ``model.summary`` describes it."""
    if (steps is None) != (batch is None):
        missing, given = ("steps", "batch") if steps is None else ("batch", "steps")
        raise ValueError(
            f"summary: {given} is given without {missing}; give both, for bytes and operations"
        )
    check_x_shape("summary", x_shape)
    shown = model if isinstance(model, Graph) else as_model(model)
    check_parameters(model if isinstance(model, Network) else shown)
    rows = tuple(_rows(shown, _values(shown, x_shape)))
    params = {id(p): p for p in shown.params.values()}.values()
    found = Summary(
        model=model.name or type(model).__name__ if isinstance(model, Graph) else repr(model),
        rows=rows,
        dtype=str(next((p.dtype for p in params), "no dtype")),
        parameter_bytes=sum(p.nbytes for p in params),
    )
    if steps is None or batch is None:
        return found
    steps, batch = positive_int("summary: steps", steps), positive_int("summary: batch", batch)
    length = DEFAULT_CHUNK if chunk is None else positive_int("summary: chunk", chunk)
    whole = as_model(Recurrent(model) if isinstance(model, Cell) else model)
    shape = feature_shape("summary", whole, x_shape)
    return _with_costs(
        found, Costed(whole, shape, steps, batch, min(length, steps)), whole=isinstance(model, Cell)
    )


def _values(graph: Graph, x_shape: Shape | None) -> list[Shape | None]:
    """The feature shapes of values, as far as they are known."""
    states = graph.state_shapes if isinstance(graph, Cell) else ()
    first = stated_shape(graph) if x_shape is None else tuple(x_shape)
    others = graph.input_shapes[1 : len(graph.input_shapes) - len(states)]
    return graph.value_shapes(first, *others, *states)


def _rows(graph: Graph, shapes: Sequence[Shape | None]) -> Iterator[LayerRow]:
    """The layers, in order, with parameters where they are met first."""
    seen: set[int] = set()
    for node, name in zip(graph.nodes, names(graph), strict=True):
        block: Any = node.block
        yield LayerRow(
            name,
            repr(block),
            tuple(shapes[k] for k in node.outs),
            _new(block.params.values(), seen),
        )


def _new(arrays: Iterable[Array], seen: set[int]) -> int:
    """Numbers in the arrays that have not been seen."""
    found = {id(a): a for a in arrays if id(a) not in seen}
    seen.update(found)
    return sum(a.size for a in found.values())


def names(graph: Graph) -> list[str]:
    """What the parameters of each node begin with; of one without parameters, what they would."""
    found = list(_chain_names(graph, "")) if isinstance(graph, Sequential) else []
    if len(found) == len(graph.nodes):
        return found
    return [_name(graph, node, k) for node, k in zip(graph.nodes, _positions(graph), strict=True)]


def _positions(graph: Graph) -> list[int]:
    """Of the block of each node, its number among the blocks."""
    numbers = {id(block): k for k, block in enumerate(graph.layers)}
    return [numbers[id(node.block)] for node in graph.nodes]


def _chain_names(chain: Sequential, before: str) -> Iterator[str]:
    """Those of the blocks of a chain, with chains and graphs within it."""
    for k, block in enumerate(chain.blocks):
        path = f"{before}{block.name or k}"
        if isinstance(block, Sequential):
            yield from _chain_names(block, f"{path}.")
        elif isinstance(block, Graph):
            yield from (f"{path}.{name}" for name in names(block))
        else:
            yield path


def _name(graph: Graph, node: Node, position: int) -> str:
    """The path of a node's first parameter, less the parameter's own name."""
    block: Any = node.block
    if graph.suffixes:
        return str(block.name or position)
    own = (
        block.slots
        if isinstance(block, Network)
        else {key: (block.params, key) for key in block.params}
    )
    for key, slot in own.items():
        for path, (owner, name) in graph.slots.items():
            if owner is slot[0] and name == slot[1]:
                return path.removesuffix(key).removesuffix(".")
    return str(block.name or position)


@dataclass(frozen=True)
class Costed:
    """A model on a batch of a number of steps, in chunks."""

    model: Graph
    x_shape: Shape
    steps: int
    batch: int
    chunk: int

    def lengths(self) -> dict[int, int]:
        """How many chunks there are of each length."""
        rest = self.steps % self.chunk
        return {self.chunk: self.steps // self.chunk} | ({rest: 1} if rest else {})

    def kept(self, sizes: Sizes) -> list[int]:
        """Bytes of the tapes of all chunks, by node."""
        found = [0] * len(self.model.nodes)
        for length, count in self.lengths().items():
            for node, nbytes in Rehearsal(sizes, length).kept().items():
                found[node] += count * nbytes
        return found

    def flops(self, node: Node, shapes: Sequence[Shape]) -> tuple[int | None, tuple[str, ...]]:
        """Operations of a node forward, and the layers of it that are not counted."""
        inputs = [shapes[k] for k in node.args]
        if isinstance(node.block, Recurrent):
            read = explain(node.block, batch=self.batch, x_shape=inputs[0])
            return read.flops_per_step * self.steps, read.opaque
        assert isinstance(node.block, Layer)
        each = layer_flops(node.block, inputs, [shapes[k] for k in node.outs])
        return (None, (repr(node.block),)) if each is None else (each * self.steps * self.batch, ())


def _with_costs(found: Summary, given: Costed, *, whole: bool) -> Summary:
    """A summary with bytes and operations: of each row, or of a cell as a ``whole``."""
    sizes = sizes_of(given.model, given.x_shape, given.batch, None)
    counts = [given.flops(node, sizes.shapes) for node in given.model.nodes]
    undeclared = [not _declares(sizes, node, given.chunk) for node in given.model.nodes]
    kept = [
        None if unknown else n for n, unknown in zip(given.kept(sizes), undeclared, strict=True)
    ]
    costs = [] if whole else zip(found.rows, kept, counts, strict=True)
    rows = [replace(row, kept_bytes=nbytes, flops=n) for row, nbytes, (n, _) in costs]
    return replace(
        found,
        rows=tuple(rows) or found.rows,
        steps=given.steps,
        batch=given.batch,
        kept_bytes=None if any(undeclared) else sum(n or 0 for n in kept),
        flops=sum(n or 0 for n, _ in counts),
        uncounted=tuple(dict.fromkeys(name for _, names in counts for name in names)),
    )


def _declares(sizes: Sizes, node: Node, length: int) -> bool:
    """Whether a node of the body says what it keeps; the tail keeps nothing from step to step."""
    if node in sizes.parts.tail:
        return True
    if not isinstance(node.block, Recurrent):
        return sizes.keeps(node) is not None
    try:
        sizes.cells[node.number].tape_bytes(length)
    except TypeError:
        return False
    return True

"""Bytes and operations of a model, layer by layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rnnbp.compiler.counting import layer_flops
from rnnbp.compiler.explain import explained
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.model_split import parts_of
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.shapes import Shapes
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.planning.rehearsal import Rehearsal
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.summaries import Summary


@dataclass(frozen=True)
class Costed:
    """A model on a batch of a number of steps, in chunks."""

    model: Graph
    x_shape: Shape | Shapes
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
            read = explained(node.block.cell, tuple(inputs), self.batch)
            return read.flops_per_step * self.steps, read.opaque
        assert isinstance(node.block, Layer)
        each = layer_flops(node.block, inputs, [shapes[k] for k in node.outs])
        if each is None:
            return None, (repr(node.block),)
        times = {"step": self.steps * self.batch, "sequence": self.batch, "run": 1}
        return each * times[parts_of(self.model).pers[node.outs[0]]], ()


def with_costs(found: Summary, given: Costed, *, whole: bool) -> Summary:
    """A summary with bytes and operations: of each row, or of a cell as a ``whole``."""
    sizes = sizes_of(given.model, given.x_shape, given.batch, None)
    counts = [given.flops(node, sizes.shapes) for node in given.model.nodes]
    undeclared = [not _declares(sizes, node, given.chunk) for node in given.model.nodes]
    every = zip(given.kept(sizes), undeclared, strict=True)
    kept = [None if unknown else n for n, unknown in every]
    each = [(nbytes, n) for nbytes, (n, _) in zip(kept, counts, strict=True)]
    costs = [] if whole else zip(found.rows, by_row(given.model, each), strict=True)
    rows = [replace(row, kept_bytes=nbytes, flops=n) for row, (nbytes, n) in costs]
    return replace(
        found,
        rows=tuple(rows) or found.rows,
        steps=given.steps,
        batch=given.batch,
        kept_bytes=None if any(undeclared) else sum(n or 0 for n in kept),
        flops=sum(n or 0 for n, _ in counts),
        uncounted=tuple(dict.fromkeys(name for _, names in counts for name in names)),
    )


def by_row(
    model: Graph, costs: Sequence[tuple[int | None, int | None]]
) -> list[tuple[int | None, int | None]]:
    """Costs by node of the model as it was written, from those of the nodes that are run."""
    if not model.origins:
        return list(costs)
    found: list[tuple[int | None, int | None]] = [(0, 0)] * (1 + max(model.origins))
    for k, (nbytes, n) in zip(model.origins, costs, strict=True):
        found[k] = _sum(found[k][0], nbytes), _sum(found[k][1], n)
    return found


def _sum(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a + b


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

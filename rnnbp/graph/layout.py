"""What a chunk's tape of one cell holds, and where each value of the cell lives in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rnnbp.graph.cell import Cell, charged
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.liveness import last_uses
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.base import Given, Layer
from rnnbp.layers.declared import Keeps
from rnnbp.layers.random_layer import in_mode
from rnnbp.numerics import Array, Dtype, Saved, Shape, ShapeError
from rnnbp.support.altered import altered
from rnnbp.support.lazy import cached_property


def layouts(
    model: Graph, x_shapes: Sequence[Shape], batch: int, dtype: Dtype, *, training: bool = True
) -> dict[int, Layout]:
    """The layout of each Recurrent of a model, by node number; ``training`` as there."""
    shapes = model.value_shapes(*x_shapes)
    found = {}
    for node in model.nodes:
        if isinstance(node.block, Recurrent):
            given = tuple([shapes[k] or () for k in node.args])
            found[node.number] = Layout(node.block.cell, given, batch, dtype, training)
    return found


def check_saved(node: Node, saved: Saved, values: Sequence[Given], axes: int) -> None:
    """Raise ShapeError for an array that a layer saved without the ``axes`` batch axes.

    It would be cut by steps.
    """
    layer = node.block
    mixes = isinstance(layer, Layer) and layer.mixes
    lead = np.shape(values[node.outs[0] if mixes else node.args[0]])[:axes]
    for k, part in enumerate(saved):
        if not isinstance(part, np.ndarray) or (
            mixes and any(part is values[v] for v in node.args)
        ):
            continue
        own = next((name for name, p in layer.params.items() if p is part), None)
        if own is not None or part.shape[:axes] != lead:
            what, cure = (
                f"has shape {part.shape}",
                "save what is the same for all in __init__, as an attribute",
            )
            if own is not None:
                what, cure = (
                    f"is its parameter {own!r}",
                    f"read self.params[{own!r}] in the backward methods",
                )
            raise ShapeError(
                f"{layer}: array {k} that forward saved {what}; saved arrays are cut and stacked "
                f"by steps, and must begin with the batch axes {lead} of its input: leave it out, "
                f"and {cure}"
            )


def check_declared(node: Node, keeps: Keeps | None, saved: Saved, values: Sequence[Given]) -> None:
    """Raise TypeError where a layer saved something else than it declares."""
    if keeps is None:
        return
    expected = [values[node.args[k]] for k in keeps.inputs] + [
        values[node.outs[k]] for k in keeps.outputs
    ]
    fits = len(saved) >= len(expected) and all(
        a is b for a, b in zip(saved, expected, strict=False)
    )
    if not fits or len(saved) not in (len(expected), len(expected) + len(keeps.extras)):
        raise TypeError(
            f"{node.block}: forward saved other arrays than its keeps() declares, {keeps}; "
            "return those inputs and outputs themselves, in that order, or override keeps to "
            "return None"
        )


@dataclass(frozen=True)
class Layout:
    """A cell, and the shapes and bytes of all that a chunk of it needs.

    A tape holds the states, (L + 1, B, ...), for every value that backward needs and that is
    neither the input nor a state a buffer (L, B, ...), and the extras of the layers. A thin tape
    holds the states alone.

    ``training`` is False for what is kept in evaluation mode.
    """

    cell: Cell
    x_shapes: tuple[Shape, ...]
    """Feature shapes of its inputs."""
    batch: int
    dtype: Dtype
    training: bool = True

    def of_rows(self, rows: int) -> Layout:
        """The same for a batch of this many rows."""
        # All that is computed once holds for any batch, and takes milliseconds for a large cell.
        return altered(self, **{**vars(self), "batch": rows})

    @cached_property
    def shapes(self) -> list[Shape]:
        """The feature shape of every value of the cell. Raises ShapeError where it is not known."""
        found = self.cell.value_shapes(*self.x_shapes, *self.cell.state_shapes)
        for node in self.cell.nodes if None in found else ():
            if any(found[k] is None for k in node.outs):
                shapes = ", ".join(str(found[k]) for k in node.args)
                raise ShapeError(
                    f"{node.block}: output_shapes returns None for inputs of {shapes}; within a "
                    "cell, whose memory is taken before it runs, it must say the feature shapes "
                    "of its outputs"
                )
        return [shape for shape in found if shape is not None]

    @cached_property
    def draws(self) -> bool:
        """True if the cell draws random numbers: it has a random layer, and trains."""
        layers = (node.block for node in self.cell.nodes)
        return self.training and any(isinstance(b, Layer) and b.random for b in layers)

    def layer(self, layer: Layer) -> Layer:
        """The layer whose bytes a layer of the cell takes."""
        return in_mode(layer, training=self.training)

    @cached_property
    def keeps(self) -> dict[int, Keeps | None]:
        """What each node saves, by number in their order; None where its layer does not declare it."""
        return {
            node.number: self.layer(node.block).keeps(*[self.shapes[k] for k in node.args])
            if isinstance(node.block, Layer)
            else None
            for node in self.cell.nodes
        }

    @cached_property
    def kept(self) -> frozenset[int]:
        """The numbers of the values that some node saves."""
        found: set[int] = set()
        for node, keeps in zip(self.cell.nodes, self.keeps.values(), strict=True):
            if keeps is not None:
                found.update(node.args[k] for k in keeps.inputs)
                found.update(node.outs[k] for k in keeps.outputs)
        return frozenset(found)

    @property
    def n_states(self) -> int:
        return len(self.cell.state_shapes)

    @cached_property
    def lead(self) -> int:
        """The first input that has a value at each step: it has as many as there are steps."""
        return self.cell.pers.index("step")

    def cut(self, xs: Sequence[Array], steps: slice) -> tuple[Array, ...]:
        """Inputs of a chunk at some of its steps."""
        pers = self.cell.pers
        return tuple([x[steps] if pers[k] == "step" else x for k, x in enumerate(xs)])

    @cached_property
    def leaves(self) -> frozenset[int]:
        """The inputs that are parameter values, without batch axes."""
        return frozenset(k for k, per in enumerate(self.cell.pers) if per == "run")

    @property
    def first(self) -> int:
        """The number of the first value that is computed: inputs and states come before it."""
        return self.cell.n_inputs + self.n_states

    @cached_property
    def next_of(self) -> dict[int, int]:
        """By value number, the state whose next value it is, the first of several; no inputs."""
        found: dict[int, int] = {}
        for k, value in enumerate(self.cell.outputs[1:]):
            if value >= self.first:
                found.setdefault(value, k)
        return found

    @cached_property
    def buffered(self) -> tuple[int, ...]:
        """The values with a buffer of their own in a tape."""
        return tuple(sorted(v for v in self.kept if v >= self.first and v not in self.next_of))

    @cached_property
    def last_uses(self) -> dict[int, int]:
        """By value, the position of the last node that takes it, or a view of it."""
        return last_uses(self.cell.nodes)

    @cached_property
    def reached(self) -> frozenset[int]:
        """The values that y depends on, or a penalty, at this step or a later one: others have no
        deltas."""
        y, *after = self.cell.outputs
        found, before = {y, *charged(self.cell)}, set[int]()
        while found != before:
            before = set(found)
            states = enumerate(after, self.cell.n_inputs)
            found |= {value for k, value in states if k in found}
            for node in reversed(self.cell.nodes):
                found.update(node.args if found.intersection(node.outs) else ())
        return frozenset(found)

    @cached_property
    def output_views(self) -> tuple[Node, ...]:
        """The nodes, the last first, through which y is a view of a value before them."""
        made = {k: node for node in self.cell.nodes for k in node.outs}
        found, k = [], self.cell.outputs[0]
        while k in made and k not in self.next_of and k not in self.kept and made[k].block.view:
            found.append(made[k])
            k = made[k].args[0]
        return tuple(found)

    def new(self, length: int, shape: Shape, dtype: npt.DTypeLike | None = None) -> Array:
        """An array (length, B, *shape)."""
        return np.empty((length, self.batch, *shape), self.dtype if dtype is None else dtype)

    def states(self, length: int) -> list[Array]:
        """Buffers for the states before and after each of ``length`` steps."""
        return [self.new(length + 1, shape) for shape in self.cell.state_shapes]

    def extras(self, node: int, length: int) -> tuple[Array, ...]:
        """Buffers for what a node saves of its own."""
        keeps = self.keeps[node]
        return tuple(
            [self.new(length, shape, dtype) for shape, dtype in (keeps.extras if keeps else ())]
        )

    def state_bytes(self) -> int:
        """A checkpoint."""
        return (
            self.batch
            * self.dtype.itemsize
            * sum(math.prod(shape) for shape in self.cell.state_shapes)
        )

    def thin_bytes(self, length: int) -> int:
        """A thin tape of ``length`` steps."""
        return (length + 1) * self.state_bytes()

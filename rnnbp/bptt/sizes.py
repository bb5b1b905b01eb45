"""What each action of a schedule holds and needs, in bytes: from the layers' declarations, before anything runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from rnnbp.asking import Recent, once
from rnnbp.bptt import runners
from rnnbp.bptt.backend import Backend
from rnnbp.bptt.parts import Parts, lasting, parts_of
from rnnbp.compiler.sizes import ProgramSizes
from rnnbp.graph import Graph, Node
from rnnbp.layers.base import Keeps, Layer
from rnnbp.layout import Layout, layouts
from rnnbp.lazy import cached_property
from rnnbp.live import NUMBER, Cost, backward_peak, forward_peak, layer_cost, lookup_cost
from rnnbp.numerics import Shape
from rnnbp.recurrent import Recurrent

_answers: WeakKeyDictionary[Any, Recent[Any, Recent[Any, int]]] = WeakKeyDictionary()
"""By model and the other fields of its sizes, the answers given so far: training asks for them at every update."""


@dataclass(frozen=True)
class Sizes:
    """A model on batches of ``batch`` sequences, as bytes of chunks of so many steps.

    Args:
        x_shape: feature shape of x. floats: whether x is floats, and so has a gradient.
        copied: whether chunks of x must be copied, for their dtype or their order.
        loss_spare: temporary arrays of the loss besides dy, in sizes of the output.
        loss_brief: whether dy lies in memory that is kept from run to run.
        dx: whether the gradient by x is kept. symbol_bytes: of an element of x that is no float.
        target_bytes: for a step, of target and mask where they are read anew for each chunk.

    Raises TypeError where a layer does not declare what it keeps.
    """

    model: Graph
    x_shape: Shape
    batch: int
    dtype: np.dtype[Any]
    floats: bool = True
    copied: bool = False
    loss_spare: float = 2.0
    loss_brief: bool = False
    dx: bool = True
    symbol_bytes: int = 8
    target_bytes: int = 0
    backend: Backend = field(default_factory=Backend)

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: what has been worked out from them may hold kernels, which stay in their process."""
        return {part.name: getattr(self, part.name) for part in fields(self)}

    @cached_property
    def asked(self) -> Recent[Any, int]:
        """The answers given so far, by method and length."""
        own = tuple(getattr(self, name) for name in type(self).__match_args__ if name != "model")
        known: Recent[Any, Recent[Any, int]] = _answers.setdefault(lasting(self.model), Recent(16))
        return known.get((own, *self.parts.settings()), lambda: Recent(128))

    @cached_property
    def parts(self) -> Parts:
        """The model's body and tail."""
        return parts_of(self.model)

    @cached_property
    def shapes(self) -> list[Shape]:
        """The feature shape of every value."""
        return [shape or () for shape in self.model.value_shapes(self.x_shape)]

    @cached_property
    def layouts(self) -> dict[int, Layout | ProgramSizes]:
        """What each Recurrent holds and needs, by node number."""
        found = layouts(self.model, self.x_shape, self.batch, self.dtype)
        spelled = self.parts.spelled
        return {number: runners.sizes(layout, self.backend, spelled.get(number)) for number, layout in found.items()}

    @cached_property
    def _numbers(self) -> dict[int, Any]:
        """The values that are numbers of symbols in a table, and the sizes of what looks them up."""
        return {node.outs[0]: self.layouts[k] for k, node in self.parts.spelled.items() if self.layouts[k].looks_up}

    @property
    def slot(self) -> int:
        """A checkpoint."""
        return sum(layout.state_bytes() for layout in self.layouts.values())

    @property
    @once
    def standing(self) -> int:
        """What is there all the time: the initial state, the present and the final one, and NumPy's own buffers."""
        return 3 * self.slot + self._casts * np.getbufsize() * self.dtype.itemsize

    @once
    def program(self, length: int) -> int:
        """Packed weights, and the workspace that all Recurrents share, for chunks of so many steps."""
        parts = self.layouts.values()
        packed = sum(part.program_bytes(length) for part in parts) + sum(self._dense.values())
        return packed + max((part.workspace_bytes(length) for part in parts), default=0)

    def gradients(self, steps: int) -> int:
        """Gradients of the parameters, and of x for a sequence of so many steps."""
        dx = steps * self.batch * math.prod(self.x_shape) * self.dtype.itemsize if self.floats and self.dx else 0
        return sum(p.nbytes for p in self.model.params.values()) + dx

    def arriving(self, length: int) -> int:
        """Targets of a chunk that are looked at when it is run for the first time."""
        return length * self.target_bytes

    def thin(self, length: int) -> int:
        """A thin tape."""
        return sum(layout.thin_bytes(length) for layout in self.layouts.values())

    @once
    def tape(self, length: int) -> int:
        """A tape, with the values that the tail starts from."""
        rows, total = length * self.batch, sum(self._value(k, length) for k in self._taped)
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                layout = self.layouts[node.number]
                outside = node.outs[0] in self._kept and not self._remade(node)
                total += layout.tape_bytes(length) + outside * layout.output_bytes(length, in_tape=True)
            elif isinstance(node.block, Layer):
                keeps = self._keeps(node)
                if keeps is None:
                    raise TypeError(f"{node.block}: what it keeps is not known; declare it by a method keeps(*shapes)")
                total += rows * sum(math.prod(s) * np.dtype(d or self.dtype).itemsize for s, d in keeps.extras)
        return total

    @once
    def advance(self, length: int) -> int:
        """What an Advance needs besides what is held."""
        return self._running(length, lambda part, n: part.advance_bytes(n), taped=False)

    @once
    def keep(self, length: int) -> int:
        """What a Keep needs besides the thin tape that it makes."""
        return self.advance(length)

    @once
    def record(self, length: int) -> int:
        """What a Record needs besides the tape that it makes."""
        return self._running(length, lambda part, n: part.record_bytes(n), taped=True)

    @once
    def rebuild(self, length: int) -> int:
        """What a Rebuild needs besides the tape that it makes."""
        return self._running(length, lambda part, n: part.rebuild_bytes(n), taped=True)

    @once
    def backward(self, length: int) -> int:
        """What Backward needs besides the tape that it takes."""
        output = self.model.outputs[0]
        y = self._value(output, length)
        tail = self._layers(self.parts.tail, length)
        made, target = sum(sum(cost.outs) for cost in tail), length * self.target_bytes
        remade = [node.outs[0] for node in self.parts.recurrent if self._remade(node)]
        values = made + sum(self._value(k, length) for k in remade)
        stays = made + sum(self._value(k, length) for k in remade if k in self._kept_by_tail)
        recursion = backward_peak(self._backward(length) + tail, {output: y})
        return max(forward_peak(tail), values + y + math.ceil(y * self.loss_spare) + target, stays + recursion)

    @once
    def brief(self, length: int) -> int:
        """Of what Backward needs, the temporary arrays of kernels; the rest is NumPy's at the most."""
        output = self._value(self.model.outputs[0], length)
        outside = [c for c in self._backward(length) + self._layers(self.parts.tail, length) if self._by_numpy(c.node)]
        numpy = sum(sum(c.outs) + sum(c.deltas) + c.forward + c.inputs + c.params for c in outside)
        spare = math.ceil(output * (self.loss_spare + (not self.loss_brief))) + length * self.target_bytes
        return max(0, self.backward(length) - numpy - spare)

    def _by_numpy(self, node: Node) -> bool:
        recurrent = self.layouts.get(node.number)
        return node.number not in self._dense and (recurrent is None or not recurrent.by_kernels)

    def workspace(self, length: int) -> int:
        """The most that an action needs, but Rebuild."""
        return max(self.advance(length), self.record(length), self.backward(length), self.arriving(length))

    @cached_property
    def _casts(self) -> bool:
        """Whether some layer works with arrays of two dtypes, as a mask is of bytes; NumPy converts in a buffer."""
        outside = [self._keeps(node) for node in (*self.parts.body, *self.parts.tail) if isinstance(node.block, Layer)]
        inside = [
            keeps
            for layout in layouts(self.model, self.x_shape, self.batch, self.dtype).values()
            for keeps in layout.keeps
        ]
        return any(dtype is not None for keeps in (*outside, *inside) if keeps for _, dtype in keeps.extras)

    @cached_property
    def _kept(self) -> frozenset[int]:
        """The values of the body that a tape holds; views count as what they view."""
        found = set(self.parts.frontier)
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                found.update(node.args)
            else:
                keeps = self._keeps(node) or Keeps()
                if node.outs[0] not in self._numbers:
                    found.update(node.args[k] for k in keeps.inputs)
                    found.update(node.outs[k] for k in keeps.outputs)
        views = {node.outs[0]: node.args[0] for node in self.parts.body if getattr(node.block, "view", False)}
        roots = set()
        for k in found:
            while k in views:
                k = views[k]
            roots.add(k)
        return frozenset(roots)

    @cached_property
    def _taped(self) -> frozenset[int]:
        """Those of them that no Recurrent's tape holds."""
        return self._kept - {node.outs[0] for node in self.parts.recurrent} - ({0} if not self.copied else set())

    @cached_property
    def _kept_by_tail(self) -> frozenset[int]:
        """The values that layers of the tail save as their inputs."""
        keeps = [(node, self._keeps(node) or Keeps()) for node in self.parts.tail]
        return frozenset(node.args[k] for node, kept in keeps for k in kept.inputs)

    def _remade(self, node: Node) -> bool:
        """Whether an output is made from the tape when the tail needs it, and not kept until then."""
        return self.layouts[node.number].remakes_output and self.parts.fed.isdisjoint(node.outs)

    def _keeps(self, node: Node) -> Keeps | None:
        layer: Any = node.block
        found: Keeps | None = layer.keeps(*(self.shapes[k] for k in node.args))
        return found

    def _value(self, value: int, length: int) -> int:
        if value in self._numbers:
            return length * self.batch * NUMBER
        item = self.dtype.itemsize if value or self.floats else self.symbol_bytes
        return length * self.batch * math.prod(self.shapes[value]) * item

    def _copy(self, length: int) -> int:
        """A copy of a chunk of x that no tape holds."""
        return self._value(0, length) if self.copied and 0 not in self._taped else 0

    def _layers(self, nodes: Sequence[Node], length: int) -> list[Cost]:
        rows, item = length * self.batch, self.dtype.itemsize
        costs = [layer_cost(n, n.block, self.shapes, rows, item) for n in nodes if isinstance(n.block, Layer)]
        tables = {k: sizes.vectors_bytes(rows) for k, sizes in self._numbers.items()}
        costs = [lookup_cost(c.node, rows, tables[k]) if (k := c.node.outs[0]) in tables else c for c in costs]
        return [replace(c, forward=0, inputs=0, params=0) if c.node.number in self._dense else c for c in costs]

    @cached_property
    def _dense(self) -> dict[int, int]:
        """By node, the weights in panels of what kernels run outside cells; their gradients go where these are kept."""
        found = {
            node.number: runners.dense_bytes(node.block, self.dtype, self.backend)
            for node in self.model.nodes
            if isinstance(node.block, Layer)
        }
        return {number: nbytes for number, nbytes in found.items() if nbytes is not None}

    def _running(self, length: int, needs: Callable[[Any, int], int], *, taped: bool) -> int:
        """A forward run of the body, while the deltas of a state wait; ``needs`` is what a Recurrent needs."""
        return forward_peak(self._forward(length, needs, taped)) + self._copy(length) + self.slot

    def _forward(self, length: int, needs: Callable[[Any, int], int], taped: bool) -> list[Cost]:
        """The costs of the body; what goes into the tape, if there is one, is counted there."""
        found = []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                layout = self.layouts[node.number]
                needed = taped or not self.parts.fed.isdisjoint(node.outs)
                y = layout.output_bytes(length, in_tape=taped) if needed else 0
                y = 0 if taped and (node.outs[0] in self._kept or self._remade(node)) else y
                found.append(Cost(node, (y,), (0,), needs(layout, length)))
            else:
                (cost,) = self._layers([node], length)
                sizes = zip(node.outs, cost.outs, strict=True)
                found.append(replace(cost, outs=tuple(0 if taped and k in self._taped else n for k, n in sizes)))
        return found

    def _backward(self, length: int) -> list[Cost]:
        found = []
        for node in self.parts.body:
            if isinstance(node.block, Recurrent):
                layout, (k,) = self.layouts[node.number], node.args
                dx = self._value(k, length) if (k or self.floats) and k not in self._numbers else 0
                if self.dx and node is self.parts.only and layout.writes_dx:
                    dx = 0  # it lies where the gradient by x is kept
                found.append(Cost(node, (0,), (dx,), inputs=layout.backward_bytes(length)))
            else:
                found += self._layers([node], length)
        return found

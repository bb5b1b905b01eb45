"""The whole graph: its inputs, the nodes of the network, its outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.graph.value_pers import AXES, value_pers
from rnnbp.interchange.onnx_out.ends import EndNames, is_symbols, time_axes
from rnnbp.interchange.onnx_out.network import NetworkWriter
from rnnbp.interchange.onnx_out.parts import Call, Tensor
from rnnbp.interchange.onnx_out.rows import WHOLE, TimeRows
from rnnbp.interchange.onnx_out.writer import BATCH, Writer, port
from rnnbp.numerics import Dtype, Shape


@final
@dataclass(frozen=True)
class Options:
    """What the graph has apart from the network's own inputs and outputs, as of ``to_onnx``."""

    lengths: bool
    states: bool
    batch_first: bool
    opset: int


@final
class Assembly:
    """The graph of a network in writing.

    Args:
        shapes: features of the inputs.
    """

    def __init__(self, graph: Graph, shapes: Sequence[Shape], options: Options) -> None:
        self.graph, self.options, self.axes = graph, options, value_axes(graph)
        self.names = EndNames(graph, lengths=options.lengths, states=options.states)
        paths = {(id(owner), key): path for path, (owner, key) in reversed(graph.slots.items())}
        dtype = graph.dtype or np.dtype(np.float32)
        self.to = Writer(dtype, options.opset, paths, self.names.all)
        self._write(shapes)

    def _write(self, shapes: Sequence[Shape]) -> None:
        known = {k: self._input(k, shape) for k, shape in enumerate(shapes)}
        rows = {axis: TimeRows(self.to, self._length(axis)) for axis in time_axes(self.graph)}
        states = {key: self._state(*key, name) for key, name in self.names.starts().items()}
        network = NetworkWriter(self.to, self.graph, known, rows, states)
        network.run()
        pers = value_pers(self.graph)
        for name, k in zip(self.names.outputs, self.graph.outputs, strict=True):
            t = known[k]
            if pers[k] == "step":
                t = rows[self.axes[k]].kept(t)
            self._output(t, name, self.axes[k])
        for (number, state), name in self.names.final.items():
            names = self.names.recurrents[number].names
            self._output(network.finals[number][names.index(state)], name, "")

    def _input(self, k: int, shape: Shape) -> Tensor:
        t = Tensor(self.names.inputs[k], AXES[self.graph.pers[k]], shape)
        dtype: Dtype = self.to.dtype
        if is_symbols(self.graph, k):
            dtype = WHOLE
            self.to.symbols.add(t.name)
        self.to.section.inputs.append(port(t, dtype, self._leading(t, self.axes[k])))
        return self._turned(t)

    def _leading(self, t: Tensor, axis: str) -> list[str]:
        """The names of the axes before the features."""
        if t.lead < 2:
            return [BATCH]
        return [BATCH, axis] if self.options.batch_first else [axis, BATCH]

    def _turned(self, t: Tensor) -> Tensor:
        """A series of an input, or for an output, with time and batch swapped if it has to be."""
        if t.lead < 2 or not self.options.batch_first:
            return t
        order = [1, 0, *range(2, 2 + len(t.shape))]
        found = self.to.emit("Transpose", t, shape=t.shape, perm=order)
        if t.name in self.to.symbols:
            self.to.symbols.add(found.name)
        return found

    def _length(self, axis: str) -> Tensor | None:
        if axis not in self.names.lengths:
            return None
        return self._given(Tensor(self.names.lengths[axis], 1, ()), WHOLE)

    def _state(self, number: int, state: str, name: str) -> Tensor:
        cell = self.names.recurrents[number].block.cell
        shape = cell.state_shapes[cell.state_names.index(state)]
        return self._given(Tensor(name, 1, shape), self.to.dtype)

    def _given(self, t: Tensor, dtype: Dtype) -> Tensor:
        self.to.section.inputs.append(port(t, dtype))
        return t

    def _output(self, t: Tensor, name: str, axis: str) -> None:
        t = self._turned(t)
        self.to.section.calls.append(Call("Identity", (t.name,), (name,), {}))
        end = Tensor(name, t.lead, t.shape)
        self.to.section.outputs.append(port(end, self.to.dtype, self._leading(end, axis)))

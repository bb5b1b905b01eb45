"""Writes nodes, each where its arguments are: in the graph, or in the body of a Scan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import final

import numpy as np

from rnnbp.interchange.onnx_out.parts import Call, Port, Section, Tensor, is_open
from rnnbp.numerics import Array, Dtype, Shape

BATCH = "batch"
"""The name of the batch axis."""


@final
class Body:
    """The body of a Scan in writing.

    Args:
        prepared: what a series outside becomes before the Scan takes it, as it is in reverse order.
    """

    def __init__(self, prepared: Callable[[Tensor], Tensor]) -> None:
        self.section, self.prepared = Section(), prepared
        self.series: list[tuple[Tensor, Tensor]] = []
        """Those that the Scan takes: outside, and one step within."""
        self.known: dict[str, Tensor] = {}
        """By name of a series outside, one step of it within."""


@final
class Writer:
    """The graph in writing.

    A node all of whose arguments are outside a Scan is written outside, for all steps at once,
    even where it belongs to a cell; a node with an argument in the body goes there, and a series
    that it takes becomes an input of the Scan.

    Args:
        dtype: of the model.
        opset: the version of ONNX's operators.
        paths: by owner and key, the names of parameters.
        reserved: names of the inputs and outputs of the graph.
    """

    def __init__(
        self, dtype: Dtype, opset: int, paths: Mapping[tuple[int, str], str], reserved: set[str]
    ) -> None:
        self.dtype, self.opset, self.paths = dtype, opset, paths
        self.section, self.constants = Section(), dict[str, Array]()
        self.body: Body | None = None
        self.symbols = set[str]()
        """Names of the inputs that are integers."""
        self._names = set(reserved)
        self._held: dict[tuple[object, ...], Tensor] = {}

    def name(self, base: str) -> str:
        """A name that nothing has yet."""
        found, count = base, 0
        while found in self._names:
            count += 1
            found = f"{base}_{count}"
        self._names.add(found)
        return found

    def call(
        self,
        kind: str,
        args: Sequence[Tensor | None],
        results: Sequence[tuple[int, Shape]],
        *,
        within: bool = False,
        **attributes: object,
    ) -> list[Tensor]:
        """A node; its results have these leading axes and features.

        Args:
            within: True to write it in the body of the Scan whatever its arguments are.
        """
        inner = within or any(t is not None and t.inner for t in args)
        taken = [self.step(t) if inner and t is not None else t for t in args]
        outs = [Tensor(self.name(kind.lower()), lead, shape, inner) for lead, shape in results]
        names = tuple(["" if t is None else t.name for t in taken])
        section = self.body.section if inner and self.body is not None else self.section
        section.calls.append(Call(kind, names, tuple([t.name for t in outs]), attributes))
        return outs

    def emit(
        self,
        kind: str,
        *args: Tensor | None,
        shape: Shape,
        lead: int | None = None,
        within: bool = False,
        **attributes: object,
    ) -> Tensor:
        """A node of one result, which has the most leading axes of its arguments if not said."""
        if lead is None:
            lead = max(t.lead for t in args if t is not None)
            if within or any(t is not None and t.inner for t in args):
                lead = min(lead, 1)
        return self.call(kind, args, [(lead, shape)], within=within, **attributes)[0]

    def step(self, t: Tensor) -> Tensor:
        """A tensor as the body of a Scan reads it: of a series one step."""
        if t.inner or t.lead < 2 or self.body is None:
            return t
        if t.name not in self.body.known:
            dtype = np.dtype(np.int64) if t.name in self.symbols else self.dtype
            self.take(t, self.body.prepared(t), dtype)
        return self.body.known[t.name]

    def take(self, t: Tensor, prepared: Tensor, dtype: Dtype) -> Tensor:
        """Make a series an input of the Scan; one step of it."""
        assert self.body is not None
        within = Tensor(self.name(f"{t.name}_step"), 1, t.shape, inner=True)
        self.body.series.append((prepared, within))
        self.body.section.inputs.append(port(within, dtype))
        self.body.known[t.name] = within
        return within

    def constant(self, value: Array, name: str = "constant") -> Tensor:
        """A tensor of these numbers, without leading axes; equal ones are one."""
        array = np.ascontiguousarray(value).reshape(value.shape)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._held:
            self._held[key] = self._stored(array, name)
        return self._held[key]

    def number(self, value: float) -> Tensor:
        """A number of the model's dtype."""
        return self.constant(np.array(value, self.dtype))

    def ints(self, *values: int) -> Tensor:
        """A vector of int64, as sizes and axes are."""
        return self.constant(np.array(values, np.int64), "sizes")

    def parameter(self, owner: dict[str, Array], key: str) -> Tensor:
        """A parameter, under its path; one that is tied is there once."""
        array = owner[key]
        if (id(array),) not in self._held:
            path = self.paths.get((id(owner), key), key)
            self._held[id(array),] = self._stored(np.ascontiguousarray(array), path)
        return self._held[id(array),]

    def _stored(self, array: Array, base: str) -> Tensor:
        found = Tensor(self.name(base), 0, array.shape)
        self.constants[found.name] = array
        return found

    def rename(self, t: Tensor, name: str) -> None:
        """Give a tensor as an output of the graph under a name that was reserved."""
        self.section.calls.append(Call("Identity", (t.name,), (name,), {}))

    # What many nodes are made of.

    def same(self, t: Tensor, shape: Shape) -> Tensor:
        """The features in another shape."""
        if t.shape == shape:
            return t
        sizes = [-1 if is_open(n) else n for n in shape]
        return self.emit("Reshape", t, self.ints(*[0] * t.lead, *sizes), shape=shape)

    def axes(self, kind: str, t: Tensor, axes: Sequence[int], shape: Shape) -> Tensor:
        """Unsqueeze or Squeeze of feature axes, which are counted from the end of the longer."""
        return self.emit(kind, t, self.ints(*axes), shape=shape)

    def reduced(self, kind: str, t: Tensor, axis: int, shape: Shape, **more: int) -> Tensor:
        """A sum, mean or maximum along an axis: an input in newer versions, else an attribute."""
        if kind == "ReduceSum" or self.opset >= 18:
            return self.emit(kind, t, self.ints(axis), shape=shape, **more)
        return self.emit(kind, t, shape=shape, axes=[axis], **more)

    def level(self, t: Tensor, like: Tensor) -> Tensor:
        """A tensor repeated along the leading axes that another one has and it has not."""
        if like.inner and t.lead == 2:
            return self.step(t)
        if t.lead >= like.lead:
            return t
        sizes = self.emit("Shape", like, shape=(like.lead,), lead=0, start=0, end=like.lead)
        if t.shape:
            ones = self.ints(*[1] * len(t.shape))
            shape = (like.lead + len(t.shape),)
            sizes = self.emit("Concat", sizes, ones, shape=shape, lead=0, axis=0)
        return self.emit("Expand", t, sizes, shape=t.shape, lead=like.lead)


def port(t: Tensor, dtype: Dtype, first: Sequence[int | str] = (BATCH,)) -> Port:
    """An end of a graph: a tensor whose leading axes have these names."""
    features = [f"{t.name}_{k}" if is_open(n) else n for k, n in enumerate(t.shape)]
    return Port(t.name, dtype, (*first, *features))

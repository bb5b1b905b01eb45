"""Writes nodes, each where its arguments are: in the graph, or in the body of a Scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import numpy as np

from rnnbp.interchange.onnx_out.body import Body
from rnnbp.interchange.onnx_out.held import Held, Names
from rnnbp.interchange.onnx_out.parts import Call, Port, Section, Tensor, is_open
from rnnbp.numerics import Array, Dtype, Shape

BATCH = "batch"
"""The name of the batch axis."""

SINGLE = frozenset({"AveragePool", "Conv", "Erf"})
"""Operators that onnxruntime runs in float32 alone, and that others do not stand for."""


class DoubleError(Exception):
    """An operator that does not run in double precision: its name."""


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
        self.dtype, self.opset, self.names = dtype, opset, Names(reserved)
        self.section, self.held = Section(), Held(self.names, paths)
        self.body: Body | None = None
        self.symbols = set[str]()
        """Names of the inputs that are integers."""

    def call(
        self,
        kind: str,
        args: Sequence[Tensor | None],
        results: Sequence[tuple[int, Shape]],
        attributes: Mapping[str, object],
        *,
        within: bool = False,
    ) -> list[Tensor]:
        """A node; its results have these leading axes and features.

        Args:
            within: True to write it in the body of the Scan whatever its arguments are.
        """
        if kind in SINGLE and self.dtype == np.float64:
            raise DoubleError(kind)
        inner = within or any(t is not None and t.inner for t in args)
        taken = [self.step(t) if inner and t is not None else t for t in args]
        name = kind.lower()
        outs = [Tensor(self.names.new(name), lead, shape, inner) for lead, shape in results]
        inputs = tuple(["" if t is None else t.name for t in taken])
        section = self.body.section if inner and self.body is not None else self.section
        section.calls.append(Call(kind, inputs, tuple([t.name for t in outs]), attributes))
        return outs

    def emit(
        self, kind: str, *args: Tensor, shape: Shape, lead: int | None = None, **attributes: object
    ) -> Tensor:
        """A node of one result, which has the most leading axes of its arguments if not said."""
        if lead is None:
            lead = max(t.lead for t in args)
            if any(t.inner for t in args):
                lead = min(lead, 1)
        return self.call(kind, args, [(lead, shape)], attributes)[0]

    def step(self, t: Tensor) -> Tensor:
        """A tensor as the body of a Scan reads it: of a series one step."""
        if t.inner or t.lead < 2 or self.body is None:
            return t
        if t.name not in self.body.known:
            dtype = np.dtype(np.int64) if t.name in self.symbols else self.dtype
            return self.take(t, dtype)
        return self.body.known[t.name]

    def take(self, t: Tensor, dtype: Dtype) -> Tensor:
        """Make a series an input of the Scan; one step of it."""
        assert self.body is not None
        within = Tensor(self.names.new(f"{t.name}_step"), 1, t.shape, inner=True)
        return self.body.take(t, within, port(within, dtype))

    def constant(self, value: Array, name: str = "constant") -> Tensor:
        """A tensor of these numbers."""
        return self.held.constant(value, name)

    def number(self, value: float) -> Tensor:
        """A number of the model's dtype."""
        return self.constant(np.array(value, self.dtype))

    def ints(self, *values: int) -> Tensor:
        """A vector of int64, as sizes and axes are."""
        return self.constant(np.array(values, np.int64), "sizes")

    def parameter(self, owner: dict[str, Array], key: str) -> Tensor:
        """A parameter."""
        return self.held.parameter(owner, key)


def port(t: Tensor, dtype: Dtype, first: Sequence[int | str] = (BATCH,)) -> Port:
    """An end of a graph: a tensor whose leading axes have these names."""
    features = [f"{t.name}_{k}" if is_open(n) else n for k, n in enumerate(t.shape)]
    return Port(t.name, dtype, (*first, *features))

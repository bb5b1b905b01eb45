"""The arguments of a run, checked before any arithmetic, and cut into chunks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from rnnbp.checks.batch_first import warn_if_known
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import parts_of, recurrent_blocks
from rnnbp.graph.network import Network, check_parameters, name_params
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input
from rnnbp.inputs.axes import check_stated, likely_error, not_one_of_each, stated_shape
from rnnbp.inputs.given import ModelLike, SeriesLike, StateLike
from rnnbp.inputs.padding import checked
from rnnbp.inputs.states import States, check_range, initial_states
from rnnbp.inputs.streams import Held, Series, Stream, counted_from, series
from rnnbp.layers.base import Layer
from rnnbp.layers.embedding import OneHot, Symbols
from rnnbp.machine.finite import first_bad
from rnnbp.numerics import (
    Array,
    Dtype,
    DtypeError,
    NonFiniteError,
    Shape,
    ShapeError,
    check_x_shape,
    distinct,
    positive_int,
    readable,
    shown,
)
from rnnbp.runners.backend import Backend, BackendLike
from rnnbp.runners.refused import backend_for
from rnnbp.storage import PathLike

DEFAULT_CHUNK = 32
MOST = 2**44
"""Elements of x, which may repeat by strides of 0: 2⁴⁷ bytes in float64, the most that a process
can address."""


@dataclass(frozen=True)
class Problem:
    """A model, its input (T, B, ...) and initial state, in chunks of ``chunk`` steps; the last may
    be shorter.
    """

    model: Graph
    x: Series
    dtype: Dtype
    chunk: int
    state: States
    given: tuple[bool, ...]
    """For each Recurrent, whether its initial state was given; if not it is zeros or learned."""
    output_shape: Shape
    backend: Backend = field(default_factory=Backend)
    lent: int = 0
    """Bytes of the initial states that are the caller's own arrays."""
    training: bool = True
    """False in evaluation mode."""

    @property
    def known(self) -> bool:
        """Whether T is known before all of x has come."""
        return self.x.known

    @property
    def steps(self) -> int:
        """T; of a stream of unknown length, as many as have come."""
        return self.x.steps

    @property
    def batch(self) -> int:
        return self.x.shape[0]

    @property
    def x_shape(self) -> Shape:
        """The feature shape of x."""
        return self.x.shape[1:]

    @property
    def floats(self) -> bool:
        """Whether x is floats."""
        return self.x.dtype.kind in "fc"

    @property
    def chunks(self) -> int:
        return math.ceil(self.steps / self.chunk)

    @property
    def kind(self) -> tuple[object, ...]:
        """What runs that take memory alike have in common."""
        shapes = tuple(
            [(name, owner[key].shape) for name, (owner, key) in self.model.slots.items()]
        )
        return shapes, self.x_shape, self.steps, self.batch, self.chunk, self.dtype, self.backend

    def numbers(self) -> Iterator[int]:
        """The chunks, in order; of a stream, as they come."""
        n, more = 0, True
        while more:
            more = self.x.has((n + 1) * self.chunk)  # and so all of chunk n is there
            yield n
            n += 1

    @property
    def recurrents(self) -> tuple[Recurrent, ...]:
        """The Recurrents of the model, in the order of their states."""
        return recurrent_blocks(self.model)

    def span(self, n: int) -> slice:
        """The steps of chunk n."""
        return slice(n * self.chunk, min((n + 1) * self.chunk, self.steps))

    def length(self, n: int) -> int:
        """Steps in chunk n."""
        return min((n + 1) * self.chunk, self.steps) - n * self.chunk

    def inputs(self, n: int, many: int = 1) -> Array:
        """x of ``many`` chunks from n on, as machine code reads it: aligned, in C order, floats in
        the model's dtype.

        No copy of floats that lie so already. Symbols are copied, as int64, and must be looked at
        after that: a caller's own may change at any moment.

        Raises StorageError where the caller's file was cut short.
        """
        span = slice(self.span(n).start, self.span(n + many - 1).stop)
        found = self.x.read(span)
        if self.floats or self.x.fresh:
            x = readable(found, self.dtype if self.floats else found.dtype).view()
        else:
            x = np.array(found, np.int64, order="C")
        x.setflags(write=False)  # it may be the caller's own memory
        return x


def pose(
    graph: Graph,
    x: SeriesLike,
    *,
    chunk: int | None,
    state: StateLike,
    backend: BackendLike,
    steps: int | None = None,
    folder: PathLike | None = None,
    mask: SeriesLike = None,
    training: bool = True,
) -> Problem:
    """Check the arguments of a run of a model, as ``as_model`` returns it.

    Raises ShapeError, DtypeError, ValueError or TypeError.
    """
    chosen = backend_for(graph, backend)
    given = series("x", x, None if steps is None else positive_int("steps", steps), folder)
    parts = parts_of(graph)
    symbols, time = parts.symbols, bool(parts.recurrent)
    _check_axes(given, symbols)
    if time:  # without, one axis is as good as the other
        warn_if_known("x", x)
    dtype = graph.dtype or (given.dtype if given.dtype.kind in "fc" else _dtype_of_symbols(symbols))
    check = partial(_check_values, symbols, dtype)
    unusable = partial(_unusable, symbols, dtype)
    given = checked(given, check, unusable, dtype, mask, time=time)
    if isinstance(given, Stream) and given.dtype.kind == "f":
        given.dtype = dtype
    output = _output_shape(graph, given)
    length = DEFAULT_CHUNK if chunk is None else positive_int("chunk", chunk)
    states, filled, lent = initial_states(graph, state, given.shape[0], dtype)
    length = min(length, given.steps) if given.known else length
    return Problem(graph, given, dtype, length, states, filled, output, chosen, lent, training)


def _output_shape(graph: Graph, x: Series) -> Shape:
    """The shape of y without T and B. Raises ShapeError where x does not fit the model."""
    try:
        (output,) = graph.output_shapes(x.shape[1:])
    except ShapeError as error:
        raise likely_error(x, graph) or error from None
    if output is None:
        raise ShapeError(
            f"{graph}: the shape of its output does not follow from features {x.shape[1:]} of x"
        )
    return output


def as_model(model: ModelLike) -> Graph:
    """``model`` as a graph of one input and one output; a Layer or Recurrent by itself is one.

    Raises as ``check_parameters`` does where a parameter is not what its layer was built with.
    """
    graph = _as_graph(model)
    check_parameters(graph)
    return graph


def _as_graph(model: ModelLike) -> Graph:
    if isinstance(model, Recurrent):
        return Graph.of_one(model)
    if isinstance(model, Graph) and not isinstance(model, Cell):
        if len(model.input_shapes) != 1 or model.n_outputs != 1:
            raise ValueError(not_one_of_each(model))
        return model
    if isinstance(model, Cell) or not isinstance(model, (Layer, Network)):
        cure = (
            "wrap the cell in Recurrent(...)"
            if isinstance(model, Cell)
            else "give a Sequential or a Graph"
        )
        raise TypeError(f"a model is a network of layers, found {shown(model)}; {cure}")
    x = Input()
    graph = Graph(x, model(x))  # type: ignore[operator]  # every Layer and every other Network is callable
    graph.slots = name_params([("", model)])
    return graph


def feature_shape(caller: str, model: Graph, x_shape: Shape | None) -> Shape:
    """The feature shape of x: as given, or as the model says. Raises ShapeError, or TypeError
    without a dtype.
    """
    check_x_shape(caller, x_shape)
    shape = stated_shape(model) if x_shape is None else tuple(x_shape)
    check_stated(caller, shape, stated_shape(model))
    if shape is None:
        raise ShapeError(
            f"{caller}: {model} does not say the feature shape of its input; give x_shape, as "
            "(n_in,)"
        )
    if model.dtype is None:
        raise TypeError(
            f"{caller}: {model} has no parameters, so its dtype is not known; give it a layer that "
            "has"
        )
    return shape


def _check_axes(x: Series, symbols: tuple[Symbols, ...]) -> None:
    """Raise for an x whose dtype or shape cannot be used, whatever its values."""
    shape = (x.steps, *x.shape) if isinstance(x, Held) else ("steps", *x.shape)
    if x.dtype.kind not in "iu" and x.dtype not in (np.float32, np.float64):
        raise DtypeError(
            f"x has dtype {x.dtype}; use x.astype('float32'), 'float64', or integers for an "
            "Embedding"
        )
    if len(shape) < 2:
        raise ShapeError(
            f"x needs axes (T, B, ...), found shape {shape}; for one sequence use x[:, None], "
            "of one feature x[:, None, None]"
        )
    for axis, name in enumerate(("T, the steps", "B, the batch")):
        if shape[axis] == 0:
            raise ShapeError(f"x axis {axis} ({name}) has size 0 in shape {shape}; give at least 1")
    if isinstance(x, Held) and math.prod((x.steps, *x.shape)) > MOST:
        raise ShapeError(
            f"x has shape {shape}, more elements than memory has addresses for; give a stream, or "
            "parts"
        )
    if symbols and x.dtype.kind not in "iu":
        raise DtypeError(
            f"x has dtype {x.dtype}, but {symbols[0]} takes integers; use x.astype(int)"
        )
    if not symbols and x.dtype.kind in "iu":
        raise DtypeError(
            f"x has dtype {x.dtype}, but the model takes floats; use x.astype('float32') or an "
            "Embedding"
        )


def _check_values(symbols: tuple[Symbols, ...], dtype: Dtype, x: Array, start: int) -> None:
    """Raise for steps of x, from number ``start``, that are not finite, not symbols, or beyond the
    model's dtype.
    """
    x = distinct(x)
    for layer in symbols:
        with counted_from(start):
            layer.check(x)
    if (at := first_bad(x)) is not None:
        where = [start + at[0], *at[1:]]
        raise NonFiniteError(
            f"x is {x[at]} at {where}; inputs must be finite: replace it, as by 0, and mask that "
            f"step; a mask allows it only after the last step of its sequence that has weight"
        )
    check_range("x", x, dtype, start)


def _unusable(symbols: tuple[Symbols, ...], dtype: Dtype, x: Array) -> Array:
    """(L, B): the steps of x, (L, B, ...), that ``_check_values`` refuses."""
    bad = np.zeros(x.shape, np.bool_)
    for layer in symbols:
        np.logical_or(bad, (x < 0) | (x >= layer.n_symbols), out=bad)
    if x.dtype.kind == "f":
        np.logical_not(np.abs(x) <= np.finfo(dtype).max, out=bad)  # NaN is none of these
    found: Array = bad.reshape(*x.shape[:2], -1).max(axis=-1)
    return found


def _dtype_of_symbols(symbols: tuple[Symbols, ...]) -> Dtype:
    """The dtype of a model that takes symbols and has no parameters."""
    return next(
        (layer.dtype for layer in symbols if isinstance(layer, OneHot)), np.dtype(np.float32)
    )

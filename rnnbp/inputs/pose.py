"""The arguments of a run, checked before any arithmetic, and cut into chunks."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnnbp.checks.batch_first import warn_if_known
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import parts_of
from rnnbp.inputs.axes import likely_error, of_whole
from rnnbp.inputs.given import SeriesLike, StateLike
from rnnbp.inputs.padding import checked
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series, series
from rnnbp.inputs.states import initial_states
from rnnbp.inputs.streams import Stream
from rnnbp.inputs.x_checks import check_axes, check_values, unusable_steps
from rnnbp.layers.one_hot import OneHot
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import (
    Dtype,
    Shape,
    ShapeError,
    positive_int,
)
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import backend_for
from rnnbp.storage import PathLike

DEFAULT_CHUNK = 32


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
    check_axes(given, symbols)
    if time:  # without, one axis is as good as the other
        warn_if_known("x", x)
    dtype = graph.dtype or (given.dtype if given.dtype.kind in "fc" else _dtype_of_symbols(symbols))
    check = partial(check_values, symbols, dtype)
    unusable = partial(unusable_steps, symbols, dtype)
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
        raise likely_error(x, graph) or of_whole(error, x) from None
    if output is None:
        raise ShapeError(
            f"{graph}: the shape of its output does not follow from features {x.shape[1:]} of x"
        )
    return output


def _dtype_of_symbols(symbols: tuple[Symbols, ...]) -> Dtype:
    """The dtype of a model that takes symbols and has no parameters."""
    return next(
        (layer.dtype for layer in symbols if isinstance(layer, OneHot)), np.dtype(np.float32)
    )

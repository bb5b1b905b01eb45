"""The arguments of a run, checked before any arithmetic, and cut into chunks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from rnnbp.checks.batch_first import warn_if_known
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import Parts, parts_of
from rnnbp.inputs.axes import likely_error, of_whole
from rnnbp.inputs.chunk_length import LEAST, default_chunk
from rnnbp.inputs.given import InputsLike, SeriesLike, StateLike
from rnnbp.inputs.other_inputs import NO_OTHERS, OtherInputs
from rnnbp.inputs.padding import checked
from rnnbp.inputs.passed import Form, passed
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series, series
from rnnbp.inputs.several import agree, static_inputs
from rnnbp.inputs.states import states_of_blocks
from rnnbp.inputs.static_inputs import checked_statics
from rnnbp.inputs.streams import Stream
from rnnbp.inputs.x_checks import check_axes, check_values, unusable_steps
from rnnbp.layers.one_hot import OneHot
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import (
    Array,
    Dtype,
    Shape,
    ShapeError,
    positive_int,
)
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import backend_for
from rnnbp.storage import PathLike


def pose(
    graph: Graph,
    x: InputsLike,
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
    values, form = passed(graph, x)
    parts = parts_of(graph)
    found = {k: _series(k, values[k], parts, form, steps, folder) for k in parts.series}
    static: dict[int, Array] = {}
    if form.several:
        agree(graph, found, form)
        static = static_inputs(graph, values, form, found[parts.x].shape[0])
    dtype = graph.dtype or dtype_without_parameters([*found.values(), *static.values()], parts)
    for k, part in found.items():
        found[k] = _checked(part, parts, form.label(k), parts.symbols_by_input[k], dtype, mask)
    given, others = found[parts.x], _others(graph, found, static, parts, form, dtype)
    output = _output_shape(graph, found, others)
    length = _default(graph, given, others) if chunk is None else positive_int("chunk", chunk)
    states, filled, lent = states_of_blocks(parts.blocks, state, given.shape[0], dtype)
    length = min(length, given.steps) if given.known else length
    kept = states, filled, output, chosen, lent, training, others
    return Problem(graph, given, dtype, length, *kept)


def _default(graph: Graph, given: Series, others: OtherInputs) -> int:
    """Steps in a chunk where none are named; of a stream, which may end soon, the least."""
    if not given.known:
        return LEAST
    return default_chunk(graph, others.shapes(given.shape[1:]), given.shape[0], given.steps)


def _series(
    k: int,
    given: InputsLike,
    parts: Parts,
    form: Form,
    steps: int | None,
    folder: PathLike | None,
) -> Series:
    """An input that has a value at each step; its values are not looked at."""
    label, declared = form.label(k), None if steps is None else positive_int("steps", steps)
    found = series(label, given, declared, folder)
    check_axes(found, parts.symbols_by_input[k], label)
    if parts.recurrent:  # without, one axis is as good as the other
        warn_if_known(label, given)
    return found


def _checked(
    given: Series,
    parts: Parts,
    label: str,
    symbols: tuple[Symbols, ...],
    dtype: Dtype,
    mask: SeriesLike,
) -> Series:
    """A series whose values have been checked; those of a stream are when they come."""
    check = partial(check_values, label, symbols, dtype)
    unusable = partial(unusable_steps, symbols, dtype)
    found = checked(given, check, unusable, dtype, mask, time=bool(parts.recurrent))
    if isinstance(found, Stream) and found.dtype.kind == "f":
        found.dtype = dtype
    return found


def _others(
    graph: Graph,
    found: dict[int, Series],
    static: dict[int, Array],
    parts: Parts,
    form: Form,
    dtype: Dtype,
) -> OtherInputs:
    """The inputs apart from x, static ones as layers read them."""
    if not form.several:
        return NO_OTHERS
    read = checked_statics(graph, static, form.label, parts.symbols_by_input, dtype)
    return OtherInputs(
        parts.x,
        {k: part for k, part in found.items() if k != parts.x},
        {k: array for k, (array, _) in read.items()},
        frozenset(k for k, (_, copied) in read.items() if copied),
        form,
    )


def _output_shape(graph: Graph, found: dict[int, Series], others: OtherInputs) -> Shape:
    """The shape of y without T and B. Raises ShapeError where the inputs do not fit the model."""
    x, label = found[others.x], others.form.label
    try:
        (output,) = graph.output_shapes(*others.shapes(x.shape[1:]))
    except ShapeError as error:
        likely = (likely_error(part, graph, k, label(k)) for k, part in found.items())
        raise next(filter(None, likely), None) or of_whole(
            error, x, single=not len(others)
        ) from None
    if output is None:
        raise ShapeError(
            f"{graph}: the shape of its output does not follow from features {x.shape[1:]} of x"
        )
    return output


def dtype_without_parameters(
    found: Sequence[Series | Array], readers: Parts | Sequence[tuple[Symbols, ...]]
) -> Dtype:
    """The dtype of a model without parameters: of the first floats, or of what reads symbols.

    Args:
        found: its inputs.
        readers: for each input, the layers that take it as integers, or parts with these.
    """
    symbols = readers.symbols_by_input if isinstance(readers, Parts) else readers
    floats = [np.dtype(part.dtype) for part in found if part.dtype.kind in "fc"]
    return floats[0] if floats else _dtype_of_symbols(sum(symbols, ()))


def _dtype_of_symbols(symbols: tuple[Symbols, ...]) -> Dtype:
    """The dtype of a model that takes symbols and has no parameters."""
    return next(
        (layer.dtype for layer in symbols if isinstance(layer, OneHot)), np.dtype(np.float32)
    )

"""A list of sequences in the place of a source."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.graph.graph import Graph
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import InputsLike, ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.passed import passed
from rnnbp.train.data import Sequences
from rnnbp.train.sequence_lists import are_sequences, lists_arrays

AT_ONCE = 32
"""Sequences that are run together."""


def sequences_of(model: ModelLike, x: InputsLike) -> InputsLike:
    """A list of sequences (T_k, ...), or inputs that are such lists, as a source; anything else as
    it is.

    Items may be of one length or of several. Pieces of a stream have an axis more, the batch.
    """
    if not isinstance(x, list | tuple | dict):
        return x
    graph = as_network(model)
    if not isinstance(x, dict) and len(graph.pers) == 1:
        if not isinstance(x, list) or not _are_sequences(graph, 0, x):
            return x
        return Sequences(x, None, batch_size=AT_ONCE, shuffle=False)
    if len(x) != len(graph.pers) or (isinstance(x, dict) and {*x} != {*graph.input_names}):
        return x
    parts, _ = passed(graph, x)
    each = [k for k, per in enumerate(graph.pers) if per == "step"]
    if not all(_are_sequences(graph, k, parts[k]) for k in each):
        return x
    keys: Sequence[str | int] = graph.input_names if isinstance(x, dict) else range(len(parts))
    static = [key for key, per in zip(keys, graph.pers, strict=True) if per == "sequence"]
    given = x if isinstance(x, dict) else tuple(x)
    return Sequences(given, None, batch_size=AT_ONCE, shuffle=False, static=static)


def is_list_of_sequences(model: ModelLike, x: object) -> bool:
    """True for a list of sequences (T_k, ...) of a model of one input."""
    graph = as_network(model)
    return isinstance(x, list) and len(graph.pers) == 1 and _are_sequences(graph, 0, x)


def _are_sequences(graph: Graph, k: int, given: object) -> bool:
    """True for a list of arrays or lists that have the axes of one sequence of input k."""
    if not isinstance(given, list) or not (are_sequences(given) or lists_arrays(given)):
        return False
    features = stated_shape(graph, k)
    return features is not None and all(_axes(item) == 1 + len(features) for item in given)


def _axes(item: object) -> int:
    """The axes of an array, or of lists in each other."""
    shape = getattr(item, "shape", None)
    if shape is not None:
        return len(shape)
    return 1 + _axes(item[0]) if isinstance(item, list | tuple) and item else 0

"""A list of sequences in the place of a source."""

from __future__ import annotations

import numpy as np

from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import InputsLike, ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.train.data import Sequences
from rnnbp.train.sequence_lists import are_sequences

AT_ONCE = 32
"""Sequences that are run together."""


def sequences_of(model: ModelLike, x: InputsLike) -> InputsLike:
    """A list of sequences (T_k, ...) of several lengths as a source; anything else as it is.

    Pieces of a stream have an axis more, the batch.
    """
    if not isinstance(x, list) or not are_sequences(x):
        return x
    given: list[InputsLike] = [*x]
    graph = as_network(model)
    if len(graph.pers) > 1 or (features := stated_shape(graph)) is None:
        return x
    if any(np.ndim(item) != 1 + len(features) for item in given):
        return x
    return Sequences(given, None, batch_size=AT_ONCE, shuffle=False)

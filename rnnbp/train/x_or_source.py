"""The argument x of ``predict`` and ``evaluate``: an array, a stream or a source."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain, islice

import numpy as np

from rnnbp.bptt.shape_warnings import warn_if_batch_first, warn_if_one_step
from rnnbp.checks.along_batch import look
from rnnbp.checks.batch_first import is_known
from rnnbp.inputs.given import ModelLike, SeriesLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.passed import parts_of
from rnnbp.inputs.states import States
from rnnbp.train.batches import Batches
from rnnbp.train.iterables import holds_arrays, is_function, iterable
from rnnbp.train.source import Batch, Source

AXES = 2
"""Axes of x for steps and sequences."""


def warn_of_axes(model: ModelLike, x: object, state: object, after: States) -> None:
    """Warn of an x that a model has run, and that is likely to be batch-first.

    Args:
        after: the state after x.
    """
    shape = getattr(x, "shape", ())
    look(x, state, after)
    warn_if_one_step(model, shape, state)
    if not isinstance(x, np.ndarray) or not is_known(x):  # which has been said
        warn_if_batch_first(model, shape, state)


def looked_at(model: ModelLike, x: SeriesLike) -> SeriesLike:
    """x; a generator of batches as a source, any other iterator as a stream with nothing consumed.

    Raises TypeError for a pair of x and target.
    """
    if isinstance(x, tuple) and holds_arrays(x):
        shapes = [getattr(part, "shape", ()) for part in x]
        if len(x) in (2, 3) and len(shapes[0]) >= AXES and len({*shapes}) > 1:
            raise TypeError(
                f"predict: x is a tuple of {len(x)} arrays of several shapes; give x alone, or "
                f"batches as [(x, target), ...]"
            )
    if not hasattr(x, "__next__") or isinstance(x, Source):
        return x
    first = [*islice(x, 1)]
    whole = chain(first, x)
    return Batches(whole) if first and isinstance(first[0], (tuple, Batch)) else whole


def holds_inputs(model: ModelLike, x: object) -> bool:
    """True for arrays: one, a dict of them, or those of a tuple for a model of several inputs."""
    if not isinstance(x, tuple | list):
        return isinstance(x, np.ndarray | dict)
    if any(isinstance(part, tuple | Batch) for part in x) or len(as_network(model).pers) == 1:
        return False
    return isinstance(x, tuple) or holds_arrays(x)


def is_source(x: object) -> bool:
    """True if x is a source, or batches that can be iterated again; not an array or a stream."""
    if isinstance(x, Source):
        return not isinstance(x, type)
    if isinstance(x, (list, tuple)):
        return bool(x) and not holds_arrays(x) and _is_item(x[0])
    return (iterable(x) and not hasattr(x, "__next__")) or is_function(x)


def _is_item(item: object) -> bool:
    """True if an item of a list is a batch: x with axes for steps and sequences, or a tuple."""
    if isinstance(item, (tuple, list)):
        parts = parts_of(item[0]) if item else ()
        return any(len(getattr(part, "shape", ())) >= AXES for part in parts)
    return True


def refuse(name: str, options: Mapping[str, object], *, listed: bool = False) -> None:
    """Raise TypeError for options that a source excludes, or with ``listed`` a list of sequences."""
    given = ", ".join(option for option, value in options.items() if value is not None)
    if given and listed:
        raise TypeError(
            f"{name}: {given} cannot be given with a list of sequences, whose ends are their own; "
            "leave it out, or pad them to one array (T, B, ...)"
        )
    if given:
        raise TypeError(
            f"{name}: {given} cannot be given with a source, whose batches have their own"
        )

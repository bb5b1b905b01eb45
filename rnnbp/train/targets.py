"""Targets of a source held against the loss, in the shapes that the source was given."""

from __future__ import annotations

from typing import Any

from rnnbp.bptt.problem import as_model
from rnnbp.losses import CrossEntropy
from rnnbp.numerics import Shape, ShapeError
from rnnbp.train.data import Examples, Sequences


def check_targets(model: Any, source: object, loss: object) -> None:
    """Raise ShapeError for a target of ours that is no number of a class for each output, under CrossEntropy.

    A loss sees batches (T, B, ...) alone, in which one target of each sequence stands at its last step.
    """
    if not isinstance(source, Sequences | Examples) or not isinstance(loss, CrossEntropy) or source.target is None:
        return
    try:
        (features,) = as_model(model).output_shapes(source.x.shape[1 if isinstance(source, Examples) else 2 :])
    except ShapeError:  # which the first batch says better
        return
    name, shape = f"{type(source).__name__}: target", source.target.shape
    if isinstance(source, Examples) or source.last:
        _check(name, shape, shape[1:], features or (), "(N,)")
    elif source.batch_first:
        _check(name, shape, shape[2:], features or (), "(N, T)")
    else:
        _check(name, (shape[1], shape[0], *shape[2:]), shape[2:], features or (), "(T, N)")


def _check(name: str, shape: Shape, own: Shape, features: Shape, axes: str) -> None:
    """The same of a target's shape and that of what it has for each output, which is ``features``."""
    if not features or own == features[:-1]:
        return
    text = f"{name} has shape {shape}; CrossEntropy takes class numbers {axes} for outputs of {features[-1]} classes"
    if own == features:
        raise ShapeError(f"{text}: of one-hot rows give target.argmax(axis=-1)")
    if own == (*features[:-1], 1):
        raise ShapeError(f"{text}: give target[..., 0]")

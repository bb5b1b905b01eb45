"""Targets of a source held against the loss, in the shapes that the source was given."""

from __future__ import annotations

from typing import Any

from rnnbp.bptt.problem import as_model
from rnnbp.losses import CrossEntropy, Elementwise, Loss
from rnnbp.numerics import Shape, ShapeError
from rnnbp.train.data import Examples, Sequences


def check_targets(model: Any, source: object, loss: object) -> None:
    """Raise ShapeError for a target of ours that has an axis too many or too few under a loss of ours.

    A loss sees batches (T, B, ...) alone, in which one target of each sequence stands at its last step.
    """
    if not isinstance(source, Sequences | Examples) or source.target is None:
        return
    if not isinstance(loss, CrossEntropy | Elementwise):
        return
    try:
        (features,) = as_model(model).output_shapes(source.x.shape[1 if isinstance(source, Examples) else 2 :])
    except ShapeError:  # which the first batch says better
        return
    name, shape = f"{type(source).__name__}: target", source.target.shape
    if isinstance(source, Examples) or source.last:
        _check(name, shape, shape[1:], features or (), loss, "(N,)")
    elif source.batch_first:
        _check(name, shape, shape[2:], features or (), loss, "(N, T)")
    else:
        _check(name, (shape[1], shape[0], *shape[2:]), shape[2:], features or (), loss, "(T, N)")


def _check(name: str, shape: Shape, own: Shape, features: Shape, loss: Loss, axes: str) -> None:
    """The same of a target's shape and that of what it has for each output, which is ``features``."""
    if isinstance(loss, Elementwise) and (*own, 1) == features:
        needed = f"{axes[:-1].removesuffix(',')}, {', '.join(map(str, features))})"
        raise ShapeError(f"{name} has shape {shape}; {loss} takes {needed}, as the outputs: give target[..., None]")
    if not features or own == features[:-1] or isinstance(loss, Elementwise):
        return
    text = f"{name} has shape {shape}; CrossEntropy takes class numbers {axes} for outputs of {features[-1]} classes"
    if own == features:
        raise ShapeError(f"{text}: of one-hot rows give target.argmax(axis=-1)")
    if own == (*features[:-1], 1):
        raise ShapeError(f"{text}: give target[..., 0]")

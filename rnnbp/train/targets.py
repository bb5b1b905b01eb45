"""Checks of a source's targets against the loss, in the shapes that the user passed."""

from __future__ import annotations

from rnnbp.bptt.shape_warnings import note_sequences
from rnnbp.graph.model_split import recurrents
from rnnbp.graph.value_pers import value_pers
from rnnbp.inputs.axes import missing_features, stated_shape
from rnnbp.inputs.given import InputsOf, ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.passed import passed
from rnnbp.losses import CrossEntropy, Elementwise, Known, Loss
from rnnbp.losses.outputs import LEAD, added_axis
from rnnbp.losses.penalised import data_loss
from rnnbp.numerics import Shape, ShapeError
from rnnbp.train.data import Sequences
from rnnbp.train.examples import Examples
from rnnbp.train.rows import Rows
from rnnbp.train.several_rows import SeveralRows
from rnnbp.train.source import Source
from rnnbp.train.windows import Windows


def check_data(model: ModelLike, data: Source, validation: Source | None, loss: object) -> None:
    """Check the targets of both, and warn of ``data`` that look as if their first axes were
    exchanged.

    Raises ShapeError as ``check_targets`` does.
    """
    for source in (data, validation):
        check_targets(model, source, loss)
    if isinstance(data, Sequences) and data.batch_first and recurrents(as_network(model)):
        note_sequences(as_network(model), data.steps)


def check_targets(model: ModelLike, source: object, loss: object) -> None:
    """Raise ShapeError for a target of ours with an axis too many or too few under a loss of ours.

    A loss sees batches (T, B, ...) alone, in which a target of each sequence is at its last step.
    """
    if isinstance(source, Sequences):
        _check_axes(model, source)
    loss = data_loss(loss)
    loss = loss.loss if isinstance(loss, Known) else loss
    if not isinstance(loss, CrossEntropy | Elementwise):
        return
    if isinstance(source, Windows):
        one = source.recordings[0]
        features, found = _features(model, _shapes(one.x, 1)), one.target
        if features is not None and found is not None:
            _check("Windows: target", found.shape, found.shape[1:], features, loss, "(S,)")
        return
    if not isinstance(source, Sequences | Examples) or source.target is None:
        return
    features = _features(model, _shapes(source.x, 1 if isinstance(source, Examples) else 2))
    if features is None:
        _check_features(model, source)
        return
    name, shape = f"{type(source).__name__}: target", source.target.shape
    if isinstance(source, Examples) or source.last or source.of_each:
        _check(name, shape, shape[1:], features, loss, "(N,)")
    elif source.batch_first:
        _check(name, shape, shape[2:], features, loss, "(N, T)")
    else:
        _check(name, (shape[1], shape[0], *shape[2:]), shape[2:], features, loss, "(T, N)")


def _check_axes(model: ModelLike, source: Sequences) -> None:
    """Raise ShapeError for a target of each sequence where the model has an output at each step."""
    graph = as_network(model)
    if source.target is None or not source.of_each or len(graph.outputs) > 1:
        return
    if value_pers(graph)[graph.outputs[0]] == "step":
        raise ShapeError(
            f"Sequences: target has shape {source.target.shape}, one for each sequence, and the "
            "model has an output at each step; say last=True for the output of the last one"
        )


def _check_features(model: ModelLike, source: Sequences | Examples) -> None:
    """Raise ShapeError for sequences without an axis of features, in the user's shape."""
    stated = None if isinstance(source.x, SeveralRows) else stated_shape(as_network(model))
    if not isinstance(source, Sequences) or not source.batch_first or stated is None:
        return
    if len(stated) == 1 and len(source.x.shape) == LEAD:
        raise ShapeError(
            f"Sequences: x has shape {source.x.shape}, and the model takes (N, T, {stated[0]}): "
            f"{missing_features(stated[0])}"
        )


def _shapes(x: Rows | SeveralRows, axes: int) -> InputsOf:
    """The feature shape of x, or of each input, in the form in which they are passed."""
    return x.features(axes) if isinstance(x, SeveralRows) else x.shape[axes:]


def _features(model: ModelLike, shapes: InputsOf) -> Shape | None:
    """The features of outputs for inputs of these shapes; None if they do not fit.

    The first batch has a better error then.
    """
    graph = as_network(model)
    try:
        (features,) = graph.output_shapes(*passed(graph, shapes)[0])
    except (ShapeError, TypeError, ValueError):
        return None
    return features


def _check(name: str, shape: Shape, own: Shape, features: Shape, loss: Loss, axes: str) -> None:
    """Raise ShapeError if a target's features do not fit ``features``, those of the outputs."""
    if isinstance(loss, Elementwise):
        _check_elements(name, shape, own, features, loss, axes)
        return
    if not features or own == features[:-1]:
        return
    text = (
        f"{name} has shape {shape}; CrossEntropy takes class numbers {axes} for outputs of "
        f"{features[-1]} classes"
    )
    if own == features:
        raise ShapeError(f"{text}: of one-hot rows give target.argmax(axis=-1)")
    if own == (*features[:-1], 1):
        raise ShapeError(f"{text}: give target[..., 0]")


def _check_elements(
    name: str, shape: Shape, own: Shape, features: Shape, loss: Elementwise, axes: str
) -> None:
    """``_check`` for a loss of elements."""
    likely, *others = fitting = loss.target_shapes(features)
    added = added_axis(own, likely)
    if own in fitting or not (added or loss.ours):
        return
    lead = axes[:-1].removesuffix(",")
    takes = " or ".join(
        f"{lead}, {', '.join(map(str, each))})" if each else axes for each in fitting
    )
    cure = f"give {added}" if added else f"end the model in {own} at each step, not {features}"
    raise ShapeError(
        f"{name} has shape {shape}; {loss} takes {takes}{'' if others else ', as the outputs'}: "
        f"{cure}"
    )

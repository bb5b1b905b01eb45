"""Checks of a source's targets against the loss, in the shapes that the user passed."""

from __future__ import annotations

import numpy as np

from rnnbp.bptt.networks import LossesLike
from rnnbp.bptt.shape_warnings import note_sequences
from rnnbp.graph.axes import value_axes
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import recurrents
from rnnbp.graph.value_pers import value_pers
from rnnbp.inputs.axes import missing_features, stated_shape
from rnnbp.inputs.given import InputsOf, ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.passed import passed
from rnnbp.losses import CrossEntropy, Elementwise, Known, Loss
from rnnbp.losses.base import Weighted
from rnnbp.losses.outputs import LEAD, added_axis
from rnnbp.losses.penalised import data_loss
from rnnbp.numerics import Shape, ShapeError
from rnnbp.sweeps.by_output import OutputForm
from rnnbp.train.data import Sequences
from rnnbp.train.examples import Examples
from rnnbp.train.input_checks import check_inputs, label_of, model_axes
from rnnbp.train.output_losses import losses_of
from rnnbp.train.rows import Rows
from rnnbp.train.sequence_checks import static_of
from rnnbp.train.sequence_targets import SequenceTarget
from rnnbp.train.several_rows import SeveralRows
from rnnbp.train.source import Source
from rnnbp.train.time_axes import TimeAxis
from rnnbp.train.windows import Windows


def check_data(model: ModelLike, data: Source, validation: Source | None, loss: LossesLike) -> None:
    """Check the targets of both, and warn of ``data`` that look as if their first axes were
    exchanged.

    Raises ShapeError as ``check_targets`` does.
    """
    for source in (data, validation):
        check_targets(model, source, loss)
    if isinstance(data, Sequences) and data.batch_first and recurrents(as_network(model)):
        note_sequences(as_network(model), data.steps)


def check_targets(model: ModelLike, source: object, loss: LossesLike) -> None:
    """Raise ShapeError for a target of ours with an axis too many or too few under a loss of ours.

    A loss sees batches (T, B, ...) alone, in which a target of each sequence is at its last step.
    """
    check_inputs(as_network(model), source)
    if isinstance(source, Sequences):
        for one in source.targets:
            _check_sequences(model, source, one, loss)
        return
    kind = _ours(loss)
    if kind is None:
        return
    if isinstance(source, Windows):
        first = source.recordings[0]
        features, found = _features(model, _shapes(first.x, 1)), first.target
        if features is not None and found is not None:
            _check("Windows: target", found.shape, found.shape[1:], features, kind, "(S,)")
    if isinstance(source, Examples) and source.target is not None:
        features, shape = _features(model, _shapes(source.x, 1)), source.target.shape
        if features is not None:
            _check("Examples: target", shape, shape[1:], features, kind, "(N,)")


def _ours(loss: LossesLike) -> CrossEntropy | Elementwise | None:
    """The loss, if its targets are known to have the axes of outputs, or one less."""
    found = data_loss(loss)
    found = found.loss if isinstance(found, Known | Weighted) else found
    return found if isinstance(found, CrossEntropy | Elementwise) else None


def _check_sequences(
    model: ModelLike, source: Sequences, one: SequenceTarget, loss: LossesLike
) -> None:
    """``check_targets`` of one of the targets of sequences."""
    graph, found = as_network(model), one.target
    names = OutputForm.of_graph(graph).names
    number = (
        one.key if isinstance(one.key, int) else names.index(one.key) if one.key in names else 0
    )
    if found is None or (one.key != "" and one.key not in (*names, *range(len(names)))):
        return  # ``bptt`` has an error for a name that no output has
    name = "Sequences: target" + (f"[{one.key!r}]" if one.key != "" else "")
    if number < len(names):
        _check_axes(graph, number, one, name)
        _check_time_axis(graph, number, source, one)
    losses = {part.number: part.loss for part in losses_of(graph, loss)}
    kind = _ours(losses.get(number))
    if kind is None:
        return
    features = _features(model, _shapes(source.x, 2), number)
    if features is None:
        _check_features(model, source)
        return
    shape = found.shape
    if one.last or one.of_each:
        _check(name, shape, shape[1:], features, kind, "(N,)")
    elif source.batch_first:
        _check(name, shape, shape[2:], features, kind, "(N, T)")
    else:
        _check(name, (shape[1], shape[0], *shape[2:]), shape[2:], features, kind, "(T, N)")


def _check_axes(graph: Graph, number: int, one: SequenceTarget, name: str) -> None:
    """Raise ShapeError for a target of each sequence where the output is one of each step, and for
    one of each step where the output has no time.
    """
    per = value_pers(graph)[graph.outputs[number]]
    shape = None if one.target is None else one.target.shape
    if one.of_each and per == "step":
        several = shape is not None and len(shape) > 1
        lists = ", or of a list x give a list of targets that end as it does" * several
        raise ShapeError(
            f"{name} has shape {shape}, one for each sequence, and the model has an output at each "
            "step; say last=True for the output of the last one, or end the model in rnnbp.Last()"
            f"{lists}"
        )
    if not one.of_each and per == "sequence":
        what = "is placed at the last step, by last=True," if one.last else "has one at each step"
        cure = f"give (N, ...), or say {static_of(name.split()[1])} if axis 1 is not time"
        raise ShapeError(
            f"{name}, of shape {shape}, {what} and the output of the model is one for each "
            f"sequence; {'leave last out' if one.last else cure}"
        )


def _check_time_axis(graph: Graph, output: int, source: Sequences, one: SequenceTarget) -> None:
    """Raise ShapeError for a target of each step that has the steps of another axis than its output."""
    if len(source.axes) == 1 or one.of_each or one.last or one.target is None:
        return
    wanted = value_axes(graph)[graph.outputs[output]]
    own = [k for k, axis in enumerate(source.axes) if wanted in model_axes(graph, axis)]
    if not own or one.axis in own:
        return
    found, axis = source.axes[one.axis], source.axes[own[0]]
    at = "" if one.key == "" else f"[{one.key!r}]"
    raise ShapeError(
        f"Sequences: target{at} has the steps of {label_of(found, 0)}, {_steps(found)}, and the output "
        f"of the model has the time axis of {label_of(axis, 0)}, {wanted!r}, of {_steps(axis)}; give a "
        f"target for each of its steps, as a list if {label_of(axis, 0)} is one"
    )


def _steps(axis: TimeAxis) -> str:
    least, most = np.min(axis.ends), np.max(axis.ends)
    return f"{most} steps" if least == most else f"{least} to {most} steps"


def _check_features(model: ModelLike, source: Sequences) -> None:
    """Raise ShapeError for sequences without an axis of features, in the user's shape."""
    stated = None if isinstance(source.x, SeveralRows) else stated_shape(as_network(model))
    if not source.batch_first or stated is None:
        return
    if len(stated) == 1 and len(source.x.shape) == LEAD:
        raise ShapeError(
            f"Sequences: x has shape {source.x.shape}, and the model takes (N, T, {stated[0]}): "
            f"{missing_features(stated[0])}"
        )


def _shapes(x: Rows | SeveralRows, axes: int) -> InputsOf:
    """The feature shape of x, or of each input, in the form in which they are passed."""
    return x.features(axes) if isinstance(x, SeveralRows) else x.shape[axes:]


def _features(model: ModelLike, shapes: InputsOf, number: int = 0) -> Shape | None:
    """The features of an output for inputs of these shapes; None if they do not fit.

    The first batch has a better error then.
    """
    graph = as_network(model)
    try:
        return graph.output_shapes(*passed(graph, shapes)[0])[number]
    except (ShapeError, TypeError, ValueError, IndexError):
        return None


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
    if own == features == (1,):
        raise ShapeError(
            f"{text}: of one output, for real numbers use MeanSquaredError, for two classes "
            "BinaryCrossEntropy; of one-hot rows of one class give target.argmax(axis=-1)"
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
    if not (own or added):
        cure = "for class numbers use CrossEntropy, for real ones end the model in one output"
    raise ShapeError(
        f"{name} has shape {shape}; {loss} takes {takes}{'' if others else ', as the outputs'}: "
        f"{cure}"
    )

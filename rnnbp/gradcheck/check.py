"""The check of every gradient of a model, layer, graph or loss."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from warnings import warn

import numpy as np

from rnnbp.bptt.networks import Data, LengthsLike, LossesLike, Reading, chunk_of_sweep, is_network
from rnnbp.gradcheck.derivatives import TOLERANCES, Case, Look, compare
from rnnbp.gradcheck.layers import graph_of, layer_case, wrong_layers
from rnnbp.gradcheck.losses import check_loss, is_loss, random_weights, weighted_sum
from rnnbp.gradcheck.models import GivenObjective, model_case, posed
from rnnbp.gradcheck.networks import CheckedNetwork
from rnnbp.gradcheck.own_layers import check_contract, check_own_layers
from rnnbp.gradcheck.result import GradientCheck, GradientError
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.timed import Timed
from rnnbp.inputs.given import InputsLike, ModelLike, SeriesLike, StateLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.objective import LossLike
from rnnbp.layers.base import Layer
from rnnbp.losses import Loss
from rnnbp.losses.as_loss import as_loss
from rnnbp.numerics import Shape, ShapeError, flag, real_number, shown
from rnnbp.planning.plan import Plan, check_length
from rnnbp.rng import Context, check_seed
from rnnbp.runners.rounding import EXACT
from rnnbp.schedules import ScheduleLike
from rnnbp.support.callers import outside
from rnnbp.support.ieee import ieee
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import takes

NO_LOSS = (
    "check_grads: the target is not used, because there is no loss; give the loss that is trained, "
    "as loss=rnnbp.losses.MeanSquaredError(), or leave target out"
)


@takes()
@ieee
def check_grads(
    function: ModelLike | LossLike,
    x: InputsLike,
    target: SeriesLike = None,
    loss: LossesLike = None,
    *,
    state: StateLike = None,
    mask: SeriesLike = None,
    checkpoint: ScheduleLike | Plan = "all",
    chunk: int | None = None,
    seed: int = 0,
    training: bool = True,
    method: str | None = None,
    tolerance: float | None = None,
    samples: int | None = None,
    lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> GradientCheck:
    """Check every gradient of a model, layer, graph or loss in float64, element by element.

    Args:
        function: a model as ``bptt`` takes it: gradients by parameters, x and initial state. Or a
            Layer or Graph without Recurrents: gradients by parameters and inputs. Or a loss alone,
            one of ``rnnbp.losses`` or a function ``(y, target) -> (value, dy)``: the gradient by y.
        x: for a model as ``bptt`` takes it; for a layer or graph a tuple, one array for each input;
            for a loss the outputs y.
        target, loss, state, mask, checkpoint, chunk, seed, training, lengths, reset: as ``bptt``
            takes them. Of a Plan the schedule and the chunks count, not its bytes: the check is in
            float64. Without a loss the value is a weighted sum of the outputs, its weights drawn
            from ``seed``; a target is not used then. Of x all steps of each row's true length are
            checked.
        method: "complex", or "central" for functions that are not analytic or refuse complex
            numbers. By default "complex"; for a loss function of your own "central" if the complex
            step fails.
        tolerance: of the error that ``GradientCheck`` defines; by default 1e-12 for complex, 1e-7
            for central steps.
        samples: elements of each array to check, drawn from ``seed``; None for all. Each takes a
            run of the model: give about 20 where there are thousands of parameters.

    Layers of your own are checked further: in a cell by their own methods as well as by the code
    that ``lower`` writes; their ``keeps``; and, in a layer or graph alone whose inputs have at most
    two axes, with one more batch axis.

    Returns:
        A ``GradientCheck``: the largest error of each array.

    Raises GradientError if a gradient is wrong, DtypeError if a layer refuses complex numbers, and
    what ``bptt`` raises.

    >>> import numpy as np, rnnbp as rb
    >>> y, target = np.random.default_rng(0).normal(size=(2, 4, 3, 1))  # (T, B, 1) each
    >>> check = rb.check_grads(lambda y, t: (((y - t) ** 2).sum(), 2 * (y - t)), y, target)
    >>> check.method, check.worst < 1e-12
    ('complex', True)
    """
    _check_order(x, target, method)
    context, look = _context(seed, training), Look(method, _limit(tolerance), samples, seed)
    if loss is None and is_loss(function) and not isinstance(x, tuple):
        return check_loss(as_loss(function), x, target, mask, look)
    look, whole = replace(look, method=method or "complex"), lengths is None and reset is None
    if isinstance(x, tuple) and not _over_time(function) and whole:
        return _check_layer(function, x, context, look)
    reading = Reading(state, chunk, lengths, reset, seed, training)
    network = is_network(as_network(function), loss, lengths=lengths, reset=reset)
    with EXACT.held():  # whatever the environment says
        check = _check_network if network else _check_model
        return check(function, Data(x, target, loss, mask), reading, checkpoint, context, look)


def _over_time(function: object) -> bool:
    """True for a model of several inputs that runs step by step, or has static ones.

    Raises TypeError for one of a single input, whose x is no tuple.
    """
    if isinstance(function, Recurrent):
        several = function.cell.n_inputs > 1
    elif not isinstance(function, Graph) or isinstance(function, Cell):
        return False
    elif "sequence" in function.pers or any(
        isinstance(node.block, Recurrent | Timed) for node in function.nodes
    ):
        several = len(function.pers) > 1
    else:
        return False
    if not several:
        raise TypeError(
            "check_grads: a tuple of inputs is for a layer alone or a model of several inputs, "
            f"found {shown(function)} of one; give x (T, B, ...)"
        )
    return True


def _limit(tolerance: float | None) -> float | None:
    return None if tolerance is None else real_number("check_grads: tolerance", tolerance, above=0)


def _schedule_of(
    checkpoint: ScheduleLike | Plan, steps: int, chunk: int | None
) -> tuple[ScheduleLike, int | None]:
    """The schedule, and the length of its chunks. Raises BudgetError for a plan of other chunks."""
    if not isinstance(checkpoint, Plan):
        return checkpoint, chunk
    check_length(checkpoint, steps, chunk)
    return checkpoint.schedule, checkpoint.chunk


@contextmanager
def _of_layer(function: object) -> Iterator[None]:
    """Within it, errors about shapes of a layer's x say how a layer is checked by itself."""
    try:
        yield
    except ShapeError as error:
        if not isinstance(function, Layer):
            raise
        raise ShapeError(
            f"{error}; or, to check the layer alone, give a tuple of its inputs, as (x,)"
        ) from None


def _context(seed: int, training: bool) -> Context:
    training = flag("check_grads: training", training)
    return Context(check_seed(seed), training=training, dtype=np.dtype(np.float64))


def _note_unused(target: object) -> None:
    """Warn of a target without a loss."""
    if target is not None:
        warn(NO_LOSS, UserWarning, stacklevel=outside())


def _check_layer(
    function: object, x: tuple[object, ...], context: Context, look: Look
) -> GradientCheck:
    """Check a layer or graph alone, and what the layers of the user's own in it declare."""
    found = compare(layer_case(function, x, context, look.dtype), look)
    check_contract(*graph_of(function, x), context)
    return found


def _check_model(
    model: ModelLike,
    data: Data,
    reading: Reading,
    checkpoint: ScheduleLike | Plan,
    context: Context,
    look: Look,
) -> GradientCheck:
    """Check a model of one sweep."""
    x, target, loss, mask = data
    with _of_layer(model):
        problem = posed(model, x, reading.state, chunk_of_sweep(reading.chunk), mask)
    if loss is None:
        _note_unused(target)
        target, loss = random_weights(problem, reading.seed), weighted_sum
    how = _schedule_of(checkpoint, problem.steps, chunk_of_sweep(reading.chunk))
    case = model_case(problem, GivenObjective(target, loss, mask, *how), context, look.dtype)
    return _compared(case, problem.model, problem.shapes, context, look)


def _check_network(
    model: ModelLike,
    data: Data,
    reading: Reading,
    checkpoint: ScheduleLike | Plan,
    context: Context,
    look: Look,
) -> GradientCheck:
    """Check a network over time."""
    if data.loss is None:
        _note_unused(data.target)
    checked = CheckedNetwork(model, data, reading, checkpoint)
    return _compared(checked.case(look.dtype), checked.graph, checked.shapes, context, look)


def _compared(
    case: Case, model: Graph, shapes: Sequence[Shape], context: Context, look: Look
) -> GradientCheck:
    """The comparison of a model's case, and of what the user's own layers in it declare.

    A GradientError names the layers that are wrong alone too.
    """
    try:
        found = compare(case, look)
    except GradientError as error:
        wrong = wrong_layers(model, shapes, look)
        if not wrong:
            raise
        raise GradientError(
            f"{error}: those of {', '.join(wrong)}, which are wrong alone too"
        ) from None
    check_own_layers(model, shapes, context)
    return found


def _check_order(x: object, target: object, method: object) -> None:
    """Raise ValueError for an unknown method, TypeError for arguments in the wrong order."""
    if method is not None and (not isinstance(method, str) or method not in TOLERANCES):
        raise ValueError(
            "check_grads: method is 'complex' or 'central', found "
            f"{shown(method)}{hint(method, TOLERANCES)}"
        )
    if isinstance(x, Loss) or (callable(x) and hasattr(target, "shape")):
        raise TypeError("check_grads: x is a loss: the order is (model, x, target, loss)")
    if isinstance(target, Loss):
        raise TypeError("check_grads: target is a loss: the order is (model, x, target, loss)")

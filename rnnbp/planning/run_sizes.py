"""The bytes of actions, for a run whose arguments are known, and for one that is planned ahead."""

from __future__ import annotations

import math
from dataclasses import replace

from rnnbp.graph.graph import Graph
from rnnbp.inputs.objective import LossLike, Objective
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series
from rnnbp.inputs.shapes import Shapes
from rnnbp.inputs.weight_penalties import WeightPenalties
from rnnbp.losses import Loss
from rnnbp.losses.as_loss import as_loss, needs_of, row_bytes_in_rounds
from rnnbp.losses.penalised import penalties_of
from rnnbp.numerics import Shape
from rnnbp.planning.input_sizes import copied, others_ahead, others_of, symbol_bytes
from rnnbp.planning.sizes import Sizes
from rnnbp.runners.as_python import warn_of_python
from rnnbp.runners.backend import Backend, BackendLike
from rnnbp.runners.refused import backend_for


def sizes_of_run(
    objective: Objective, *, dx: bool, return_y: bool, dstate: frozenset[int] = frozenset()
) -> Sizes:
    """Sizes of a run that has its x, target and mask.

    Args:
        dx: whether the gradient by x is kept.
        return_y: whether y of all steps is kept.
        dstate: the Recurrents, by node number, whose final states have deltas.
    """
    given = objective.target, objective.mask
    nbytes = objective.penalties.nbytes
    found = sizes_of_problem(
        objective.problem, objective.loss, *given, dx=dx, return_y=return_y, penalised=nbytes
    )
    if objective.observed > found.loss_spare:
        found = replace(found, loss_spare=objective.observed)
    return replace(found, dstate=dstate) if dstate else found


def sizes_of_problem(
    problem: Problem,
    loss: Loss,
    target: Series | None,
    mask: Series | None,
    *,
    dx: bool,
    return_y: bool = False,
    penalised: int = 0,
) -> Sizes:
    """``sizes_of_run`` from the parts of it, whose values are not looked at."""
    x, what = problem.x, (problem.model, problem.x_shape, problem.batch, problem.dtype)
    spare, rows = _loss_needs(problem, loss, target, mask)
    return Sizes(
        *what,
        floats=problem.floats,
        copied=copied(x, problem.dtype),
        loss_spare=spare,
        loss_rows=rows,
        loss_brief=loss.brief,
        row_bytes=row_bytes_in_rounds(loss, problem.dtype.itemsize),
        loss_whole=loss.whole,
        dx=dx,
        return_y=return_y,
        symbol_bytes=symbol_bytes(x),
        backend=problem.backend,
        training=problem.training,
        target_bytes=_read_bytes(target, mask),
        others=others_of(problem),
        penalised=penalised,
    )


def _read_bytes(*parts: Series | None) -> int:
    """Of a step of those that are read anew for each chunk."""
    read = [part for part in parts if part is not None and part.fresh]
    return sum(math.prod(part.shape) * part.dtype.itemsize for part in read)


def _loss_needs(
    problem: Problem, loss: Loss, target: Series | None, mask: Series | None
) -> tuple[float, int]:
    """As ``needs_of`` returns them."""
    masked = mask is not None
    given = mask if masked else target
    spread = masked and len(problem.output_shape) > 1  # to all rows of a step, which copies it
    recast = spread or (given is not None and given.dtype != problem.dtype)
    return needs_of(loss, problem.dtype, masked=masked, recast=recast)


def sizes_of(
    model: Graph,
    x_shape: Shape | Shapes,
    batch: int,
    loss: LossLike | None,
    *,
    dx: bool = True,
    backend: BackendLike = None,
    training: bool = True,
    return_y: bool = False,
) -> Sizes:
    """Sizes of a run before there is any data: x in C order and of the model's dtype.

    Args:
        x_shape: feature shape of x; for a model of several inputs ``Shapes`` of all.
        batch: B.
        loss: as ``bptt`` takes it; None for a guess of its temporary arrays.

    Raises:
        ValueError: for an unknown backend.
    """
    assert model.dtype is not None
    spare, rows = needs_of(loss, model.dtype)
    of_data = None if loss is None else as_loss(loss)
    shapes = x_shape if isinstance(x_shape, Shapes) else Shapes((x_shape,))
    first = shapes.of[model.pers.index("step")]
    return Sizes(
        *(model, first, batch, model.dtype, first != ()),
        loss_spare=spare,
        loss_rows=rows,
        loss_brief=of_data is not None and of_data.brief,
        row_bytes=row_bytes_in_rounds(of_data, model.dtype.itemsize),
        loss_whole=of_data is not None and of_data.whole,
        dx=dx,
        backend=_chosen(model, shapes, backend, training=training),
        training=training,
        return_y=return_y,
        others=others_ahead(model, shapes.of),
        penalised=WeightPenalties(model, penalties_of(loss)).nbytes,
    )


def _chosen(model: Graph, shapes: Shapes, backend: BackendLike, *, training: bool) -> Backend:
    """What runs the model; with a warning of cells that run as Python where it was passed."""
    chosen = backend_for(model, backend)
    if backend is not None:
        warn_of_python(model, shapes.of, chosen, training=training)
    return chosen

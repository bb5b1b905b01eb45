"""Gradients of a model by its parameters, x and initial states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rnnbp.bptt import Gradients, bptt
from rnnbp.bptt.chunk import Chunks
from rnnbp.checks.arrays import plain
from rnnbp.checks.batch_first import warn_if_known
from rnnbp.gradcheck.derivatives import Case
from rnnbp.gradcheck.own_layers import SAME, lowered_layers
from rnnbp.gradcheck.penalties import counted
from rnnbp.gradcheck.result import GradientError
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.given import InputsLike, ModelLike, SeriesLike, StateLike
from rnnbp.inputs.held import Held
from rnnbp.inputs.models import as_model
from rnnbp.inputs.objective import LossLike, Objective
from rnnbp.inputs.passed import passed
from rnnbp.inputs.pose import pose
from rnnbp.inputs.problem import Problem
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Dtype
from rnnbp.rng import Context
from rnnbp.runners.backend import Backend
from rnnbp.schedules import ScheduleLike


@dataclass(frozen=True)
class GivenObjective:
    """What is differentiated, and the schedule to do it by: arguments of ``check_grads``."""

    target: SeriesLike
    loss: LossLike
    mask: SeriesLike
    checkpoint: ScheduleLike
    chunk: int | None


def posed(
    model: ModelLike, x: InputsLike, state: StateLike, chunk: int | None, mask: SeriesLike
) -> Problem:
    """The run of a model in float64. Raises as ``bptt`` does."""
    graph = as_model(model)
    values, form = passed(graph, x)
    x = form.of([in_float64(form.label(k), value) for k, value in enumerate(values)])
    return pose(graph.astype(np.float64), x, chunk=chunk, state=state, backend=None, mask=mask)


def in_float64(label: str, given: SeriesLike) -> Array:
    """An input as the check runs on it."""
    x = plain(f"check_grads: {label}", given)
    if x.dtype == np.float32:
        warn_if_known(label, x)  # of the copy nothing is known
        x = x.astype(np.float64)
    return x


def _whole(problem: Problem) -> dict[int, Array]:
    """All steps of the inputs, by number."""
    span, found = slice(0, problem.steps), dict(problem.others.static)
    series = zip(problem.others.numbers, problem.series, strict=True)
    return found | {k: part.read(span) for k, part in series}


def model_case(problem: Problem, objective: GivenObjective, context: Context, dtype: Dtype) -> Case:
    """The gradients that ``bptt`` returns, and the loss of the whole sequence in one chunk."""
    form, inputs = problem.others.form, _whole(problem)
    found = _run(problem, inputs, objective, context)
    dxs = {k: dx for k, dx in enumerate(form.parts(found.dx)) if dx is not None}
    inputs |= {k: inputs[k].astype(dtype) for k in dxs}
    charges = list[Scalar]()
    whole = _in_one_chunk(problem, inputs, dtype, charges)
    grads, variables = dict(found.grads), dict(whole.model.params)
    grads |= {form.label(k): dx for k, dx in dxs.items()}
    variables |= {form.label(k): inputs[k] for k in dxs}
    blocks = recurrent_blocks(whole.model)
    for name, array, delta in _states(whole, blocks, found):
        grads[name], variables[name] = delta, array
    chunks = Chunks(whole, seed=context.seed, training=context.training)
    taken = Objective(whole, objective.loss, objective.target, objective.mask)
    losses = ChunkLosses(taken, whole)

    def value() -> Scalar:
        charges.clear()
        chunks.fixed.forward(keep=False)
        entering = tuple(
            state if given or not block.initial else block.first_state(whole.batch, dtype)
            for block, state, given in zip(blocks, whole.state, whole.given, strict=True)
        )
        value = losses.value(chunks.outputs(0, entering)[1], 0)
        return sum([*charges, *taken.penalties.values().values()], value)

    case = Case(grads, variables, value)
    names = " and ".join(dict.fromkeys(map(str, lowered_layers(problem.model))))
    return _with_own(case, problem, objective, context, found, names) if names else case


def _with_own(
    case: Case,
    problem: Problem,
    objective: GivenObjective,
    context: Context,
    found: Gradients,
    names: str,
) -> Case:
    """The case with the gradients by the methods of layers that machine code replaces.

    Raises GradientError where the two losses differ.
    """
    # Within a budget fewer schedules may fit without machine code.
    unlimited = replace(objective, checkpoint="all")
    own = _run(problem, _whole(problem), unlimited, context, Backend("interpreter"))
    form, grads = problem.others.form, case.grads | own.grads
    dxs = enumerate(form.parts(own.dx))
    grads |= {form.label(k): dx for k, dx in dxs if dx is not None}
    blocks = recurrent_blocks(problem.model)
    grads |= {name: delta for name, _, delta in _states(problem, blocks, own)}
    return by_own_methods(case, found.loss, own.loss, grads, names)


def by_own_methods(
    case: Case, loss: float, own_loss: float, grads: dict[str, Array], names: str
) -> Case:
    """The case with gradients by the methods of the layers ``names``, which machine code replaces.

    Raises GradientError where the two losses differ.
    """
    if not abs(loss - own_loss) <= SAME * max(1.0, abs(own_loss)):
        raise GradientError(
            f"the loss by lower() of {names} is {loss:.15g}, by forward() {own_loss:.15g}; "
            "let lower do what forward does"
        )
    return replace(
        case,
        cure=f"let lower() of {names} do what its forward() does",
        own=grads,
        own_cure=f"check the backward methods of {names}",
    )


def _run(
    problem: Problem,
    inputs: dict[int, Array],
    objective: GivenObjective,
    context: Context,
    backend: Backend | None = None,
) -> Gradients:
    """The gradients to check."""
    given = zip(problem.state, problem.given, strict=True)
    return bptt(
        problem.model,
        problem.others.form.of([inputs[k] for k in range(len(inputs))]),
        objective.target,
        objective.loss,
        checkpoint=objective.checkpoint,
        chunk=objective.chunk,
        state=tuple(state if is_given else None for state, is_given in given),
        mask=objective.mask,
        seed=context.seed,
        training=context.training,
        backend=backend,
    )


def _in_one_chunk(
    problem: Problem, inputs: dict[int, Array], dtype: Dtype, charges: list[Scalar]
) -> Problem:
    """The same run in a different dtype, by the interpreter, which takes complex numbers.

    Args:
        charges: what penalties add to the loss is appended as they run.
    """
    others = problem.others
    return replace(
        problem,
        model=counted(problem.model._astype(dtype), charges),
        x=Held(inputs[others.x]),
        others=replace(
            others,
            series={k: Held(inputs[k]) for k in others.series},
            static={k: inputs[k] for k in others.static},
        ),
        dtype=dtype,
        chunk=problem.steps,
        state=tuple(tuple(a.astype(dtype) for a in arrays) for arrays in problem.state),
        backend=Backend("interpreter"),
    )


def _states(
    whole: Problem, blocks: Sequence[Recurrent], found: Gradients
) -> Iterator[tuple[str, Array, Array]]:
    """(name, array, gradient) of each initial state that is not learned."""
    for k, (arrays, deltas) in enumerate(zip(whole.state, found.dstate, strict=True)):
        if whole.given[k] or not blocks[k].initial:
            for name, array, delta in zip(blocks[k].cell.state_names, arrays, deltas, strict=True):
                yield f"state {k} {name}", array, delta

"""The loss of a model run forward only, chunk by chunk."""

from __future__ import annotations

from contextlib import closing

from rnnbp.bptt.all_steps import new_outputs
from rnnbp.bptt.forward import bar_of, prepared_chunks
from rnnbp.bptt.forward_chunks import ForwardChunks
from rnnbp.bptt.networks import Data, LengthsLike, LossesLike, Reading, is_network, networks
from rnnbp.bptt.series_options import SeriesOptions
from rnnbp.compensated import Total
from rnnbp.graph.model_split import lasting
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.given import ModelLike, SeriesLike, StateLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.objective import Objective, Seen
from rnnbp.inputs.padding import lost_rows
from rnnbp.inputs.pose import pose
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.states import States
from rnnbp.numerics import optional_flag
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.storage import PathLike
from rnnbp.support import late_bars
from rnnbp.support.ieee import ieee
from rnnbp.support.prepared import prepared
from rnnbp.wording.arguments import takes


@takes()
def evaluate(
    model: ModelLike,
    x: SeriesLike,
    target: SeriesLike,
    loss: LossesLike,
    *,
    state: StateLike = None,
    mask: SeriesLike = None,
    chunk: int | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
    progress: bool | None = None,
    lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> tuple[float, States]:
    """(loss, state): the loss in evaluation mode, without outputs for more than a chunk at a time.

    Arguments as those of ``bptt``, errors too.
    """
    given = SeriesOptions(chunk=chunk, state=state, steps=steps, folder=folder, mask=mask)
    shown = optional_flag("progress", progress)
    rows = {"lengths": lengths, "reset": reset}
    value, present, _ = evaluated(model, x, target, loss, **given, **rows, progress=shown)
    return value, present


@by_numpy_where_refused
@ieee
def evaluated(
    model: ModelLike,
    x: SeriesLike,
    target: SeriesLike,
    loss: LossesLike,
    *,
    state: StateLike = None,
    mask: SeriesLike = None,
    chunk: int | None = None,
    steps: int | None = None,
    folder: PathLike | None = None,
    seen: Seen | None = None,
    progress: bool | None = False,
    lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> tuple[float, States, tuple[int, ...]]:
    """What ``evaluate`` returns, and the rows whose state is lost, as ``Gradients`` has them.

    ``seen`` is called with y, target and mask of each chunk.
    """
    graph = as_network(model)
    if is_network(graph, loss, lengths=lengths, reset=reset):
        reading = Reading(state, chunk, lengths, reset, training=False)
        value, present, _ = networks().losses(graph, Data(x, target, loss, mask), reading)
        return value, present, ()
    given = SeriesOptions(chunk=chunk, state=state, steps=steps, folder=folder, mask=mask)
    problem = pose(graph, x, **given, backend=None, training=False)
    return _evaluated(problem, Objective(problem, loss, target, mask, folder), seen, progress)


def _evaluated(
    problem: Problem, objective: Objective, seen: Seen | None, progress: bool | None
) -> tuple[float, States, tuple[int, ...]]:
    """The same of one sweep."""
    total = problem.steps if problem.known else None
    with (
        closing(objective),
        bar_of("evaluate", progress, total) as bar,
    ):
        memory, chunks = prepared_chunks(problem)
        losses = ChunkLosses(objective, problem)
        for n in problem.numbers():
            if losses.prepare(n):
                objective.finish()
        value, present = _evaluate(chunks, losses, seen, bar)
        objective.end()
        memory.end(chunks.rest(), prepared(lasting(problem.model)))
    return value, present, lost_rows(*problem.series) if problem.state else ()


def _evaluate(
    chunks: ForwardChunks, losses: ChunkLosses, seen: Seen | None, bar: late_bars.LateBar | None
) -> tuple[float, States]:
    """(loss, state) of a problem whose targets have been checked."""
    problem, value = losses.problem, Total()
    whole = new_outputs(problem) if losses.loss.whole else None
    for n, y in chunks.in_order():
        if seen is not None:
            seen(y, *losses.data(n))
        if whole is None:
            value.add(float(losses.value(y, n)))
        else:
            whole[problem.span(n)] = y
        if bar is not None:
            bar.update(len(y))
    if whole is not None:
        value.add(float(losses.value_of_all(whole)))
    return float(value.value.real), chunks.present

"""The fastest schedule within a budget, from costs that are measured where they are not passed."""

from __future__ import annotations

from dataclasses import replace

from rnnbp.bptt.calibration import remembered
from rnnbp.bptt.disk_costs import with_disk
from rnnbp.bptt.networks import (
    Ahead,
    Allowed,
    ChunkLike,
    LengthsLike,
    LossesLike,
    is_network,
    networks,
)
from rnnbp.graph.graph import Graph
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.shapes import ShapeLike, feature_shape
from rnnbp.numerics import flag, positive_int
from rnnbp.numerics import shown as a_value
from rnnbp.optim import Optimizer
from rnnbp.optim.named import optimizer_named
from rnnbp.parallel import Exchange
from rnnbp.parallel.exchange import check_exchange
from rnnbp.parallel.tree import partial_sums
from rnnbp.planning.budget import ALL, BudgetError, parse_budget, remaining, training_budget
from rnnbp.planning.choice import check, choose
from rnnbp.planning.costs import Costs
from rnnbp.planning.plan import Plan
from rnnbp.planning.rough_costs import by_count
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.planning.training_bytes import Sharing, TrainingBytes
from rnnbp.runners.backend import BackendLike
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.storage import PathLike
from rnnbp.support.ieee import ieee
from rnnbp.wording.arguments import takes


@takes()
@by_numpy_where_refused
@ieee
def plan(
    model: ModelLike, loss: LossesLike = None, *,
    steps: int | dict[str, int], batch: int, budget: int | str | dict[str, int | str],
    x_shape: ShapeLike = None, disk: int | str | None = None, folder: PathLike | None = None,
    dx: bool = True, optimizer: Optimizer | str | None = None, accumulate: int = 1,
    costs: Costs | None = None, backend: BackendLike = None, return_y: bool = False,
    lengths: LengthsLike = None, reset: bool = False, chunk: ChunkLike = None,
    parallel: Exchange | None = None,
) -> Plan:  # fmt: skip
    """The fastest schedule and chunk length whose run holds no more than ``budget`` bytes.

    Args:
        model, loss, backend: as ``bptt`` takes them; without a loss, its temporary arrays are
            estimated.
        steps, batch: T and B of x; of several time axes a dict of T by axis.
        budget: bytes, or text as "64 MB" or "64 MiB". It covers all that the engine allocates. Of a
            network over time also a dict of budgets by part: the name of a Recurrent, or what the
            names of several begin with, of an output, or of a time axis. A part's is for the tapes,
            checkpoints and edges of its sweeps; "all" for the whole run, by default their sum.
        x_shape: feature shape of x, () for symbols; None if the model's Input declares it. Of several
            inputs a tuple or a dict of one for each.
        disk: bytes that checkpoints may take on disk; None for none. Of a network over time bytes
            of edges in files, None for as many as there are; its checkpoints are in memory, unless
            ``bptt`` is passed a schedule with a tier, as ``EveryK(k=8, tier="disk")``.
        folder: the folder of those checkpoints, as ``bptt`` takes it.
        dx: True if the gradient by x will be kept, which is as long as x; False for streams and
            mapped files.
        return_y: True if y of all steps will be kept, as with ``bptt``'s ``return_y``.
        optimizer: if passed, an object or a name as "adam", the budget covers its state too, as
            that of ``fit`` does, which holds the best parameters too if there is a validation.
        accumulate: batches per update of ``fit``; more than one take a second copy of the
            gradients.
        costs: seconds of actions; None calls ``calibrate``, which measures them in about a second.
        lengths: (B,), or a dict by time axis, as ``bptt`` takes it; with it bytes and seconds are
            those of the rows that run.
        reset: True if rows will begin anew at some steps, as with ``bptt``'s ``reset``.
        chunk: steps in a chunk of a network over time, or a dict by time axis; None to choose.
        parallel: as ``Trainer`` takes it: the plan is for the largest of its shards, within the
            budget of one process, and by a count of operations unless ``costs`` are passed.

    Returns:
        A ``Plan``; ``bptt`` takes it as ``checkpoint``, and its ``threads`` say what the threads of
        that run share: rows, units, layers or directions. The plan of a network over time has
        ``sweeps`` and ``edges``, and its schedules are chosen by a count of operations, so that a
        run within the same budget takes the same; ``seconds`` are by costs.

    Planning compiles the model, which takes memory of its own, once: 3 to 6 MB, and with kernels 60
    to 80 MB resident, for the first model of a process, mostly under 1 MB for a later one. A run
    that is given the Plan holds its budget from the first time on, unless ``costs`` were passed and
    NumPy runs it: then the first run compiles. One that is given the budget itself plans first.

    Raises BudgetError if no schedule fits, and what ``forecast`` raises.

    >>> import rnnbp as rb
    >>> model, loss = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2)), rb.losses.MeanSquaredError()
    >>> found = rb.plan(model, loss, steps=200, batch=2, budget="1 MB")
    >>> found.chosen.bytes <= found.budget
    True
    """
    graph = as_network(model)
    batch = _rows(batch, lengths, parallel)
    held = _held(graph, optimizer, positive_int("plan: accumulate", accumulate), batch, parallel)
    if is_network(graph, loss, lengths=lengths, reset=flag("plan: reset", reset) or None):
        rows = lengths, reset, chunk
        ahead = Ahead("plan", loss, steps, batch, x_shape, *rows, dx, return_y, backend)
        return _of_network(graph, ahead, budget, disk, costs, held)
    whole = _of_all(graph, budget, chunk)
    limit = remaining(whole, held.total)
    shape = feature_shape("plan", graph, x_shape)
    steps, batch = positive_int("plan: steps", steps), positive_int("plan: batch", batch)
    flags = {"dx": flag("plan: dx", dx), "return_y": flag("plan: return_y", return_y)}
    sizes = sizes_of(graph, shape, batch, loss, **flags, backend=backend)
    on_disk = 0 if disk is None else parse_budget(disk, "disk")
    with training_budget(whole, held), by_count(parallel is not None):
        costs = costs or measured_for(sizes, steps, limit)
        costs = costs if disk is None else with_disk(costs, sizes.slot, folder)
        found = choose(sizes, steps, limit, costs, on_disk, between=True)
    return replace(found, held=held)


def _of_all(graph: Graph, budget: int | str | dict[str, int | str], chunk: ChunkLike) -> int:
    """The budget of a model of one sweep, in bytes.

    Raises TypeError or BudgetError for what only networks over time take.
    """
    if chunk is not None:
        raise TypeError(
            f"plan: chunk={chunk} is for networks over time; of other models the plan chooses it, "
            "and plan(...).chunk says which; leave chunk out"
        )
    if isinstance(budget, dict):
        raise BudgetError(
            f"plan: budget={budget} is by part, for networks over time; {graph} is one sweep, give "
            "the bytes of all"
        )
    return parse_budget(budget)


def _of_network(
    graph: Graph,
    ahead: Ahead,
    budget: object,
    disk: int | str | None,
    costs: Costs | None,
    held: TrainingBytes,
) -> Plan:
    """The plan of a network over time, within a budget, or one for each part of it."""
    parts: dict[str, int] = {}
    if isinstance(budget, dict):
        if not budget:
            raise BudgetError(
                "plan: budget is an empty dict; give bytes, or a dict of them by part"
            )
        parts = {name: parse_budget(n, f"budget[{name!r}]") for name, n in budget.items()}
    whole = parts.pop(ALL, sum(parts.values())) if parts else parse_budget(budget)
    on_disk = 0 if disk is None else parse_budget(disk, "disk")
    allowed = Allowed(remaining(whole, held.total), parts, on_disk, costs)
    with training_budget(whole, held):
        return replace(networks().plan(graph, ahead, allowed), held=held)


def measured_for(sizes: Sizes, steps: int, budget: int) -> Costs:
    """The costs of actions, measured within a budget; with nothing run where it is too small."""
    check(sizes, steps, budget)
    return remembered(sizes, budget)


def _rows(batch: int, lengths: LengthsLike, parallel: Exchange | None) -> int:
    """The rows of a batch, or of the largest of its shards. Raises TypeError for lengths of it."""
    if parallel is None:
        return batch
    check_exchange("plan: parallel", parallel)
    if lengths is not None:
        raise TypeError(
            "plan: lengths are of all rows, and parallel cuts them into shards; leave parallel "
            "out, and give batch and lengths of one shard"
        )
    return -(-positive_int("plan: batch", batch) // parallel.shards)


def _held(
    model: Graph, optimizer: object, accumulate: int, rows: int, parallel: Exchange | None
) -> TrainingBytes:
    """Bytes that training holds during a run: state of the optimiser, gradients of a batch."""
    held = 0 if optimizer is None else _optimizer_of(model, optimizer).whole_nbytes
    copy = sum(p.nbytes for p in model.params.values())
    found = TrainingBytes(optimizer=held, gradients=copy * (accumulate > 1))
    if parallel is None:
        return found
    sharing = Sharing(parallel.shards, rows, parallel.partition)
    return replace(found, shards=copy * partial_sums(parallel.shards), sharing=sharing)


def _optimizer_of(model: Graph, given: object) -> Optimizer:
    if isinstance(given, str):
        return optimizer_named("plan", given, model)
    if not isinstance(given, Optimizer):
        raise TypeError(
            f"plan: optimizer must be one of rnnbp.optim, found {a_value(given)}; as Adam(model), "
            "or 'adam'"
        )
    return given

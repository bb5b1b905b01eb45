"""Whether a batch fits in a budget or a plan, from its shapes and dtypes, before anything runs."""

from __future__ import annotations

from functools import partial

from rnnbp.bptt.run_checks import check_plan
from rnnbp.graph.axes import is_over_time
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import lasting
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.given import InputsLike
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.other_inputs import NO_OTHERS, OtherInputs
from rnnbp.inputs.passed import passed
from rnnbp.inputs.problem import Problem
from rnnbp.inputs.series import Series, series
from rnnbp.inputs.weight_penalties import WeightPenalties
from rnnbp.losses.as_loss import as_loss
from rnnbp.losses.penalised import penalties_of
from rnnbp.numerics import Array, lies
from rnnbp.planning.choice import check
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.plan import Plan
from rnnbp.planning.run_sizes import sizes_of_problem
from rnnbp.planning.sizes import OWN
from rnnbp.runners.refused import backend_for, by_numpy_where_refused
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered

_fitting = Remembered[Graph | Recurrent, Recent[tuple[object, ...], None]](lambda model: Recent(64))
"""The last shapes of a model that fit, because each call of ``fit`` asks again."""


@by_numpy_where_refused
def check_fits(
    model: Graph,
    x: InputsLike,
    target: Array | None,
    mask: Array | None,
    loss: LossLike,
    checkpoint: int | Plan,
) -> None:
    """Raise BudgetError if a run of arrays, without dx, needs more than a budget or a plan has.

    Values are not looked at. Arguments that ``bptt`` refuses raise what they may. A network over
    time is not checked: its sweeps share the budget, and are planned when the first batch runs.
    """
    if is_over_time(model) or isinstance(checkpoint, NetworkPlan):
        return
    given, others = _read(model, x)
    parts: list[Series | None] = [
        None if part is None else series(name, part)
        for name, part in (("target", target), ("mask", mask))
    ]
    dtype = given.dtype if model.dtype is None else model.dtype
    (output,) = model.output_shapes(*others.shapes(given.shape[1:]))
    chunk = checkpoint.chunk if isinstance(checkpoint, Plan) else given.steps
    sized = model, given, dtype, chunk, (), (), output or (), backend_for(model, None)
    problem = Problem(*sized, others=others)
    penalised = WeightPenalties(model, penalties_of(loss)).nbytes
    sizes = sizes_of_problem(problem, as_loss(loss), *parts, dx=False, penalised=penalised)
    if isinstance(checkpoint, Plan):
        check_plan(checkpoint, problem, sizes, None)
    else:
        key = OWN(sizes), given.steps, checkpoint
        _fitting.of(lasting(model)).get(key, partial(check, sizes, given.steps, checkpoint))


def _read(model: Graph, x: InputsLike) -> tuple[Series, OtherInputs]:
    """(x, the other inputs), whose values are not looked at."""
    values, form = passed(model, x)
    if not form.several:
        return series("x", x), NO_OTHERS
    steps = {k: series(form.label(k), v) for k, v in enumerate(values) if model.pers[k] == "step"}
    static = {k: v for k, v in enumerate(values) if k not in steps}
    first = min(steps)
    dtype = model.dtype or steps[first].dtype
    copied = [k for k, v in static.items() if v.dtype != dtype or not lies(v)]
    return steps.pop(first), OtherInputs(first, steps, static, frozenset(copied), form)

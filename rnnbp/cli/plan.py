"""``rnnbp plan``: the cost of a model within a budget of memory, before it is run."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial

from rnnbp.bptt import BudgetError, Plan, plan
from rnnbp.cli.errors import CommandError
from rnnbp.cli.options import Parser
from rnnbp.cli.own_problem import OwnProblem
from rnnbp.cli.problem import Problem, limited, problem_of
from rnnbp.cli.problem_options import add_no_dx
from rnnbp.cli.problem_options import add_options as add_problem
from rnnbp.cli.rounding_options import add_rounding, named_backend
from rnnbp.optim.named import OPTIMIZERS
from rnnbp.planning.budget import parse_budget
from rnnbp.planning.network_plan import NetworkPlan
from rnnbp.planning.search import Candidate
from rnnbp.planning.short_tape_lines import ShortTapes, short_tapes_of
from rnnbp.storage import JSON
from rnnbp.support.printing import filled

ABOUT = (
    "Choose the schedule and the chunks with which backpropagation through time is fastest within "
    "a budget of memory, and predict its bytes, recomputed steps and seconds. By default for the "
    "model of rnnbp train; --model names one of your own, or a network over time."
)


def add_options(parser: Parser) -> None:
    """The options of the command."""
    parser.add_argument(
        "--budget",
        type=_budget,
        default="64 MB",
        metavar="BYTES",
        help="bytes, or text as '64 MB' or '64 MiB'",
    )
    parser.add_argument(
        "--disk",
        type=_disk,
        metavar="BYTES",
        help="bytes that checkpoints may take on disk as well, as '2 GB'; by default none",
    )
    add_no_dx(parser)
    parser.add_argument(
        "--optimizer",
        choices=list(OPTIMIZERS),
        metavar="NAME",
        help=f"let the budget cover the state of this optimizer too, as that of fit does: "
        f"{', '.join(OPTIMIZERS)}",
    )
    add_rounding(parser)
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    add_problem(parser, steps=1000, batch=32)


def run(options: argparse.Namespace) -> int:
    """Print the plan. Raises CommandError for a budget that is too small."""
    problem, backend = problem_of(options), named_backend(options)
    with limited(problem, options.threads), problem.speaking():
        try:
            model = problem.build()
            loss, steps, x_shape = problem.planned
            found = plan(
                model,
                loss,
                steps=steps,
                batch=problem.batch,
                budget=options.budget,
                x_shape=x_shape,
                disk=options.disk,
                dx=options.dx,
                optimizer=options.optimizer,
                backend=backend,
                lengths=problem.lengths,
            )
        except BudgetError as error:
            raise CommandError(f"--budget: {error}".replace("dx=False", "--no-dx")) from None
    if options.json:
        print(json.dumps(as_json(problem, found), indent=2, ensure_ascii=False))
    else:
        print(filled(f"model      {problem}", 11))
        if options.optimizer is not None:
            print(f"optimizer  {options.optimizer}")
        print(f"{found}\n\n{_costs_text(found)}")
    return 0


def _costs_text(found: Plan) -> str:
    """The seconds of actions; of a network over time those of each sweep."""
    what = "seconds of an action on a chunk, measured here"
    if not isinstance(found, NetworkPlan):
        return f"{what}\n{found.costs}"
    each = [f"{what}, of sweep {k}\n{sweep.costs}" for k, sweep in enumerate(found.sweeps)]
    return "\n\n".join(each)


def as_json(problem: Problem | OwnProblem, found: Plan) -> dict[str, JSON]:
    """All of a plan, for JSON: seconds and bytes."""
    more = _of_sweeps(found) if isinstance(found, NetworkPlan) else {}
    return more | {
        "model": problem.as_json(),
        "budget": found.budget,
        "chosen": _candidate(found.chosen),
        "ratio": found.ratio,
        "forecast": asdict(found.forecast),
        "frontier": [_candidate(other) for other in found.frontier],
        "costs": asdict(found.costs),
        **_tapes(short_tapes_of(found.sizes, found.chunk)),
    }


def _of_sweeps(found: NetworkPlan) -> dict[str, JSON]:
    """What only the plan of a network over time has."""
    sweeps: list[JSON] = [
        {
            "axis": sweep.axis,
            "layers": list(sweep.layers),
            "schedule": sweep.name,
            "chunk": sweep.chunk,
            "bytes": dict(sweep.bytes),
            "steps_rerun": sweep.counts.steps_rerun,
            "seconds": sweep.seconds,
            **_tapes(sweep.short_tapes),
        }
        for sweep in found.sweeps
    ]
    return {"sweeps": sweeps, "edges": [asdict(edge) for edge in found.edges]}


def _tapes(found: ShortTapes | None) -> dict[str, JSON]:
    """Bytes of tapes of 16 bits and of exact ones, where tapes are not exact."""
    return {} if found is None else {"tape_bytes": found.each, "exact_tape_bytes": found.exact}


def _candidate(found: Candidate) -> dict[str, JSON]:
    return {
        "schedule": found.name,
        "chunk": found.chunk,
        "bytes": found.bytes,
        "seconds": found.seconds,
    }


def _budget(text: str, what: str = "budget") -> int:
    try:
        return parse_budget(text, what)
    except BudgetError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


_disk = partial(_budget, what="disk")

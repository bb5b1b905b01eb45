"""``rnnbp compare``: every schedule under several budgets, predicted and measured, as files."""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rnnbp.bptt import BudgetError
from rnnbp.cli.errors import CommandError
from rnnbp.cli.folders import empty_folder, free_folder
from rnnbp.cli.options import Parser, number, whole
from rnnbp.cli.own_problem import OwnProblem
from rnnbp.cli.problem import Problem, limited, problem_of
from rnnbp.cli.problem_options import add_no_dx
from rnnbp.cli.problem_options import add_options as add_problem
from rnnbp.compare import SCHEDULES, SHARES, Comparison, save, sweep
from rnnbp.compare.choices import SHORT_PLAN
from rnnbp.compare.files import CURE, can_draw
from rnnbp.planning.budget import parse_budget
from rnnbp.support.nearest import hint
from rnnbp.support.printing import filled

ABOUT = (
    "Run backpropagation through time under every schedule and several budgets of memory: bytes, "
    "recomputed steps and seconds, forecast and measured, and whether the gradients are those of "
    "full caching. Writes compare.csv, compare.json and pictures."
)
NAME = "compare"


def add_options(parser: Parser) -> None:
    """The options of the command."""
    group = parser.add_argument_group("comparison")
    group.add_argument(
        "--budgets",
        type=_shares,
        default=",".join(map(str, SHARES)),
        metavar="LIST",
        help="percent of the bytes that full caching takes for arrays, with commas between, as "
        "10,50; Python's objects come on top, for which plan leaves room in its budget",
    )
    add_no_dx(group)
    group.add_argument(
        "--schedules",
        type=_names,
        default=list(SCHEDULES),
        metavar="LIST",
        help=f"names with commas between, of {', '.join(SCHEDULES)}, by default all of them; or "
        f"{SHORT_PLAN}, the plan with tapes of 16 bits, whose gradients are not exact",
    )
    _add_lengths(group)
    _add_files(group)
    add_problem(parser, steps=256, batch=16)


def _add_lengths(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--chunk",
        type=whole(1),
        metavar="N",
        help="steps in a chunk; by default each schedule has its best",
    )
    group.add_argument(
        "--repeats",
        type=whole(1),
        default=3,
        metavar="N",
        help="timed runs of each, in alternation with full caching",
    )


def _add_files(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help=f"new folder for the files; by default the next free runs/{NAME}",
    )
    group.add_argument(
        "--html", action="store_true", help="write one page with the table and the pictures, too"
    )
    group.add_argument("--quiet", action="store_true", help="print nothing but errors")


def run(options: argparse.Namespace) -> int:
    """Compare, write, report. Raises CommandError or StorageError for impossible options."""
    problem = problem_of(options)
    problem.check()  # before a folder is made
    with _folder(options.out) as folder:
        if not options.quiet:
            print(filled(f"model   {problem}", 8), f"folder  {folder}", sep="\n", flush=True)
            if not can_draw():
                print(f"There will be no pictures: {CURE}", flush=True)
        with limited(problem, options.threads), problem.speaking():
            found = _compare(problem, options)
        files = save(found, folder, html=options.html)
    if not options.quiet:
        print(f"\n{found}\n\nWritten: {', '.join(map(str, files))}")
    return 0


def _compare(problem: Problem | OwnProblem, options: argparse.Namespace) -> Comparison:
    model, (x, target) = problem.build(), problem.data()
    try:
        found = sweep(
            model,
            x,
            target,
            problem.losses,
            shares=options.budgets,
            schedules=options.schedules,
            chunk=options.chunk,
            repeats=options.repeats,
            seed=options.seed,
            dx=options.dx,
            lengths=problem.lengths,
            progress=False if options.quiet else None,
        )
    except BudgetError as error:
        raise CommandError(f"--budgets leaves nothing to compare: {error}") from None
    named = {"given as": problem.named} if isinstance(problem, OwnProblem) else {}
    return replace(found, about={**named, **found.about})


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    """An empty, writable folder; one that was created is removed again if it stays empty."""
    made = out is None or not out.exists()
    folder = free_folder(NAME) if out is None else empty_folder(out)
    try:
        _probe(folder)
        yield folder
    finally:
        if made:
            with contextlib.suppress(OSError):  # It holds files.
                folder.rmdir()


def _probe(folder: Path) -> None:
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(
            f"{folder} cannot be written to: {error.strerror}; name another folder with --out"
        ) from None


def _shares(text: str) -> list[float]:
    return [_share(part.strip()) for part in text.split(",")]


def _share(text: str) -> float:
    """A percentage. Raises ArgumentTypeError, which says so where it is bytes."""
    with contextlib.suppress(BudgetError):
        if text[-1:].isalpha() and parse_budget(text):
            raise argparse.ArgumentTypeError(
                f"must be in percent of the bytes of full caching, found {text!r}; give as 10,50, "
                "or ask rnnbp plan --budget for bytes"
            )
    return number(0, 1e6, above=True)(text.removesuffix("%").strip())


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",")]
    for name in names:
        if name not in (known := (*SCHEDULES, SHORT_PLAN)):
            raise argparse.ArgumentTypeError(
                f"must be out of {', '.join(known)}, found {name!r}{hint(name, known)}"
            )
    return names

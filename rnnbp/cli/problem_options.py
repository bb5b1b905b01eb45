"""The options that describe a model and a sequence."""

from __future__ import annotations

import argparse

from rnnbp.cli import threads
from rnnbp.cli.architecture import MOST_UNITS
from rnnbp.cli.ngrams import SYMBOLS
from rnnbp.cli.options import Parser, whole
from rnnbp.cli.sizes import add_sizes
from rnnbp.losses.named import NAMED

LARGEST = MOST_UNITS
"""Of steps, sequences and numbers in each of them."""


def add_options(parser: Parser, *, steps: int, batch: int) -> None:
    """The options that describe a problem, and the threads."""
    _add_model(parser)
    group = parser.add_argument_group("sequence and machine")
    group.add_argument(
        "--steps", type=whole(1, LARGEST), default=steps, metavar="T", help="steps of a sequence"
    )
    group.add_argument(
        "--batch", type=whole(1, LARGEST), default=batch, metavar="B", help="sequences side by side"
    )
    group.add_argument(
        "--shortest",
        type=whole(1, LARGEST),
        metavar="N",
        help="steps of the shortest sequences, whose lengths are drawn from N to T; by default all "
        "have T",
    )
    group.add_argument(
        "--seed", type=whole(0, 2**64), default=0, metavar="N", help="seed of weights and data"
    )
    threads.add_threads(group)


def add_no_dx(to: Parser | argparse._ArgumentGroup) -> None:
    """The option that leaves out the gradient by x."""
    to.add_argument(
        "--no-dx",
        dest="dx",
        action="store_false",
        help="leave out the gradient by x, which is as long as x, as training does",
    )


def _add_model(parser: Parser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        metavar="NAME",
        help="a model of your own, as module:function or path/file.py:function: a function without "
        "arguments that returns a model, or a model; the current folder is searched first",
    )
    group.add_argument(
        "--loss",
        metavar="NAME",
        help=f"its loss: {', '.join(NAMED)}, or one of your own as module:function; by default "
        "cross-entropy of symbols, mse of numbers",
    )
    add_sizes(group)
    group.add_argument(
        "--inputs",
        type=whole(1, LARGEST),
        metavar="N",
        help="numbers in each step of x; by default it is a byte",
    )
    group.add_argument(
        "--outputs",
        type=whole(1, LARGEST),
        default=SYMBOLS,
        metavar="N",
        help="outputs of each step",
    )

"""``rnnbp sample``: text from a trained model."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rnnbp.cli.model import load_model
from rnnbp.cli.options import Parser, number, whole
from rnnbp.cli.sampler import Sampler
from rnnbp.cli.text import printable

ABOUT = "Write text with a model that rnnbp train has made."


def add_options(parser: Parser) -> None:
    """The options of the command."""
    parser.add_argument(
        "model",
        metavar="MODEL",
        type=Path,
        help="a run's folder, as runs/char-lstm, or its model.safetensors",
    )
    group = parser.add_argument_group("sampling")
    group.add_argument("--prompt", default="The ", metavar="TEXT", help="text to go on from")
    group.add_argument(
        "--length",
        type=whole(1),
        default=500,
        metavar="N",
        help="characters to write after the prompt",
    )
    _add_draws(group)


def _add_draws(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--temperature",
        type=number(0),
        default=0.8,
        metavar="X",
        help="below 1 likelier bytes are preferred; 0 takes the likeliest alone",
    )
    group.add_argument(
        "--top-k", type=whole(1), metavar="K", help="draw from the K likeliest bytes alone"
    )
    group.add_argument(
        "--seed",
        type=whole(0, 2**64),
        default=0,
        metavar="N",
        help="seed of the random numbers; the same seed writes the same text",
    )


def run(options: argparse.Namespace) -> int:
    """Print the prompt and what follows it. Raises CommandError for a model that cannot be used."""
    sampler = Sampler(load_model(options.model), options.temperature, options.top_k, options.seed)
    text = sampler.text(options.prompt.encode("utf-8", errors="surrogateescape"), options.length)
    print(printable(text) if sys.stdout.isatty() else text)
    return 0

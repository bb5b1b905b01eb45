"""The options of ``rnnbp train``."""

from __future__ import annotations

from argparse import _ArgumentGroup
from pathlib import Path

from rnnbp.cli.options import Parser, checkpoint, encoding, number, whole
from rnnbp.cli.rounding_options import add_rounding
from rnnbp.cli.settings import Settings
from rnnbp.cli.sizes import add_sizes
from rnnbp.cli.threads import add_threads

DEFAULT = Settings()
MINUTES, SNAPSHOT_MINUTES = 2.5, 5


def add_options(parser: Parser) -> None:
    """The options of the command, in groups."""
    _add_model(parser)
    _add_training(parser)
    _add_engine(parser)
    _add_run(parser)


def _add_model(parser: Parser) -> None:
    group = parser.add_argument_group("text and model")
    group.add_argument(
        "--text",
        type=Path,
        metavar="FILE",
        help="text to train on; by default Python's own help topics",
    )
    group.add_argument(
        "--encoding",
        type=encoding,
        metavar="NAME",
        help="of the text, as latin-1, cp1252 or shift_jis; by default what a byte order mark "
        "says, or UTF-8; samples are UTF-8",
    )
    add_sizes(group)
    group.add_argument(
        "--dropout",
        type=number(0, 1),
        default=DEFAULT.dropout,
        metavar="P",
        help="share dropped between layers",
    )


def _add_training(parser: Parser) -> None:
    group = parser.add_argument_group("training")
    group.add_argument(
        "--horizon",
        type=whole(1),
        default=DEFAULT.horizon,
        metavar="N",
        help="bytes that gradients flow back over",
    )
    group.add_argument(
        "--batch",
        type=whole(1),
        default=DEFAULT.batch,
        metavar="N",
        help="places of the text read side by side",
    )
    _add_length(group)
    _add_rates(group)


def _add_length(group: _ArgumentGroup) -> None:
    length = group.add_mutually_exclusive_group()
    length.add_argument(
        "--epochs",
        type=whole(1),
        default=DEFAULT.epochs,
        metavar="N",
        help="times through the text",
    )
    length.add_argument(
        "--steps", type=whole(1), metavar="N", help="updates of the model, instead of epochs"
    )


def _add_rates(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--lr",
        type=number(0, above=True),
        default=DEFAULT.lr,
        metavar="X",
        help="highest learning rate of Adam, which falls along a cosine",
    )
    group.add_argument(
        "--clip",
        type=number(0),
        default=DEFAULT.clip,
        metavar="X",
        help="limit of the gradient's norm, 0 for none",
    )
    group.add_argument(
        "--seed",
        type=whole(0, 2**64),
        default=DEFAULT.seed,
        metavar="N",
        help="seed of first weights, dropout and sample",
    )


def _add_engine(parser: Parser) -> None:
    group = parser.add_argument_group("memory and speed")
    group.add_argument(
        "--checkpoint",
        type=checkpoint,
        default=DEFAULT.checkpoint,
        metavar="HOW",
        help="what is kept for the way back: all, sqrt (a state every √N chunks), or N, a state "
        "every N chunks; the model is the same, to the bit",
    )
    group.add_argument(
        "--chunk",
        type=whole(1),
        metavar="N",
        help="steps that are run, kept and recomputed as one; by default 32, of sequences of more "
        "than 512 steps more",
    )
    add_rounding(group)
    add_threads(group)
    _add_shards(group)
    group.add_argument(
        "--minutes",
        type=number(0, 1e6, above=True),
        default=MINUTES,
        metavar="X",
        help="stop training after so long, even if it is not done",
    )


def _add_shards(group: _ArgumentGroup) -> None:
    group.add_argument(
        "--shards",
        type=whole(1),
        metavar="N",
        help="parts that each batch is cut into, shared by the processes of mpiexec -n P rnnbp "
        "train; the model is the same for any P up to N, to the bit, and a different one for "
        "another N",
    )


def _add_run(parser: Parser) -> None:
    group = parser.add_argument_group("run")
    group.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="new folder for the model; by default the next free runs/char-CELL",
    )
    group.add_argument(
        "--resume",
        type=Path,
        metavar="DIR",
        help="go on with the run in this folder, with the settings that it has",
    )
    group.add_argument(
        "--snapshot-minutes",
        type=number(0, 1e6, above=True),
        default=SNAPSHOT_MINUTES,
        metavar="X",
        help="save all that --resume needs at least this often, and at the end of each epoch",
    )
    group.add_argument(
        "--override",
        type=lambda names: tuple(names.split(",")),
        default=(),
        metavar="NAMES",
        help="with --resume, what differs on purpose, as processor,libraries on another machine, "
        "or learning_rate for another --steps or --epochs; the error names it",
    )
    group.add_argument("--quiet", action="store_true", help="print the result alone")

"""``rnnbp convert``: a model or weights as a file of another format."""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

from rnnbp.cli.errors import CommandError
from rnnbp.cli.formats import ONNX, PAIRS, ForOnnx, converter
from rnnbp.cli.options import Parser
from rnnbp.numerics import escaped
from rnnbp.storage import StorageError
from rnnbp.support.printing import for_stdout
from rnnbp.support.reprs import bytes_text

LISTED = "; ".join(
    f"from {source} to {', '.join(target for one, target in PAIRS if one == source)}"
    for source in dict.fromkeys(source for source, _ in PAIRS)
)
ABOUT = (
    "Convert a file to another format; the endings say which: a whole model between .safetensors, "
    "as rnnbp.save writes it, .onnx and .keras; weights between .safetensors, of rnnbp, PyTorch "
    "and others, and .npz, under the names that they have. The ways are "
    f"{LISTED}. What the other format cannot express is an error that names it. In a model here x "
    "is (T, B, features), in Keras (B, T, features). ONNX needs python -m pip install "
    "'rnnbp[onnx]', Keras 'rnnbp[keras]' and a backend, which KERAS_BACKEND names."
)


def add_options(parser: Parser) -> None:
    """The options of the command."""
    parser.add_argument("source", metavar="IN", type=Path, help="the file to read")
    parser.add_argument("target", metavar="OUT", type=Path, help="the file to write")
    parser.add_argument(
        "--force", action="store_true", help="replace OUT, once the new file is complete"
    )
    group = parser.add_argument_group("ONNX, as OUT")
    group.add_argument(
        "--lengths", action="store_true", help="a further input, the steps of each sequence"
    )
    group.add_argument(
        "--states",
        action="store_true",
        help="initial states as further inputs, final states as further outputs",
    )
    group.add_argument(
        "--batch-first", action="store_true", help="series are (B, T, ...), not (T, B, ...)"
    )
    group.add_argument(
        "--shape",
        type=_shape,
        metavar="N,...",
        help="features of x without T and B, where the layers leave them open, as 3 or 1,28",
    )


def run(options: argparse.Namespace) -> int:
    """Convert a file. Raises CommandError or StorageError where that cannot be done."""
    source, target = options.source, options.target
    onnx = ForOnnx(options.lengths, options.states, options.batch_first, options.shape)
    pair = source.suffix.lower(), target.suffix.lower()
    _check(pair, source, target, onnx)
    if target.exists() and not options.force:
        raise CommandError(f"{target} is there already; name a new file, or add --force")
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", UserWarning)
            what = converter(*pair, onnx)(source, target)
    except StorageError:
        raise
    except (ValueError, TypeError, ImportError, NotImplementedError) as error:
        why = " ".join(str(error).split()).replace("shape=(n,)", "--shape N")
        raise CommandError(f"{source} is not converted: {why}") from None
    for each in caught:
        if issubclass(each.category, UserWarning):
            print(f"rnnbp: note: {escaped(str(each.message))}", file=sys.stderr)
    size = bytes_text(target.stat().st_size)
    print(for_stdout(f"{escaped(str(target))}: {what}, {size}, from {escaped(str(source))}"))
    return 0


def _check(pair: tuple[str, str], source: Path, target: Path, onnx: ForOnnx) -> None:
    """Raise CommandError for endings that there are not, or options that do not go with them."""
    if pair not in PAIRS:
        raise CommandError(
            f"there is no way from {source.name} to {target.name}; the ways are {LISTED}"
        )
    if pair[1] != ONNX and onnx.given:
        given = onnx.given[0].replace("_", "-")
        raise CommandError(f"--{given} is for OUT that ends in {ONNX}; leave it out")


def _shape(text: str) -> tuple[int, ...]:
    """Reads the features of an input, as 3 or 1,28."""
    try:
        found = tuple(int(n) for n in text.split(","))
    except ValueError:
        found = ()
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError(f"must be whole numbers from 1, as 1,28, found {text!r}")
    return found

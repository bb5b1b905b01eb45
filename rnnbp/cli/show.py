"""``rnnbp show``: what a file of weights, or of a model, holds."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from rnnbp.cli.errors import CommandError
from rnnbp.cli.model import model_file
from rnnbp.cli.options import Parser
from rnnbp.cli.shown_arrays import UNSAFE, archive_lines, array_lines
from rnnbp.cli.shown_onnx import onnx_lines
from rnnbp.cli.shown_tensors import tensor_lines
from rnnbp.numerics import escaped
from rnnbp.storage import opened
from rnnbp.support.printing import for_stdout

ABOUT = (
    "Show the tensors of a safetensors file (of rnnbp, with the state of its checksum; of PyTorch "
    "and others), the layers of a model that rnnbp.save wrote, the inputs, outputs, nodes and "
    "weights of an ONNX model, or the arrays of an .npz or .npy file. Pickles, as .pt and .pkl "
    "files, are refused: nothing in a file is run."
)
KINDS = "rnnbp show reads safetensors, ONNX, .npz and .npy files"
PICKLES = (".pt", ".pth", ".pkl", ".pickle", ".joblib", ".ckpt")
LONGEST = 16
"""Bytes that say what a file is."""


def add_options(parser: Parser) -> None:
    """The options of the command."""
    parser.add_argument("file", metavar="FILE", type=Path, help="the file, or the folder of a run")


def run(options: argparse.Namespace) -> int:
    """Print what a file holds. Raises CommandError or StorageError for one that cannot be shown."""
    path = model_file(options.file)
    lines = _reader(path)(path)
    first = next(lines)  # raises for a file that cannot be read, before anything is printed
    for line in chain([f"file      {escaped(str(path))}", first], lines):
        print(for_stdout(line))
    return 0


def _reader(path: Path) -> Callable[[Path], Iterator[str]]:
    """What shows a file, by its first bytes, or where they do not say by its ending."""
    with opened(path) as (file, size):
        start = file.read(LONGEST)
    if not size:
        raise CommandError(f"{path} is empty; {KINDS}")
    suffix = path.suffix.lower()
    if start[8:9] == b"{" or suffix == ".safetensors":
        return tensor_lines
    if start.startswith(b"PK\x03\x04") or suffix == ".npz":
        return archive_lines
    if start.startswith(b"\x93NUMPY") or suffix == ".npy":
        return array_lines
    if start.startswith(b"\x80") or suffix in PICKLES:
        raise CommandError(f"{path} is a pickle, {UNSAFE}")
    if start.startswith(b"\x89HDF"):
        raise CommandError(f"{path} is an HDF5 file, as old Keras writes; {KINDS}")
    if start.startswith(b"\x08") or suffix == ".onnx":
        return onnx_lines
    raise CommandError(f"{path} is of a format that this command does not know; {KINDS}")

"""Files that ``rnnbp convert`` reads and writes, by their endings."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rnnbp.cli.shown_arrays import NPY, check_archive
from rnnbp.inputs.given import ModelLike
from rnnbp.interchange import from_keras, from_onnx, to_keras, to_onnx
from rnnbp.numerics import Array
from rnnbp.saving import load, save
from rnnbp.storage import replacing, save_tensors, write_atomic
from rnnbp.support.reprs import counted
from rnnbp.train.given_weights import given_weights

OURS, ONNX, KERAS, ARRAYS = ".safetensors", ".onnx", ".keras", ".npz"
READERS: Mapping[str, Callable[[Path], ModelLike]] = {
    OURS: load,
    ONNX: from_onnx,
    KERAS: from_keras,
}
"""By ending, what reads a whole model."""
PAIRS = (
    *((source, target) for source in READERS for target in READERS if source != target),
    (OURS, ARRAYS),
    (ARRAYS, OURS),
)
"""What can be converted to what: whole models, and weights alone."""


class ForOnnx(NamedTuple):
    """Options of ``to_onnx``, by its names."""

    lengths: bool
    states: bool
    batch_first: bool
    shape: tuple[int, ...] | None

    @property
    def given(self) -> list[str]:
        """Those that were passed."""
        return [name for name, value in self._asdict().items() if value]


def converter(source: str, target: str, onnx: ForOnnx) -> Callable[[Path, Path], str]:
    """What converts a file of one ending to one of the other, and returns what it was.

    Both are endings of ``PAIRS``.
    """
    if target == ARRAYS:
        return _weights_to_arrays
    if source == ARRAYS:
        return _arrays_to_weights
    writers: dict[str, Callable[[ModelLike, Path], None]] = {
        OURS: save,
        ONNX: partial(
            to_onnx,
            lengths=onnx.lengths,
            states=onnx.states,
            batch_first=onnx.batch_first,
            shape=onnx.shape,
        ),
        KERAS: _write_keras,
    }
    return partial(_model, READERS[source], writers[target])


def _model(
    read: Callable[[Path], ModelLike],
    write: Callable[[ModelLike, Path], None],
    source: Path,
    target: Path,
) -> str:
    model = read(source)
    write(model, target)
    return f"{type(model).__name__} of {_numbers(model.params)}"


def _write_keras(model: ModelLike, target: Path) -> None:
    """Keras writes into a folder of its own: what stands at ``target`` is replaced at once."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"model{KERAS}"
        to_keras(model).save(file)
        write_atomic(target, file.read_bytes())


def _weights_to_arrays(source: Path, target: Path) -> str:
    arrays = given_weights(source).arrays
    with (
        replacing(target, sum(a.nbytes for a in arrays.values())) as number,
        open(number, "wb", closefd=False) as file,
        zipfile.ZipFile(file, "w") as archive,
    ):
        for name, array in arrays.items():
            # of a fixed time, so that the same weights have the same bytes
            with archive.open(zipfile.ZipInfo(f"{name}{NPY}"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return f"weights, {_numbers(arrays)}"


def _arrays_to_weights(source: Path, target: Path) -> str:
    check_archive(source)
    with np.load(source, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    save_tensors(target, arrays, {})
    return f"weights, {_numbers(arrays)}"


def _numbers(arrays: Mapping[str, Array]) -> str:
    count = sum(array.size for array in arrays.values())
    return f"{counted(count, 'number')} in {counted(len(arrays), 'array')}"

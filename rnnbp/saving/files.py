"""The file of a model: its arrays, and the description that says what they are."""

from __future__ import annotations

from rnnbp.numerics import Array, StorageError
from rnnbp.storage import Fields, PathLike, load_tensors, opened
from rnnbp.storage.header import DIGEST
from rnnbp.storage.tensors import is_ours
from rnnbp.train.given_weights import MODEL, check_no_snapshot

VERSION = 1
"""Of the description. It rises where one that was written then could not be read before."""
OTHERS = {
    b"PK\x03\x04": "a zip file, as of PyTorch, Keras or NumPy; for models of PyTorch and Keras see "
    "help(rnnbp.interchange), for weights by name help(rnnbp.load_weights)",
    b"\x89HDF": "an HDF5 file, as of Keras; load it there, and see help(rnnbp.interchange)",
    b"\x93NUMPY": "a NumPy array; read it by np.load",
    b"\x80": "a pickle, which rnnbp never reads; of PyTorch load it there, and see "
    "help(rnnbp.interchange)",
    b"\x08": "an ONNX model, by its first byte; see help(rnnbp.interchange)",
}
"""What files of other formats begin with."""


def read_model(path: PathLike) -> tuple[dict[str, Array], Fields]:
    """The arrays of a file that ``save`` wrote, and its description.

    Raises StorageError for a different file, one that is damaged in any bit, or of a newer version.
    """
    _check_ours(path)
    arrays, metadata = load_tensors(path)
    check_no_snapshot(path, metadata)
    if MODEL not in metadata:
        raise StorageError(
            f"{path} has weights alone, as save_weights writes them; build the model, and give "
            "load_weights(model, path)"
        )
    about = Fields(path, metadata, cure="take another copy of it").fields(MODEL)
    if (version := about.whole("version", 1)) > VERSION:
        raise StorageError(
            f"{path} is a model of format {version}, which a newer rnnbp wrote; this one reads "
            f"formats up to {VERSION}: update rnnbp"
        )
    return arrays, about


def _check_ours(path: PathLike) -> None:
    """Raise StorageError for a file of a different format, which is named where that is known."""
    with opened(path) as (file, size):
        start = file.read(min(size, DIGEST.stop))
    if is_ours(start, size):
        return
    if start[8:9] == b"{":
        raise StorageError(
            f"{path} is a safetensors file of a different library, or damaged: it has weights "
            "alone; build the model, and see help(rnnbp.load_weights)"
        )
    for opening, what in OTHERS.items():
        if start.startswith(opening):
            raise StorageError(f"{path} is no model that rnnbp.save wrote; it is {what}")
    raise StorageError(
        f"{path} is no model that rnnbp.save wrote, or is damaged; give one that it wrote"
    )

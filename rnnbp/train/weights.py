"""The parameters of a model as a file."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rnnbp.mapped import check_there
from rnnbp.numerics import Array, Shape, escaped, first_bad
from rnnbp.optim.parameters import check_writable
from rnnbp.parameters import HasParams
from rnnbp.storage import JSON, PathLike, StorageError, load_tensors, save_tensors

TORCHS = re.compile(r"_l\d+(_reverse)?$")
"""How names of PyTorch's recurrent layers end."""
LISTED = 20
"""Differences that an error lists."""


def save_weights(model: HasParams, path: PathLike, metadata: Mapping[str, JSON] | None = None) -> None:
    """Write ``model.params`` by path, with JSON of your own, as one checksummed safetensors file, atomically.

    Raises StorageError where that cannot be done, TypeError for metadata that is not JSON.
    """
    check_there(*model.params.values())
    save_tensors(path, model.params, metadata or {})


def load_weights(model: HasParams, path: PathLike) -> dict[str, JSON]:
    """Read the parameters into the model's own arrays; gives the metadata.

    Raises StorageError for a bad file, ValueError where it does not fit the model or holds NaN or
    infinities, before anything changes.
    """
    arrays, metadata = load_tensors(path)
    check_no_snapshot(path, metadata)
    assign(f"load_weights from {path}", model.params, arrays)
    return metadata


def check_no_snapshot(path: PathLike, metadata: Mapping[str, JSON]) -> None:
    """Raise StorageError where a file of these metadata is a snapshot."""
    if "snapshot" in metadata:
        raise StorageError(f"{path} is a snapshot of a training run; use Trainer.resume, or load its model.safetensors")


def assign(place: str, params: Mapping[str, Array], arrays: Mapping[str, Array]) -> None:
    """Copy arrays into the parameters of the same names, after all have been checked."""
    check_fits(place, params, arrays)
    for name, p in params.items():
        p[...] = arrays[name]


def check_fits(place: str, params: Mapping[str, Array], arrays: Mapping[str, Array]) -> None:
    """Raise ValueError unless names, shapes and dtypes are those of ``params``, and all numbers are
    finite."""
    check_shapes(place, {name: p.shape for name, p in params.items()}, {name: a.shape for name, a in arrays.items()})
    for name, p in params.items():
        a = arrays[name]
        if a.dtype != p.dtype:
            raise ValueError(
                f"{place}: {name} is {a.dtype} in the file and {p.dtype} in the model; "
                f"load into model.astype('{a.dtype}'), and cast that to another dtype after"
            )
        if (bad := first_bad(a)) is not None:
            raise ValueError(
                f"{place}: {name} has {a[bad]} at {list(bad)}, weights must be finite; "
                f"take a file that was saved before the training diverged"
            )
    check_writable(place, params)


def check_shapes(place: str, model: Mapping[str, Shape], file: Mapping[str, Shape]) -> None:
    """Raise ValueError, listing up to ``LISTED`` differences, unless a file has the names and
    shapes of a model."""
    found = [f"{name} is missing" for name in model if name not in file]
    found += [f"{escaped(name, 80)} is unexpected" for name in file if name not in model]
    found += [
        f"{name} has shape {file[name]}, the model's {shape}"
        for name, shape in model.items()
        if file.get(name, shape) != shape
    ]
    if found:
        more = [f"and {len(found) - LISTED} more"] if len(found) > LISTED else []
        listed = "; ".join([*found[:LISTED], *more])
        theirs = "; for PyTorch's names see help(rnnbp.LSTM)" * any(map(TORCHS.search, file))
        raise ValueError(f"{place}: the model is another: {listed}; build it as the one that was saved{theirs}")

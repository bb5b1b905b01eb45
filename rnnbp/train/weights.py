"""The parameters of a model as a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from rnnbp.arguments import takes
from rnnbp.numerics import Array, Shape, escaped, first_bad, flag
from rnnbp.optim.parameters import check_writable
from rnnbp.parameters import HasParams
from rnnbp.storage import JSON, PathLike, StorageError, load_any, save_tensors
from rnnbp.train.renaming import Rename, proposal, renamed_arrays, respelled

TORCHS = re.compile(r"_l\d+(_reverse)?$")
"""How names of PyTorch's recurrent layers end."""
LISTED = 20
"""Differences that an error lists."""


@takes()
def save_weights(
    model: HasParams,
    path: PathLike,
    metadata: Mapping[str, JSON] | None = None,
    *,
    rename: Rename | None = None,
) -> None:
    """Write ``model.params`` by path, with JSON of your own, as one checksummed safetensors file, atomically.

    ``rename`` is a dict or a function from the model's names to those in the file, None for a parameter to
    be left out: with ``lambda name: f"{name}_l0" if name.startswith("lstm.") else name`` PyTorch finds
    those of its ``self.lstm``, by ``net.load_state_dict(safetensors.torch.load_file(path))``.

    Raises StorageError where that cannot be done, TypeError for metadata that is not JSON, ValueError where
    ``rename`` has a name that the model does not, or makes one name of two.
    """
    save_tensors(path, renamed_arrays(f"save_weights to {path}", model.params, rename, "the model's"), metadata or {})


@takes()
def load_weights(
    model: HasParams, path: PathLike, *, rename: Rename | None = None, strict: bool = True
) -> dict[str, JSON]:
    """Read the parameters into the model's own arrays; returns the metadata.

    A safetensors file of another library will do, as PyTorch's. It has no checksum: names, shapes and that
    all numbers are finite are checked. Its float16, bfloat16, float32 or float64 are rounded to the
    model's dtype; in a file of this library the dtypes must be equal.

    Args:
        model: whose parameters are written to, in place.
        path: the file.
        rename: a dict or a function from the names in the file to the model's; None for a tensor to be
            left out. A name that a dict does not have stays.
        strict: False leaves parameters that the file does not have as they are, and what only the file
            has unread.

    Raises StorageError for a bad file, ValueError where it does not fit the model or holds NaN or
    infinities, before anything changes.

    The weights of ``net``, a module of PyTorch with ``self.lstm = nn.LSTM(3, 4)`` and ``self.head =
    nn.Linear(4, 2)``::

        safetensors.torch.save_file(net.state_dict(), "net.safetensors")
        model = rb.Sequential(rb.LSTM(3, 4, name="lstm"), rb.Dense(4, 2, name="head"))
        rb.load_weights(model, "net.safetensors", rename=lambda name: name.removesuffix("_l0"))
    """
    if isinstance(path, Mapping):
        cure = "arrays that are there already are written by model.params.update(arrays)"
        raise TypeError(f"load_weights: path must be that of a file, a str or os.PathLike, found a dict; {cure}")
    place = f"load_weights from {path}"
    arrays, metadata, ours = load_any(path)
    if ours:
        check_no_snapshot(path, metadata)
    params: Mapping[str, Array] = model.params
    arrays = respelled(renamed_arrays(place, arrays, rename, "the file's"), params)
    if not flag("load_weights: strict", strict):
        params, arrays = _shared(place, params, arrays)
    if not ours or rename is not None:
        check_names(place, params, arrays)
    if not ours:
        arrays = {name: converted(place, name, array, params[name].dtype) for name, array in arrays.items()}
    assign(place, params, arrays)
    return metadata


def _shared(
    place: str, params: Mapping[str, Array], arrays: Mapping[str, Array]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """What both have. Raises ValueError where that is nothing."""
    both = [name for name in params if name in arrays]
    if not both:
        check_names(place, params, arrays)
    return {name: params[name] for name in both}, {name: arrays[name] for name in both}


def converted(place: str, name: str, array: Array, dtype: np.dtype[Any]) -> Array:
    """An array of floats in another dtype. Raises ValueError for other numbers, and for one beyond the dtype."""
    if array.dtype.kind != "f":
        raise ValueError(f"{place}: {escaped(name, 80)} is {array.dtype} in the file; weights are floats")
    with np.errstate(over="ignore"):
        found = array.astype(dtype)
    if (bad := first_bad(found)) is not None and first_bad(array) is None:
        raise ValueError(f"{place}: {name} has {array[bad]} at {list(bad)}, which is beyond {dtype}; use model.astype")
    return found


def check_names(place: str, params: Mapping[str, Array], arrays: Mapping[str, Array]) -> None:
    """Raise ValueError unless the names and shapes are those of ``params``; the error proposes a ``rename``."""
    model, file = ({name: a.shape for name, a in given.items()} for given in (params, arrays))
    found = differences(model, file)
    if not found:
        return
    proposed = proposal(model, file)
    cures = ["weights of Keras are transposed, see help(rnnbp.LSTM)"] * _transposed(model, file)
    cures += [f"if these belong together, give load_weights {proposed}"] * bool(proposed) or [
        "build the model with the layers of the file"
    ]
    raise ValueError(f"{place}: names or shapes differ: {listed(found)}; {'; '.join(cures)}")


def _transposed(model: Mapping[str, Shape], file: Mapping[str, Shape]) -> bool:
    both = [(shape, file[name]) for name, shape in model.items() if name in file]
    return any(len(shape) == 2 and shape != other and shape == other[::-1] for shape, other in both)


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
    if found := differences(model, file):
        theirs = "; for PyTorch's names see help(rnnbp.LSTM)" * any(map(TORCHS.search, file))
        raise ValueError(f"{place}: the model is another: {listed(found)}; build it as the one that was saved{theirs}")


def differences(model: Mapping[str, Shape], file: Mapping[str, Shape]) -> list[str]:
    """What of a file's names and shapes is not as in a model."""
    found = [f"{name} is missing" for name in model if name not in file]
    found += [f"{escaped(name, 80)} is unexpected" for name in file if name not in model]
    found += [
        f"{name} has shape {file[name]}, the model's {shape}"
        for name, shape in model.items()
        if file.get(name, shape) != shape
    ]
    return found


def listed(found: list[str]) -> str:
    """Up to ``LISTED`` of them."""
    more = [f"and {len(found) - LISTED} more"] if len(found) > LISTED else []
    return "; ".join([*found[:LISTED], *more])

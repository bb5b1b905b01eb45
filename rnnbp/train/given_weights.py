"""Weights that are read: from a file, or from a mapping of names to arrays."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple, Protocol, Self, TypeAlias, cast

import numpy.typing as npt

from rnnbp.checks.arrays import plain
from rnnbp.numerics import Array, shown
from rnnbp.storage import JSON, PathLike, StorageError, load_any
from rnnbp.wording.of_torch import torch_class

Weights: TypeAlias = PathLike | Mapping[str, npt.ArrayLike]
"""The path of a file, or arrays by name."""

MODEL = "rnnbp_model"
"""The key of metadata under which ``rnnbp.save`` describes a model."""
CONSTANTS = "constants"
"""In that description the names of the tensors that are no parameters."""


class Given(NamedTuple):
    """Arrays by name, where they come from, and whether that is a file of this library."""

    place: str
    whose: str
    arrays: dict[str, Array]
    metadata: dict[str, JSON]
    ours: bool


class Tensor(Protocol):
    """What is used of PyTorch's."""

    is_meta: bool

    def detach(self) -> Self: ...
    def cpu(self) -> Self: ...
    def float(self) -> Self: ...


def given_weights(path: Weights, caller: str = "load_weights") -> Given:
    """The arrays of a file or a mapping, for a function ``caller``.

    Raises StorageError for a bad file, TypeError for what is neither, DtypeError for what is no
    array.
    """
    if isinstance(path, Mapping):
        place = f"{caller} from the dict"
        arrays = {_name(place, name): _array(place, name, value) for name, value in path.items()}
        return Given(place, "the dict's", arrays, {}, False)
    if not isinstance(path, str | bytes | int | os.PathLike):
        name = type(path).__name__
        module = torch_class(path) and hasattr(path, "state_dict")
        found = f"PyTorch's {name}; give its state_dict()" if module else shown(path)
        raise TypeError(
            f"{caller}: path must be that of a file, a str or os.PathLike, or a dict of arrays "
            f"by name, found {found}"
        )
    read, metadata, ours = load_any(path)
    if ours:
        check_no_snapshot(path, metadata)
        read, metadata = _weights_alone(read, metadata)
    return Given(f"{caller} from {path}", "the file's", read, metadata, ours)


def _weights_alone(
    arrays: dict[str, Array], metadata: dict[str, JSON]
) -> tuple[dict[str, Array], dict[str, JSON]]:
    """The parameters in a file of weights, or of a whole model, and the metadata of the user."""
    about = metadata.get(MODEL)
    if not isinstance(about, dict):
        return arrays, metadata
    others = about.get(CONSTANTS)
    left = others if isinstance(others, list) else []
    return {name: array for name, array in arrays.items() if name not in left}, {}


def _name(place: str, name: object) -> str:
    if not isinstance(name, str):
        raise TypeError(
            f"{place}: names are texts, found {shown(name)}; give the arrays by "
            "the names of parameters"
        )
    return name


def _array(place: str, name: str, value: object) -> Array:
    """An array of its own, because what is renamed is known by its array."""
    if isinstance(value, Mapping):
        raise TypeError(
            f"{place}: {name} is a dict itself, as in a checkpoint that holds more than weights; "
            f"give the dict of the weights, checkpoint[{name!r}] or the like"
        )
    if "Tensor" in torch_class(value) or torch_class(value) == "Parameter":
        if cast("Tensor", value).is_meta:
            raise ValueError(
                f"{place}: {name} is on the meta device and has no numbers; give the weights "
                "that it was initialised or trained with"
            )
        tensor = cast("Tensor", value).detach().cpu()
        value = tensor.float() if str(getattr(value, "dtype", "")).endswith("bfloat16") else tensor
    return plain(f"{place}: {name}", value).view()


def check_no_snapshot(path: PathLike, metadata: Mapping[str, JSON]) -> None:
    """Raise StorageError if a file with these metadata is a snapshot."""
    if "snapshot" in metadata:
        raise StorageError(
            f"{path} is a snapshot of a training run; use Trainer.resume, or load its "
            "model.safetensors"
        )

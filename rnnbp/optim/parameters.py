"""Parameters by name, whether they are still those of the model, and weight decay."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import numpy as np

from rnnbp.numerics import Array, DtypeError
from rnnbp.parameters import READ_ONLY_CURE, HasParams
from rnnbp.wording.of_torch import instead_of_torch

Params: TypeAlias = Mapping[str, Array] | HasParams


def distinct(place: str, params: Params) -> dict[str, Array]:
    """The live arrays by name. An array under two names, a tied parameter, keeps the first alone.

    Raises TypeError unless all are arrays, DtypeError for one that is not float32 or float64,
    ValueError if there is no array.
    """
    named = params if isinstance(params, Mapping) else getattr(params, "params", None)
    if not isinstance(named, Mapping):
        raise TypeError(
            f"{place}: params must be a dict of arrays or a model, found "
            f"{instead_of_torch(params) or type(params).__name__ + _cure(place, params)}"
        )
    seen: set[int] = set()
    found: dict[str, Array] = {}
    for name, p in named.items():
        if not isinstance(p, np.ndarray):
            raise TypeError(
                f"{place}: parameter {name!r} must be an array to update in place, found "
                f"{type(p).__name__}"
            )
        if p.dtype not in (np.float32, np.float64):
            raise DtypeError(
                f"{place}: parameter {name!r} must be float32 or float64, found dtype {p.dtype}; "
                "convert it"
            )
        if id(p) not in seen:
            found[name] = p
            seen.add(id(p))
    if not found:
        raise ValueError(f"{place}: there is no parameter to update; give a model that has some")
    return found


def _cure(place: str, params: object) -> str:
    """What to give in place of a list or of ``model.parameters()``."""
    if isinstance(params, list | tuple):
        example = '{"*bias*": {"weight_decay": 0.0}}'
        return f"; groups are given by patterns of names: {place}(model, groups={example})"
    return f"; give the model, {place}(model)" if isinstance(params, Iterator) else ""


def check_writable(place: str, params: Mapping[str, Array]) -> None:
    """Raise ValueError for a parameter that cannot be updated in place."""
    for name, p in params.items():
        if not p.flags.writeable:
            raise ValueError(f"{place}: parameter {name!r} is read-only; {READ_ONLY_CURE}")


def decayed(p: Array, g: Array, weight_decay: float, out: Array) -> Array:
    """g + λp, the gradient with an L2 penalty ½λ‖p‖², in ``out``; g itself for λ = 0."""
    if not weight_decay:
        return g
    np.multiply(p, weight_decay, out=out)
    out += g
    return out

"""Weights that layers share: PyTorch writes them under each of their names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.graph.network import Network
from rnnbp.interchange.torch_models.slots import every_slot
from rnnbp.numerics import Array
from rnnbp.parameters import HasParams
from rnnbp.train.torch_names import from_torch


def untied(place: str, model: HasParams, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """The arrays without further names of what the model shares.

    Raises ValueError where the numbers under two names differ, but the model has one parameter.
    """
    if not isinstance(model, Network):
        return dict(arrays)
    paths = {path: owner[key] for path, (owner, key) in every_slot(model)}
    renamed = from_torch(paths, arrays)
    first = {id(array): path for path, array in reversed(paths.items())}
    given = {renamed.get(name, name): name for name in arrays}
    found = dict(arrays)
    for path, name in given.items():
        other = given.get(first[id(paths[path])]) if path in paths else None
        if other is None or other == name:
            continue
        if not np.array_equal(arrays[name], arrays[other], equal_nan=True):
            raise ValueError(
                f"{place}: {name} and {other} have other numbers, which the model shares; build it "
                "with a layer for each"
            )
        del found[name]
    return found

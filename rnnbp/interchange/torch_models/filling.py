"""Weights of PyTorch's modules, copied into the layers that stand for them."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from rnnbp.graph.sequential import Item
from rnnbp.interchange.torch_models.site import label
from rnnbp.interchange.torch_models.slots import every_slot
from rnnbp.numerics import Array, Dtype, first_bad
from rnnbp.support.callers import outside
from rnnbp.train.torch_names import torch_names

if TYPE_CHECKING:
    import torch
    from torch import nn

HALF = ("float16", "bfloat16")


class Filling:
    """Copies each parameter once: where it is met again, the layers share the array."""

    def __init__(self) -> None:
        self.known: dict[int, Array] = {}
        self.first: tuple[str, str] | None = None
        """The path and dtype of the first parameter that was met."""
        self.warned = False

    def dtype(self, path: str, module: nn.Module) -> Dtype:
        """That of the layer of a module. Raises ValueError for one that a model cannot have."""
        for key, tensor in module.named_parameters(recurse=False):
            name, place = _dtype(tensor), f"{path}.{key}" if path else key
            if name in HALF:
                self._warn(path, module, name)
                name = "float32"
            if name not in ("float32", "float64"):
                raise ValueError(
                    f"{label(path, module)}: {key} is {name}; weights are float32 or float64: give "
                    "module.float()"
                )
            self.first = self.first or (place, name)
            if self.first[1] != name:
                raise ValueError(
                    f"from_torch: {self.first[0]} is {self.first[1]}, {place} is {name}; a model "
                    "has one dtype: give module.float() or module.double()"
                )
        return np.dtype(self.first[1] if self.first else np.float32)

    def fill(self, path: str, module: nn.Module, block: Item) -> Collection[str]:
        """Copy the parameters of a module into a block; returns their names in the module."""
        places = dict(every_slot(block, named=False))
        names = torch_names(places)
        for own, theirs in names.items():
            tensor = getattr(module, theirs)
            owner, key = places[own]
            if id(tensor) in self.known:
                owner[key] = self.known[id(tensor)]
            else:
                owner[key][...] = _finite(path, module, theirs, tensor)
                self.known[id(tensor)] = owner[key]
        return names.values()

    def _warn(self, path: str, module: nn.Module, name: str) -> None:
        if not self.warned:
            self.warned = True
            text = f"{label(path, module)} has weights of {name}, which are float32 in the model"
            warnings.warn(text, UserWarning, stacklevel=outside())


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _finite(path: str, module: nn.Module, name: str, tensor: torch.Tensor) -> Array:
    """A tensor's numbers. Raises ValueError for NaN and infinite ones."""
    on_cpu = tensor.detach().cpu()
    array: Array = (on_cpu.float() if _dtype(tensor) in HALF else on_cpu).numpy()
    if (bad := first_bad(array)) is not None:
        raise ValueError(
            f"{label(path, module)}: {name} has {array[bad]} at {list(bad)}, weights must be "
            "finite; take a module from before its training diverged"
        )
    return array

"""Modules of PyTorch as models."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

from rnnbp.graph.sequential import Item, Sequential
from rnnbp.interchange.torch_models.axes import axes_after, is_timed
from rnnbp.interchange.torch_models.checks import check_known, check_state
from rnnbp.interchange.torch_models.cures import cure_of
from rnnbp.interchange.torch_models.filling import Filling
from rnnbp.interchange.torch_models.layers import READERS
from rnnbp.interchange.torch_models.site import Site, class_name, kind_of, label
from rnnbp.numerics import shown
from rnnbp.support.callers import outside
from rnnbp.wording.arguments import takes

if TYPE_CHECKING:
    from torch import nn

Layers: TypeAlias = Mapping[type, Callable[["nn.Module"], Item]]
"""By a class of modules, the function that builds the layer of one."""
CHAINS = ("Sequential", "Chain")


@takes()
def from_torch(module: nn.Module, *, name: str | None = None, layers: Layers | None = None) -> Item:
    """A model with the layers and weights of a module of PyTorch.

    Args:
        module: ``nn.Sequential``, also of further ones; ``nn.RNN``, ``LSTM`` and ``GRU`` with all
            options, Linear, Embedding, LayerNorm, Conv1d, Conv2d, MaxPool and AvgPool of one and
            two axes, Flatten, Unflatten, Dropout, Identity, Tanh, Sigmoid, ReLU, LeakyReLU, ELU,
            GELU, SiLU, Mish, Softplus, LogSigmoid, Softsign, Tanhshrink, Hardtanh, ReLU6, Softmax
            and LogSoftmax of the last axis; or what ``to_torch`` returned.
        name: the layer's name, as that of the attribute it was.
        layers: by a class of your own, a function from a module of it to a layer.

    Returns:
        A layer, a recurrent layer or a Sequential. ``num_layers=2`` is a Sequential of two, with
        Dropout between; ``bidirectional=True`` is a Bidirectional. Submodules keep their names,
        so that paths are those of the state dict (``save_weights(..., rename="torch")`` has it
        whole). Weights are copies, on the CPU, float32 or float64 as they were; float16 and
        bfloat16 become float32, with a UserWarning. Submodules and parameters that are shared are
        shared here.

    A recurrent layer in a Sequential hands on its output alone, which PyTorch has as ``y, state``.
    Models take x (T, B, ...): a module with ``batch_first=True`` is converted, and a UserWarning
    says so. Modules that see one step, as convolutions, see each step, (T, B, channels, ...).
    Hardtanh has the slope 1 at its limits, where PyTorch's is 0. ``requires_grad`` is not kept.

    Raises ValueError for what cannot be expressed, with the path of the submodule, and for modules
    with hooks, parametrizations, NaN, or weights on the meta device; TypeError for no module.

    A module of your own class says in its ``forward`` what it computes, so it is put together
    anew, with names as it has them::

        model = rb.Sequential(
            rb.interchange.from_torch(net.lstm, name="lstm"),
            rb.Last(),
            rb.interchange.from_torch(net.head, name="head"),
        )
        net.load_state_dict(rb.interchange.to_torch(model).state_dict())  # back, after training
    """
    if isinstance(module, type) or not hasattr(module, "named_modules"):
        raise TypeError(
            f"from_torch takes a module of PyTorch, found {shown(module)}; for a state dict, as "
            "torch.load(path, weights_only=True) reads it, or a safetensors file, there is "
            "load_torch_weights(model, state)"
        )
    reading = _Reading(layers or {})
    found = reading.block(module, "", name, None)
    reading.warn_batch_first()
    return found


class _Reading:
    """One conversion: what was converted already, and what is known of the order of axes."""

    def __init__(self, layers: Layers) -> None:
        self.layers, self.filling = layers, Filling()
        self.known: dict[tuple[int, str | None], Item] = {}
        self.timed = False
        self.batch_first: dict[str, bool] = {}

    def block(self, module: nn.Module, path: str, name: str | None, axes: int | None) -> Item:
        """The layer of a module, built once for each name under which it is met.

        Layers of two names have the same arrays as parameters.
        """
        key = id(module), name
        if key not in self.known:
            self.known[key] = self._built(module, path, name, axes)
        found = self.known[key]
        self.timed = self.timed or is_timed(found)
        return found

    def _built(self, module: nn.Module, path: str, name: str | None, axes: int | None) -> Item:
        for own, function in self.layers.items():
            if isinstance(module, own):
                return function(module)
        check_state(path, module)
        kind = kind_of(module)
        if kind in CHAINS:
            return self._chain(module, path, name, axes)
        if kind not in READERS:
            raise ValueError(f"{label(path, module)} has no counterpart; {cure_of(path, module)}")
        if hasattr(module, "batch_first"):
            self.batch_first[path or class_name(module)] = module.batch_first
        dtype = self.filling.dtype(path, module)
        found = READERS[kind](Site(module, path, name, axes, self.timed, dtype))
        check_known(path, module, self.filling.fill(path, module, found))
        return found

    def _chain(self, module: nn.Module, path: str, name: str | None, axes: int | None) -> Item:
        check_known(path, module, ())
        blocks: list[Item] = []
        for key, child in module._modules.items():  # named_children has a shared one once
            place = f"{path}.{key}" if path else key
            blocks.append(self.block(child, place, None if key.isdecimal() else key, axes))
            axes = axes_after(blocks[-1], axes)
        if not blocks:
            raise ValueError(f"{label(path, module)} is empty; use nn.Identity() in its place")
        return Sequential(*blocks, name=name)

    def warn_batch_first(self) -> None:
        """Say that the model is time-first, if a module is not. Raises ValueError for a mixture."""
        first = [path for path, flag in self.batch_first.items() if flag]
        if first and len(first) < len(self.batch_first):
            raise ValueError(
                f"from_torch: {', '.join(first)} with batch_first=True, others without; set the "
                "attribute batch_first of all to what their inputs are"
            )
        if first:
            warnings.warn(
                f"from_torch: {', '.join(first)} with batch_first=True; time comes first in the "
                "model, (T, B, features): give it x.swapaxes(0, 1)",
                UserWarning,
                stacklevel=outside(),
            )

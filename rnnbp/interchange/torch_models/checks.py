"""The state that a module of PyTorch must be in to be converted: no hooks, weights there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from rnnbp.interchange.torch_models.site import HOOKS, label

if TYPE_CHECKING:
    from torch import nn

NORMED = "weight_norm and spectral_norm are taken off, with the same effective weights, by "


def check_state(path: str, module: nn.Module) -> None:
    """Raise ValueError for hooks, parametrizations, and weights that are not there yet."""
    if hasattr(module, "parametrizations"):
        names = ", ".join(module.parametrizations)
        raise ValueError(
            f"{label(path, module)} computes {names} by a parametrization; {NORMED}"
            "torch.nn.utils.parametrize.remove_parametrizations(module, name)"
        )
    for name, tensor in _own(module):
        if "Uninitialized" in type(tensor).__name__:
            raise ValueError(
                f"{label(path, module)}: {name} has no shape yet; run the module on a batch first"
            )
        if tensor.is_meta:
            raise ValueError(
                f"{label(path, module)}: {name} is on the meta device and has no numbers; read a "
                "state dict into it first, by load_state_dict(..., assign=True)"
            )
    if hooks := [_called(hook) for key in HOOKS for hook in getattr(module, key).values()]:
        raise ValueError(
            f"{label(path, module)} has hooks, which would be lost: {', '.join(hooks)}; take them "
            f"off by the remove() of their handles ({NORMED}"
            "torch.nn.utils.remove_weight_norm(module) and remove_spectral_norm)"
        )


def check_known(path: str, module: nn.Module, read: Collection[str]) -> None:
    """Raise ValueError for parameters and buffers that its layer would not have."""
    if more := [name for name, _ in _own(module) if name not in read]:
        raise ValueError(
            f"{label(path, module)} has {', '.join(more)}, which its class does not have, and "
            "which would be lost; delete what it does not need, or give layers= a function for it"
        )


def _own(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters and buffers of the module itself."""
    yield from module.named_parameters(recurse=False)
    yield from module.named_buffers(recurse=False)


def _called(hook: object) -> str:
    return str(getattr(hook, "__name__", type(hook).__name__))

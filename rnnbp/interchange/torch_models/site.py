"""A module of PyTorch, with the place where it stands, for errors that name it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from rnnbp.numerics import Dtype, shown

if TYPE_CHECKING:
    from torch import nn

HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)
"""Where PyTorch keeps the functions that run with a module."""


class Site(NamedTuple):
    """One module within that which is converted.

    Attributes:
        path: its place, as in the state dict, "" for the whole.
        name: what its layer is called here; None for its position.
        axes: the feature axes of its input, None while they are unknown.
        timed: True behind a recurrent layer, where tensors are (T, B, ...) in PyTorch too.
        dtype: of its layer's parameters.
    """

    module: nn.Module
    path: str
    name: str | None
    axes: int | None
    timed: bool
    dtype: Dtype

    def refused(self, what: str, cure: str) -> ValueError:
        """The error for a module that cannot be expressed."""
        return ValueError(f"{label(self.path, self.module)} {what}; {cure}")

    def require(self, options: Mapping[str, object], cure: str) -> None:
        """Raise ValueError unless each attribute of the module has the value here."""
        for key, only in options.items():
            given = getattr(self.module, key)
            several = set(given) if isinstance(given, tuple) else {given}
            if several != {only}:
                raise self.refused(f"has {key}={shown(given)}, here it is {only!r} alone", cure)


def label(path: str, module: nn.Module) -> str:
    """How errors begin: ``from_torch: encoder.0: nn.GRU``."""
    where = f"{path}: " * bool(path)
    return f"from_torch: {where}{class_name(module)}"


def class_name(module: nn.Module) -> str:
    """The name of a module's class, with ``nn.`` if it is PyTorch's."""
    kind = type(module)
    return f"{'nn.' * kind.__module__.startswith('torch.nn.modules')}{kind.__name__}"


def kind_of(module: nn.Module) -> str:
    """The first class of PyTorch's, or of ours for it, whose forward a module has; "" for none.

    A subclass with a forward of its own computes something else.
    """
    if "forward" in vars(module):
        return ""
    for kind in type(module).__mro__:
        known = kind.__module__.startswith(("torch.nn.modules.", "rnnbp.interchange."))
        if known and "forward" in vars(kind):
            own = type(module).forward
            return kind.__name__ if own is vars(kind)["forward"] else ""
    return ""

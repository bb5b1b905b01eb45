"""Modules of PyTorch for what it has no module of. Imported by those who have PyTorch alone."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import nn

AXES = {
    "Conv1d": 1,
    "Conv2d": 2,
    "MaxPool1d": 1,
    "MaxPool2d": 2,
    "AvgPool1d": 1,
    "AvgPool2d": 2,
}
"""Axes of the windows of modules that take a batch of one axis alone."""


class Chain(nn.Sequential):  # type: ignore[misc]  # its class has no types
    """``nn.Sequential`` for tensors with a time axis, with the same names in its state dict.

    Of recurrent modules it hands on the output alone. Convolutions and pooling see each step.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for module in self:
            name = type(module).__name__
            if isinstance(module, nn.RNNBase):
                x = module(x)[0]
            elif name in AXES:
                x = _at_each_step(module, x, AXES[name], channels=name.startswith("Conv"))
            else:
                x = module(x)
        return x


def _at_each_step(module: nn.Module, x: torch.Tensor, axes: int, *, channels: bool) -> torch.Tensor:
    """All axes before the windows', and before the channels a convolution joins, as one."""
    kept = axes + channels
    lead = x.shape[: x.dim() - kept]
    inner = x.reshape(-1, *[1] * (not channels), *x.shape[x.dim() - kept :])
    y = module(inner)
    return y.reshape(*lead, *y.shape[1 if channels else 2 :])


class OneHot(nn.Module):  # type: ignore[misc]  # its class has no types
    """Symbols as vectors with a single 1."""

    def __init__(self, symbols: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.symbols, self.dtype = symbols, dtype

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.one_hot(x, self.symbols).to(self.dtype)

    def extra_repr(self) -> str:
        return f"{self.symbols}, dtype={self.dtype}"


class OverSteps(nn.Module):  # type: ignore[misc]  # its class has no types
    """From a tensor with a time axis to one without."""

    def __init__(self, batch_first: bool = False) -> None:
        super().__init__()
        self.batch_first = batch_first

    @property
    def axis(self) -> int:
        return 1 if self.batch_first else 0

    def extra_repr(self) -> str:
        return f"batch_first={self.batch_first}"


class LastStep(OverSteps):
    """The last step."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.select(self.axis, -1)


class MeanOfSteps(OverSteps):
    """The mean over all steps."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(self.axis)


class LargestOfSteps(OverSteps):
    """The largest value over all steps; of several, the first has the gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.max(self.axis).values


def chain(modules: dict[str, nn.Module]) -> nn.Sequential:
    """A Chain if a module in it needs one, else PyTorch's own."""
    special = any(
        isinstance(module, nn.RNNBase | OverSteps) or type(module).__name__ in AXES
        for module in modules.values()
    )
    kind = Chain if special else nn.Sequential
    return kind(OrderedDict(modules))

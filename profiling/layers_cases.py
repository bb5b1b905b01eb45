"""The layers that layers.py runs, at four shapes each, as rnnbp and PyTorch build them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

STEPS = 32
"""Steps of a sequence: with the batch they are PyTorch's batch."""


@dataclass(frozen=True)
class Case:
    """One layer: the shape of an image, images at a step, what both libraries take."""

    shape: tuple[int, ...]
    batch: int
    sizes: tuple[Any, ...]
    options: dict[str, Any] = field(default_factory=dict)

    def layer(self, name: str) -> Any:
        """rnnbp's."""
        import rnnbp as rb

        return getattr(rb, name)(*self.sizes, **self.options, **self._seed(name))

    def peer(self, name: str) -> Any:
        """PyTorch's."""
        import torch

        axes = len(self.shape) - 1
        kind = f"Conv{axes}d" if name.startswith("Conv") else f"{name}{axes}d"
        return getattr(torch.nn, kind)(*self.sizes, **self.options)

    @staticmethod
    def _seed(name: str) -> dict[str, int]:
        return {"rng": 0} if name.startswith("Conv") else {}

    @property
    def text(self) -> str:
        parts = [f"{STEPS}x{self.batch}", str(self.shape), ", ".join(map(str, self.sizes))]
        return " ".join([*parts, *(f"{key}={value}" for key, value in self.options.items())])


CASES = {
    "Conv1D": [
        Case((1, 1024), 4, (1, 32, 9), {"stride": 4, "padding": 4}),  # of a waveform
        Case((16, 256), 8, (16, 32, 5), {"padding": 2}),
        Case((64, 128), 8, (64, 64, 3), {"padding": 1}),
        Case((128, 32), 16, (128, 128, 3), {"padding": 1}),
    ],
    "Conv2D": [
        Case((1, 28, 28), 8, (1, 16, 3), {"padding": 1}),  # of digits
        Case((3, 32, 32), 4, (3, 32, 3), {"padding": 1}),  # of small pictures
        Case((4, 84, 84), 1, (4, 32, 8), {"stride": 4}),  # of a screen
        Case((32, 16, 16), 8, (32, 64, 3), {"padding": 1}),
    ],
    "MaxPool": [
        Case((32, 256), 8, (2,)),
        Case((16, 28, 28), 8, ((2, 2),)),
        Case((64, 16, 16), 8, ((2, 2),)),
        Case((32, 32, 32), 4, ((3, 3), 2, 1)),
    ],
    "AvgPool": [
        Case((32, 256), 8, (4,)),
        Case((16, 28, 28), 8, ((2, 2),)),
        Case((64, 16, 16), 8, ((2, 2),)),
        Case((64, 8, 8), 16, ((8, 8),)),  # of a whole image
    ],
}

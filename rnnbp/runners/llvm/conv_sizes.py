"""Which convolutions machine code runs outside cells, in how many tasks, and their bytes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeGuard, final

from rnnbp.layers.base import Layer
from rnnbp.layers.conv import Conv1D, Conv2D, Convolution
from rnnbp.layers.params import parameter
from rnnbp.machine.tasks import ROW
from rnnbp.numerics import Dtype, Shape
from rnnbp.runners.factory import LayerSizes
from rnnbp.runners.llvm.window_code import DEPTH, FAR

TASKS = 32
"""Tasks of images, at the most."""


def convolves(layer: Layer, dtype: Dtype) -> TypeGuard[Convolution]:
    """True if it is a convolution of real numbers whose kernel fits in a panel."""
    if type(layer) not in (Conv1D, Conv2D) or dtype.kind != "f":
        return False
    assert isinstance(layer, Convolution)
    return math.prod(layer.windows.kernel) <= DEPTH and parameter(layer.params, "weight").size < FAR


@final
@dataclass(frozen=True)
class ConvKernelSizes(LayerSizes):
    """The sizes of a ``ConvKernel``."""

    layer: Convolution

    @property
    def weight_bytes(self) -> int:
        """The weights are read as they are; a bias of zeros where there is none."""
        weight = self.layer.params["weight"]
        return 0 if "bias" in self.layer.params else self.layer.n_out * weight.itemsize

    def task_bytes(self, lead: int, shape: Shape) -> int:
        images = lead * math.prod(shape[: -self.layer.axes - 1])
        return 8 * ROW * (tasks_of(images) + blocks_of(self.layer) + 1)


def tasks_of(images: int) -> int:
    return -(-images // together(images)) if images else 0


def together(images: int) -> int:
    """Images of a task."""
    return max(1, -(-images // TASKS))


def channels_of(layer: Convolution) -> int:
    """Channels of a task of the weights' gradient: about equal tasks."""
    # As few tasks as there can be, for each has a last panel that is not full: with 4 at the least
    # the gradients of 16 or fewer channels take up to 2.8 times as long. Where there is one, other
    # threads do the images' deltas meanwhile, which take about as long.
    most = DEPTH // math.prod(layer.windows.kernel)
    return -(-layer.n_in // -(-layer.n_in // most))


def blocks_of(layer: Convolution) -> int:
    """Tasks of the weights' gradient."""
    return -(-layer.n_in // channels_of(layer))

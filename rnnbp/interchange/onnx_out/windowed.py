"""Convolutions and pools: operators that take one axis of batch, on what has several or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rnnbp.interchange.onnx_out.lowering import refuse
from rnnbp.interchange.onnx_out.parts import Tensor, is_open
from rnnbp.interchange.onnx_out.shaping import sizes
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.layers.conv import Convolution
from rnnbp.layers.pooling import Pool
from rnnbp.layers.windows import Sliding


def sliding(windows: Sliding) -> dict[str, object]:
    """The attributes of windows."""
    before, after = zip(*windows.padding, strict=True)
    found = {"kernel_shape": windows.kernel, "strides": windows.stride, "pads": (*before, *after)}
    return {key: list(value) for key, value in found.items()}


def windowed(
    to: Writer,
    kind: str,
    layer: Convolution | Pool,
    ts: Sequence[Tensor],
    attributes: Mapping[str, object],
) -> Tensor:
    """An operator on channels and the axes of windows; all axes before these are batch.

    Args:
        ts: x, and parameters.
    """
    x, *params = ts
    if any(map(is_open, x.shape)):
        refuse(layer, "the size of an axis of its input differs from run to run")
    (made,) = layer.output_shapes(x.shape)
    assert made is not None
    taken = layer.windows.axes + 1
    inside, outside = (1, *x.shape)[-taken:], (1, *made)[-taken:]
    flat = to.emit("Reshape", x, to.ints(-1, *inside), shape=inside, lead=1)
    y = to.call(kind, [flat, *params], [(1, outside)], attributes)[0]
    return to.emit("Reshape", y, sizes(to, x, made), shape=made, lead=x.lead)

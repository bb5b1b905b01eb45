"""Layers of PyTorch that are no activations, as layers: affine, windows, norms and shapes."""

from __future__ import annotations

import math
import warnings

from rnnbp.graph.over_time.largest import MaxOverTime
from rnnbp.graph.over_time.last import Last
from rnnbp.graph.over_time.mean import MeanOverTime
from rnnbp.graph.sequential import Item
from rnnbp.interchange.torch_models.activations import READERS as ACTIVATIONS
from rnnbp.interchange.torch_models.activations import Reader
from rnnbp.interchange.torch_models.recurrent import READERS as RECURRENT
from rnnbp.interchange.torch_models.site import Site, label
from rnnbp.layers import (
    AvgPool,
    Conv1D,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    Identity,
    LayerNorm,
    MaxPool,
    OneHot,
    Reshape,
)
from rnnbp.support.callers import outside


def linear(site: Site) -> Item:
    m = site.module
    bias = m.bias is not None
    return Dense(
        m.in_features,
        m.out_features,
        bias=bias,
        weight_init=0.0,
        bias_init=0.0,
        dtype=site.dtype,
        name=site.name,
    )


def embedding(site: Site) -> Item:
    m = site.module
    cure = "train it without, module.{0} = {1}, if its values may stay as they are"
    site.require({"max_norm": None}, cure.format("max_norm", None))
    site.require({"scale_grad_by_freq": False}, cure.format("scale_grad_by_freq", False))
    if m.padding_idx is not None:
        warnings.warn(
            f"{label(site.path, m)} has padding_idx={m.padding_idx}: that row is read as any other "
            "here, and trained too; where lengths= is given, steps past the end of a row have no "
            "gradient, and it stays as it is",
            UserWarning,
            stacklevel=outside(),
        )
    return Embedding(
        m.num_embeddings, m.embedding_dim, weight_init=0.0, dtype=site.dtype, name=site.name
    )


def layer_norm(site: Site) -> Item:
    m = site.module
    weight, bias = m.weight is not None, m.bias is not None
    shape = m.normalized_shape
    return LayerNorm(shape, eps=m.eps, weight=weight, bias=bias, dtype=site.dtype, name=site.name)


def convolution(kind: type[Conv1D | Conv2D]) -> Reader:
    def read(site: Site) -> Item:
        m = site.module
        zeros = "pad by a layer before it, or train it with zeros"
        site.require({"padding_mode": "zeros"}, zeros)
        site.require({"groups": 1}, "write a rnnbp.Layer of your own for it, and give layers=")
        bias = m.bias is not None
        return kind(
            m.in_channels,
            m.out_channels,
            m.kernel_size,
            stride=m.stride,
            padding=m.padding,
            dilation=m.dilation,
            bias=bias,
            weight_init=0.0,
            bias_init=0.0,
            dtype=site.dtype,
            name=site.name,
        )

    return read


def pool(kind: type[MaxPool | AvgPool], axes: int) -> Reader:
    def read(site: Site) -> Item:
        m = site.module
        cure = "choose a kernel and stride that cover the input without it"
        only: dict[str, object] = {"ceil_mode": False}
        if kind is MaxPool:
            only |= {"return_indices": False, "dilation": 1}
        elif _some(m.padding):
            only |= {"count_include_pad": True}
        if getattr(m, "divisor_override", None) is not None:
            only |= {"divisor_override": None}
        site.require(only, cure)
        kernel, stride, padding = (_sizes(v, axes) for v in (m.kernel_size, m.stride, m.padding))
        return kind(kernel, stride, padding, name=site.name)

    return read


def flatten(site: Site) -> Item:
    first, last, axes = site.module.start_dim, site.module.end_dim, site.axes
    ends = last == -1 or (axes is not None and not site.timed and last == axes)
    count = -first if first < 0 else None
    if first > 0 and axes is not None and not site.timed:
        count = axes - first + 1
    if not ends or count is None or count < 1 or (axes is not None and count > axes):
        raise site.refused(
            f"has start_dim={first}, end_dim={last}, and {axes or 'an unknown number of'} feature "
            "axes before it",
            "say how many axes to join by nn.Flatten(start_dim=-2) or the like, which counts from "
            "the last one",
        )
    return Identity(name=site.name) if count == 1 else Flatten(count, name=site.name)


def unflatten(site: Site) -> Item:
    sizes = tuple(site.module.unflattened_size)
    if site.module.dim != -1 or min(sizes) < 1:
        cure = "give it dim=-1, which is the features' axis, and all sizes"
        raise site.refused(f"has dim={site.module.dim}, unflattened_size={sizes}", cure)
    return Reshape(math.prod(sizes), sizes, name=site.name)


def _sizes(value: int | tuple[int, ...], axes: int) -> int | tuple[int, ...]:
    """An int for one axis, a pair for two."""
    sizes = value if isinstance(value, tuple) else (value,) * axes
    return sizes if axes > 1 else sizes[0]


def _some(value: int | tuple[int, ...]) -> bool:
    return any(value if isinstance(value, tuple) else (value,))


READERS: dict[str, Reader] = {
    **ACTIVATIONS,
    **RECURRENT,
    "Linear": linear,
    "Embedding": embedding,
    "LayerNorm": layer_norm,
    "Conv1d": convolution(Conv1D),
    "Conv2d": convolution(Conv2D),
    "MaxPool1d": pool(MaxPool, 1),
    "MaxPool2d": pool(MaxPool, 2),
    "AvgPool1d": pool(AvgPool, 1),
    "AvgPool2d": pool(AvgPool, 2),
    "Flatten": flatten,
    "Unflatten": unflatten,
    "OneHot": lambda site: OneHot(site.module.symbols, name=site.name),
    "LastStep": lambda site: Last(),
    "MeanOfSteps": lambda site: MeanOverTime(),
    "LargestOfSteps": lambda site: MaxOverTime(),
}
"""By the class of PyTorch, or of ``modules``."""

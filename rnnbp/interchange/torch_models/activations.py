"""Activations and Dropout of PyTorch as layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rnnbp.graph.sequential import Item
from rnnbp.interchange.formulas import as_graph, tanh_gelu
from rnnbp.interchange.torch_models.functions import FUNCTIONS, softplus
from rnnbp.interchange.torch_models.site import Site
from rnnbp.layers import (
    ELU,
    GELU,
    Clip,
    Dropout,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from rnnbp.layers.base import Layer

Reader: TypeAlias = Callable[[Site], Item]
"""From a module of PyTorch to a layer, whose parameters are not filled yet."""
PLAIN: Mapping[str, type[Layer]] = {
    "Tanh": Tanh,
    "Sigmoid": Sigmoid,
    "ReLU": ReLU,
    "Identity": Identity,
}


def leaky_relu(site: Site) -> Item:
    slope = site.module.negative_slope
    if slope < 0:
        raise site.refused(f"has negative_slope={slope}", "here it is at least 0")
    return LeakyReLU(slope, name=site.name) if slope else ReLU(name=site.name)


def elu(site: Site) -> Item:
    alpha = site.module.alpha
    if alpha < 0:
        raise site.refused(f"has alpha={alpha}", "here it is more than 0")
    return ELU(alpha, name=site.name) if alpha else ReLU(name=site.name)


def gelu(site: Site) -> Item:
    exact = site.module.approximate == "none"
    return GELU(name=site.name) if exact else as_graph(tanh_gelu, site.name)


def softplus_of(site: Site) -> Item:
    """PyTorch's is linear where βx is above its threshold: for 20, at most e⁻²⁰/β less."""
    beta, threshold = site.module.beta, site.module.threshold
    if threshold < 20 or beta <= 0:
        raise site.refused(
            f"has beta={beta}, threshold={threshold}",
            "give it a positive beta and the threshold 20, PyTorch's default, or more",
        )
    return Softplus(name=site.name) if beta == 1 else as_graph(softplus(beta), site.name)


def clip(site: Site) -> Item:
    return Clip(site.module.min_val, site.module.max_val, name=site.name)


def over_features(kind: type[Layer]) -> Reader:
    """A function over the last axis."""

    def read(site: Site) -> Item:
        if site.module.dim != -1:
            raise site.refused(
                f"has dim={site.module.dim}, here it is that of the features alone",
                "set module.dim = -1 if it is the last axis of its input",
            )
        return kind(name=site.name)

    return read


def dropout(site: Site) -> Item:
    if site.module.p >= 1:
        raise site.refused("has p=1, and drops all", "here p is less than 1")
    return Dropout(site.module.p, name=site.name)


def _plain(kind: type[Layer]) -> Reader:
    return lambda site: kind(name=site.name)


def _function(name: str) -> Reader:
    return lambda site: as_graph(FUNCTIONS[name], site.name)


READERS: dict[str, Reader] = {
    **{name: _plain(kind) for name, kind in PLAIN.items()},
    **{name: _function(name) for name in FUNCTIONS},
    "LeakyReLU": leaky_relu,
    "ELU": elu,
    "GELU": gelu,
    "Softplus": softplus_of,
    "Hardtanh": clip,  # and ReLU6
    "Softmax": over_features(Softmax),
    "LogSoftmax": over_features(LogSoftmax),
    "Dropout": dropout,
}
"""By the class of PyTorch."""

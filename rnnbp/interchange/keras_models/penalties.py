"""Regularizers and constraints of Keras, which are parts of training and not of a model here."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

from rnnbp.interchange.keras_models.library import KerasLayer
from rnnbp.support.callers import outside

OF = ("kernel", "recurrent", "bias", "embeddings", "activity", "gamma", "beta")
"""What layers of Keras have regularizers and constraints of."""


def warn_of_penalties(layers: Iterable[KerasLayer]) -> None:
    """Warn, naming the layers, where some have regularizers or constraints."""
    found = [layer.name for layer in layers if any(map(_has_some, _parts(layer)))]
    if found:
        text = (
            f"from_keras: regularizers and constraints of {', '.join(found)} are left behind, "
            "because they are no part of a model here; give the loss penalties, see "
            "help(rnnbp.losses.L2)"
        )
        warnings.warn(text, UserWarning, stacklevel=outside())


def _parts(layer: KerasLayer) -> Iterable[KerasLayer]:
    """A layer, and those that it is made of."""
    names = ("cell", "forward_layer", "backward_layer")
    inside = [getattr(layer, name) for name in names if hasattr(layer, name)]
    return [layer, *(part for each in inside for part in _parts(each))]


def _has_some(layer: KerasLayer) -> bool:
    names = [f"{part}_{kind}" for part in OF for kind in ("regularizer", "constraint")]
    return any(getattr(layer, name, None) is not None for name in names)

"""Layers of Keras where no axis is time: of the features of a step, or of an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rnnbp.graph.sequential import Item
from rnnbp.interchange.keras_models.ends import Part
from rnnbp.interchange.keras_models.library import KerasLayer, check_built, input_shape, refusal
from rnnbp.interchange.keras_models.spatial_read import SPATIAL
from rnnbp.interchange.keras_models.weightless_read import check_pool
from rnnbp.layers import Flatten, Mean
from rnnbp.layers.product import Transpose


def _mean(layer: KerasLayer, name: str | None) -> list[Item]:
    check_pool(layer)
    return [Transpose(), Mean(), Flatten(2, name=name)]


STATIC: Mapping[str, Callable[[KerasLayer, str | None], list[Item]]] = {
    **SPATIAL,
    "GlobalAveragePooling1D": _mean,
}
"""What is there where no axis is time."""
OVER_ONE = ("Dense", "LayerNormalization")
"""Layers over the last axis, which take vectors here where no axis is time."""


def check_static(layer: KerasLayer) -> None:
    """Raise ValueError for a layer that has no counterpart where no axis is time."""
    kind = type(layer).__name__
    if kind in ("GlobalMaxPooling1D", "SpatialDropout1D") or getattr(layer, "noise_shape", None):
        raise refusal(
            layer,
            "in a model without a time axis it is not there here",
            "put MaxPooling1D of the whole length, or Dropout, in its place",
        )
    if kind in OVER_ONE and len(input_shape(layer)) > 2:
        raise refusal(layer, "it takes several axes, and here a vector", "put Flatten before it")


def spatial_items(layer: KerasLayer, name: str | None) -> list[Item]:
    """The layers of one over the axes of a step or an example."""
    check_built(layer)
    return STATIC[type(layer).__name__](layer, name)


def without_pairs(parts: Sequence[Part]) -> list[Part]:
    """The parts without each two transposes that follow each other."""
    found: list[Part] = []
    for part in parts:
        if found and isinstance(part, Transpose) and isinstance(found[-1], Transpose):
            found.pop()
        else:
            found.append(part)
    return found

"""Keras itself, which is imported when a model goes to it or comes from it."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rnnbp.numerics import Array

if TYPE_CHECKING:
    import keras

KerasLayer: TypeAlias = "keras.layers.Layer"
"""A layer of Keras, or something of one, as its cell; without types, because Keras has none."""
EXTRA = "python -m pip install 'rnnbp[keras]'"
WIDE = {"float64": np.dtype(np.float64)}
"""Dtypes of weights that are not float32 here; those of 16 bits are widened to it, exactly."""


def keras_library(what: str) -> ModuleType:
    """Keras 3. Raises ImportError, which names ``what`` and the extra, where it cannot be had."""
    try:
        import keras  # an optional dependency
    except ImportError as error:
        raise ImportError(
            f"{what} needs Keras 3 and one of its backends, found {error}; run {EXTRA} and "
            "python -m pip install torch, or jax, and set KERAS_BACKEND to that"
        ) from error
    version = str(getattr(keras, "__version__", "0"))
    if int(version.partition(".")[0]) < 3:
        raise ImportError(f"{what} needs Keras 3, found {version}; run {EXTRA}")
    found: ModuleType = keras
    return found


def called(layer: KerasLayer) -> str:
    """A layer in an error, as "layer 'lstm_1', an LSTM of Keras"."""
    return f"layer {layer.name!r}, {type(layer).__name__} of Keras"


def refusal(layer: KerasLayer, found: str, cure: str) -> ValueError:
    """The error of a layer that cannot be built here."""
    return ValueError(f"from_keras: {called(layer)}: {found}; {cure}")


def array_of(variable: KerasLayer) -> Array:
    """A variable of Keras as an array of its own, of 32 bits, or of 64 if it has them."""
    import keras  # it is there, because the variable is

    numbers = keras.ops.convert_to_numpy(variable)
    return np.array(numbers, WIDE.get(str(variable.dtype), np.dtype(np.float32)))


def check_built(layer: KerasLayer) -> None:
    """Raise ValueError for a layer without weights yet, or with weights of integers."""
    if not layer.built:
        raise refusal(
            layer,
            "it is not built, so it has no weights yet",
            "call the model on an array once, or begin it with keras.Input((None, features))",
        )
    if getattr(layer, "quantization_mode", None):
        raise refusal(
            layer, f"its weights are quantized, {layer.quantization_mode}", "give it before that"
        )

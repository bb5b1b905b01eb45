"""Keras itself, which is imported when a model goes to it or comes from it."""

from __future__ import annotations

import warnings
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rnnbp.numerics import Array

if TYPE_CHECKING:
    import keras

KerasLayer: TypeAlias = "keras.layers.Layer"
"""A layer of Keras, or something of one, as its cell; without types, because Keras has none."""
EXTRA = "python -m pip install 'rnnbp[keras]'"


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
    """A layer or model in an error, as "layer 'lstm_1', LSTM of Keras"."""
    kind = type(layer)
    whose = " of Keras" if kind.__module__.startswith("keras.") else ""
    what = "model" if hasattr(layer, "summary") else "layer"
    return f"{what} {layer.name!r}, {kind.__name__}{whose}"


def refusal(layer: KerasLayer, found: str, cure: str) -> ValueError:
    """The error of a layer that cannot be built here."""
    return ValueError(f"from_keras: {called(layer)}: {found}; {cure}")


def array_of(variable: KerasLayer) -> Array:
    """A variable of Keras as an array of its own, of 64 bits if it has them, else of 32."""
    import keras  # it is there, because the variable is

    with warnings.catch_warnings():  # of NumPy, about how Keras reads tensors of PyTorch
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        numbers = keras.ops.convert_to_numpy(getattr(variable, "value", variable))
    return np.array(numbers, np.float64 if numbers.dtype == np.float64 else np.float32)


def input_shape(layer: KerasLayer) -> tuple[int, ...]:
    """The shape that a layer was built for, with the batch; () where Keras does not know it."""
    return tuple((layer.get_build_config() or {}).get("input_shape") or ())


def check_built(layer: KerasLayer) -> None:
    """Raise ValueError for a layer without weights yet, or with weights of integers."""
    if not layer.built:
        raise refusal(
            layer,
            "it is not built, so it has no weights yet",
            "call it on an array once, or begin the model with keras.Input((None, features))",
        )
    if getattr(layer, "quantization_mode", None):
        raise refusal(
            layer, f"its weights are quantized, {layer.quantization_mode}", "give it before that"
        )

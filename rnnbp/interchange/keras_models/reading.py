"""``from_keras``: a model of Keras as one of this library."""

from __future__ import annotations

import os
from typing import TypeAlias

from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.keras_models.ends import Ends
from rnnbp.interchange.keras_models.files import loaded
from rnnbp.interchange.keras_models.library import KerasLayer, keras_library
from rnnbp.interchange.keras_models.penalties import warn_of_penalties
from rnnbp.interchange.keras_models.reader import OVER_TIME, Reader, assembled, flat
from rnnbp.interchange.keras_models.spatial_read import SPATIAL
from rnnbp.interchange.keras_models.unknown import check_model
from rnnbp.layers.base import Layer
from rnnbp.numerics import DtypeError
from rnnbp.storage import PathLike
from rnnbp.wording.arguments import takes

Model: TypeAlias = Layer | Graph | Recurrent


@takes()
def from_keras(model: KerasLayer | PathLike) -> Model:
    """A model of Keras 3 as one of this library, with copies of its weights.

    Args:
        model: a Sequential, a functional model whose layers are a chain, both perhaps nested, a
            layer with weights, or the path of a ``.keras`` file, of which no code is run.

    Returns:
        A Sequential; a Graph where final states of the reverse direction are used; of one layer
        that layer. Names of layers are Keras's, with ``_`` in place of dots.

    Shapes: Keras has x (B, T, features), here it is (T, B, features), ``np.swapaxes(x, 0, 1)``, and
    y likewise; sources, as ``rb.Sequences``, are batch-first too. Outputs without time are (B, n)
    in both. Weights of 16 bits become float32, exactly; a model of a mixed policy has its float32
    weights, and computes in float32 here.

    - SimpleRNN, LSTM and GRU are ``RNN``, ``LSTM`` and ``GRU``, with ``Last()`` for
      ``return_sequences=False``. Keras's one bias is ``bias_ih``, and ``bias_hh`` is 0: both are
      trained. Rates of dropout are taken, masks are drawn anew.
    - Bidirectional is ``Bidirectional``; with ``return_sequences=False`` its final states are
      merged. ``go_backwards=True`` is the final state of a layer with ``reverse=True``.
    - Dense, Embedding, LayerNormalization, Dropout, GaussianNoise and activations are the layers of
      these names, an ``activation=`` a layer after it; TimeDistributed is the layer in it, because
      layers here act on each step anyway. GlobalAveragePooling1D is ``MeanOverTime()``.
    - Conv1D, pooling, Flatten, Reshape and Permute are taken in TimeDistributed, and in models
      without recurrent layers, of examples (B, length, channels).

    Regularizers and constraints are left behind, with a warning; optimizers, losses and
    ``trainable=False`` too, without one.

    Raises:
        ValueError: a layer, or an option of one, that is not there here: masks, ``stateful=True``,
            other activations of cells, several inputs. The error names the layer and the cure.
        TypeError: what is no model, or one with a ``call`` of its own.
        DtypeError: weights of float32 and of float64.
        StorageError: a file that Keras cannot read, or that has a Lambda.
        ImportError: Keras 3 or its backend is not installed: ``pip install 'rnnbp[keras]'``.

    Source: Keras 3, https://keras.io/api/layers/. ::

        layers = [keras.Input((None, 3)), keras.layers.LSTM(64), keras.layers.Dense(5)]
        net = keras.Sequential(layers)
        model = rb.interchange.from_keras(net)
        y, _ = rb.predict(model, np.swapaxes(x, 0, 1))  # as net.predict(x)
        data = rb.Sequences(x, target, batch_size=32)
        rb.fit(model, data, rb.losses.CrossEntropy(), "adam", epochs=5, checkpoint="32 MB")
        net = rb.interchange.to_keras(model)
    """
    keras = keras_library("from_keras")
    if isinstance(model, str | os.PathLike):
        model = loaded(keras, model)
    check_model(keras, model)
    layers = [*flat(keras, model)]
    warn_of_penalties(layers)
    over_time = any(type(each).__name__ in OVER_TIME for each in layers)
    spatial = any(type(each).__name__ in SPATIAL for each in layers)
    reader = Reader(keras, static=spatial and not over_time)
    parts = reader.parts(model)
    found = parts[0] if len(parts) == 1 and not isinstance(parts[0], Ends | OverTime) else None
    built = found or assembled(parts, None)
    _check_dtype(built)
    assert isinstance(built, Layer | Graph | Recurrent)
    return built


def _check_dtype(model: Layer | Network) -> None:
    """Raise DtypeError for weights of float32 and of float64, which a model here cannot have."""
    if len(found := {str(array.dtype) for array in model.params.values()}) > 1:
        raise DtypeError(
            f"from_keras: the weights are of {' and of '.join(sorted(found))}; build the layers of "
            "Keras with one dtype"
        )

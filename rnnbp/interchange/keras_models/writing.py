"""``to_keras``: a model of this library as one of Keras."""

from __future__ import annotations

from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.interchange.keras_models.inputs import input_of, over_time
from rnnbp.interchange.keras_models.library import KerasLayer, keras_library
from rnnbp.interchange.keras_models.pieces import refused, shared
from rnnbp.interchange.keras_models.unknown import check_ours
from rnnbp.interchange.keras_models.walk import pieces_of
from rnnbp.interchange.keras_models.writer import Writer
from rnnbp.layers.base import Layer
from rnnbp.numerics import Dtype
from rnnbp.wording.arguments import takes


@takes()
def to_keras(model: Network | Layer) -> KerasLayer:
    """A model of this library as a Sequential of Keras 3, with copies of its weights.

    Args:
        model: a Sequential, perhaps nested, a recurrent layer, a layer, or a Graph whose nodes are
            a chain, as ``from_keras`` returns it.

    Returns:
        A ``keras.Sequential`` in the dtype of the parameters. Names of layers are kept, with ``_``
        in place of slashes; of a Graph they are those of the paths of parameters, with ``_`` in
        place of dots. A model without recurrent layers has no Input, and takes shapes from the
        first array that it is called on.

    Shapes: here x is (T, B, features), in Keras (B, T, features), and y likewise.

    Where Keras has one bias, of LSTM, SimpleRNN, and GRU with ``reset_after=False``, it is the sum
    of ``bias_ih`` and ``bias_hh``, which is rounded once. Where one of them is 0, as after
    ``from_keras``, it is exact: Keras → here → Keras keeps the bits of all weights.
    ``Last()`` after a recurrent layer becomes ``return_sequences=False``. Rates of dropout are
    taken; ``Dropout(per="sequence")`` of a series is SpatialDropout1D. Layers over the features of
    a step, as Conv1D, are in TimeDistributed where there is a time axis.

    Raises:
        ValueError: what Keras does not have: peepholes, projections, zoneout, layer norm within
            cells, cells of your own, learned initial states, a reverse layer alone, shared
            parameters, graphs that are no chain. The error names the layer and the cure, as
            ``to_onnx``.
        TypeError: what is no model of this library.
        ImportError: Keras 3 or its backend is not installed: ``pip install 'rnnbp[keras]'``.

    Source: Keras 3, https://keras.io/api/layers/. ::

        model = rb.Sequential(rb.LSTM(3, 64, name="encoder"), rb.Last(), rb.Dense(64, 5))
        net = rb.interchange.to_keras(model)
        net.predict(x)  # x (B, T, 3); as rb.predict(model, np.swapaxes(x, 0, 1))
        net.save("model.keras")
    """
    keras = keras_library("to_keras")
    check_ours(keras, model)
    if path := shared(model):
        raise refused(
            model if isinstance(model, Layer | Recurrent) else type(model).__name__,
            f"several of its layers share the parameter {path}, and those of Keras would not",
            "give each its own, or share a layer in a functional model of Keras by hand",
        )
    pieces, dtype = pieces_of(model), str(_dtype(model) or "float32")
    timed = over_time(model)
    inputs = input_of(keras, pieces, dtype) if timed else []
    name = model.name if isinstance(model, Sequential | Graph) else None
    return Writer(keras, dtype, static=not timed).sequential(pieces, name, inputs)


def _dtype(model: Network | Layer) -> Dtype | None:
    """That of the parameters, None without any."""
    if isinstance(model, Network):
        return model.dtype
    return next((array.dtype for array in model.params.values()), None)

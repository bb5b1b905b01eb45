"""What cannot come from Keras, and what to do instead."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType

from rnnbp.graph.cell import Cell
from rnnbp.graph.network import Network
from rnnbp.interchange.keras_models.library import KerasLayer, refusal
from rnnbp.layers.base import Layer
from rnnbp.numerics import shown
from rnnbp.wording.of_torch import torch_class

TAKES = "give a Sequential or functional model, a layer with weights, or the path of a .keras file"
LENGTHS = (
    "leave it out, and give predict and bptt the true lengths of the sequences, lengths=; steps "
    "past them are not read"
)
CELL = "wrap it as keras.layers.RNN(cell), and build that"
CURES = {
    "InputLayer": "give the model that begins with it",
    "SimpleRNNCell": CELL,
    "LSTMCell": CELL,
    "GRUCell": CELL,
    "Masking": LENGTHS,
    "NotEqual": LENGTHS,
    "BatchNormalization": "use LayerNormalization, or fold its scale into the weights before it",
    "Lambda": "build it without, or write a Layer of your own, see help(rnnbp.Layer)",
    "RepeatVector": "build a rnnbp.Graph in which a static value is an input of the cell",
    "ConvLSTM1D": "write a Cell of your own, see help(rnnbp.Cell)",
    "Concatenate": "build a rnnbp.Graph of rnnbp.Concat",
    "Add": "build a rnnbp.Graph, in which values are added by +",
    "PReLU": "use LeakyReLU, of a fixed slope",
    "Conv2D": "use Conv1D, or build it here as rnnbp.Conv2D, which has channels first",
    "RMSNormalization": "use LayerNormalization",
}
"""By the class of a layer of Keras."""
OWN = "convert the others one by one, and write it as a Layer of your own, see help(rnnbp.Layer)"


def check_known(layer: KerasLayer, known: Collection[str]) -> str:
    """The class of a layer of Keras. Raises ValueError for one that is not known here."""
    kind = type(layer)
    if not kind.__module__.startswith("keras."):
        base = next((k.__name__ for k in kind.__mro__ if k.__module__.startswith("keras.")), "")
        raise refusal(layer, f"{kind.__name__} is a class of your own, a {base}", OWN)
    if kind.__name__ not in known:
        raise refusal(layer, "there is nothing like it here", CURES.get(kind.__name__, OWN))
    return kind.__name__


def check_model(keras: ModuleType, model: object) -> None:
    """Raise TypeError, with the cure, for what is no model or layer of Keras."""
    if isinstance(model, keras.layers.Layer):
        return
    cure = TAKES
    if isinstance(model, type) and issubclass(model, keras.layers.Layer):
        cure = f"build it first, as {model.__name__}(...), and call it on an array, for its weights"
    elif isinstance(model, Layer | Network):
        cure = "it is one of this library already; to_keras goes the other way"
    elif isinstance(model, list | tuple | dict):
        cure = "build keras.Sequential(layers) of them, or give them one by one"
    elif torch_class(model):
        cure = "it is PyTorch's; from_torch reads those"
    elif type(model).__name__ == "KerasTensor":
        cure = "give the model, keras.Model(inputs, outputs)"
    elif hasattr(model, "get_weights") or type(model).__module__.startswith(("tensorflow", "tf_")):
        cure = f"it is not of Keras {keras.__version__}, which is installed; {TAKES}"
    elif callable(model):
        cure = "give what it returns, a model"
    raise TypeError(f"from_keras takes a model of Keras, found {shown(model)}; {cure}")


def check_ours(keras: ModuleType, model: object) -> None:
    """Raise TypeError, with the cure, for what is no model of this library."""
    cure = "give a Sequential, a recurrent layer or a layer, built"
    if isinstance(model, keras.layers.Layer):
        cure = "it is one of Keras already; from_keras goes the other way"
    elif isinstance(model, list | tuple):
        cure = "give rnnbp.Sequential(*layers) of them"
    elif isinstance(model, Cell):
        cure = "a Cell is one step: give rnnbp.Recurrent(cell), which runs it over the steps"
    elif isinstance(model, Layer | Network):
        return
    raise TypeError(f"to_keras takes a model of this library, found {shown(model)}; {cure}")

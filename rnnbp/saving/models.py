"""``save`` and ``load``: a whole model as one file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from rnnbp.graph.network import Network, check_parameters
from rnnbp.inputs.given import ModelLike
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, shown
from rnnbp.saving.building import Builder
from rnnbp.saving.constants import decoded, encoded
from rnnbp.saving.describing import Description
from rnnbp.saving.files import VERSION, read_model
from rnnbp.saving.makers import checked_makers
from rnnbp.saving.overlaps import check_apart
from rnnbp.saving.own_layers import LayerMaker
from rnnbp.saving.parts import check_finite
from rnnbp.storage import JSON, PathLike, as_path, save_tensors
from rnnbp.train.given_weights import CONSTANTS, MODEL
from rnnbp.wording.arguments import takes
from rnnbp.wording.of_torch import instead_of_torch

MORE = "more"
"""The key in the description of what else a file holds."""
Layers: TypeAlias = Mapping[str, LayerMaker]


@takes()
def save(model: ModelLike, path: PathLike) -> None:
    """Write a model as one file, atomically: what it is built of, its options and its weights.

    The file is a safetensors file with a checksum. It holds no code and no pickle: parts are named,
    and ``load`` knows them. Rates of random layers are those that they have now. ``load_weights``
    reads its weights too. Saving takes a few MB more than the model.

    Args:
        model: a Sequential, Graph, Bidirectional or Recurrent, a Cell or a layer.
        path: the file, by convention ``*.safetensors``.

    Layers of your own are saved by the name of their class, with the arguments of its constructor:
    what its method ``get_config()`` returns, a dict, as in Keras; without that method its
    attributes of the same names. They are numbers, texts, None, tuples, lists and dicts of these,
    and NumPy arrays. Arguments that only the first values of parameters depend on, ``rng``,
    ``dtype`` and those that end in ``init``, need no attribute. ``save`` builds each such layer
    once more, and raises where that is not the same layer.

    Raises TypeError for what is no model; ValueError for a layer that could not be loaded, which it
    names, and for parameters that are not finite; StorageError if the file cannot be written.

    >>> import os, tempfile, numpy as np, rnnbp as rb
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dropout(0.1), rb.Dense(4, 2))
    >>> rb.save(model, path)
    >>> rb.load(path)
    Sequential(LSTM(3, 4, name='rnn'), Dropout(0.1), Dense(4, 2))

    With a layer of your own:

    >>> class Sine(rb.Layer):
    ...     def __init__(self, rate=1.0):
    ...         super().__init__()
    ...         self.params, self.rate = {}, rate
    ...     def forward(self, x, **context): return np.sin(self.rate * x), (x,)
    ...     def backward_inputs(self, saved, dy):
    ...         return (self.rate * np.cos(self.rate * saved[0]) * dy,)
    ...     def output_shapes(self, *shapes): return shapes
    >>> rb.save(rb.Sequential(rb.GRU(3, 4), Sine(1.5)), path)
    >>> rb.load(path, layers={"Sine": Sine})[1].rate
    1.5
    """
    write(model, as_path("save: path", path))


def write(model: ModelLike, path: PathLike, more: Mapping[str, object] | None = None) -> None:
    """``save``, with what else the file is to hold of an owner of the model, as ``read`` returns.

    Args:
        model, path: as of ``save``, whose errors are raised.
        more: what ``encoded`` takes, by name, or None.
    """
    params = _params(model)
    place = f"save to {path}"
    for name, array in params.items():
        check_finite(place, name, array, "save_weights writes them as they are")
    check_apart(place, params)
    found = Description(place, model, params)
    about: dict[str, JSON] = {"version": VERSION, "parts": found.parts}
    if more is not None:
        about[MORE] = encoded(place, dict(more), found.constants)
    constants = found.constants.arrays
    about[CONSTANTS] = list(constants)
    save_tensors(path, {**params, **constants}, {MODEL: about})


def _params(model: object) -> Mapping[str, Array]:
    """The parameters of a model by path. Raises TypeError for what is no model."""
    if isinstance(model, Network):
        check_parameters(model)
        return model.params
    if isinstance(model, Layer):
        return model.params
    own = getattr(model, "model", None)
    cure = "give its model" if isinstance(own, Network) else "the model comes first"
    if callable(getattr(model, "save", None)) and not isinstance(model, type):
        cure = "its own method save(path) writes it"
    found = instead_of_torch(model) or f"{shown(model)} for the model; {cure}"
    raise TypeError(f"save takes (model, path), found {found}")


@takes()
def load(path: PathLike, layers: Layers | None = None) -> ModelLike:
    """Build the model of a file that ``save`` wrote.

    It has the same parts, shared or tied as they were, the same paths of parameters in the same
    order, and computes the same bits.

    Args:
        path: the file.
        layers: of each layer of your own the class, by its name, or a function that takes its
            options by name and returns the layer. Others are not looked at.

    Returns:
        The model: a Sequential, a Graph, or what it was.

    Raises StorageError for a file that is cut short, damaged, of a different format or of a newer
    version; ValueError for layers of your own that ``layers`` does not have or that are not built
    with the parameters in the file, and for parameters that are NaN or infinite.

    >>> import os, tempfile, rnnbp as rb
    >>> path = os.path.join(tempfile.mkdtemp(), "model.safetensors")
    >>> model = rb.Bidirectional(rb.GRU(3, 4), rb.GRU(3, 4))
    >>> rb.save(model, path)
    >>> loaded = rb.load(path)
    >>> loaded.params == model.params
    True
    """
    return read(as_path("load: path", path), layers)[0]


def read(path: PathLike, layers: Layers | None = None) -> tuple[ModelLike, object]:
    """The model of a file, as ``load``, and what else ``write`` was passed, None for nothing."""
    makers = checked_makers(layers)
    arrays, about = read_model(path)
    builder = Builder(arrays, about, makers)
    model = builder.model()
    try:
        return model, decoded(about.values.get(MORE), builder.constants)
    except ValueError as error:
        about.refuse(str(error))

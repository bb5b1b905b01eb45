"""The layers of a model of Keras, in the order in which they are applied."""

from __future__ import annotations

from types import ModuleType
from typing import NoReturn

from rnnbp.interchange.keras_models.library import KerasLayer, called
from rnnbp.numerics import shown

PARTS = (
    "convert its layers one by one, as rnnbp.Sequential(from_keras(model.lstm), "
    "from_keras(model.head)), or say the rest as a rnnbp.Graph"
)


def is_sequential(keras: ModuleType, model: object) -> bool:
    """True for a Sequential whose call is Keras's own."""
    return isinstance(model, keras.Sequential) and type(model).call is keras.Sequential.call


def functional_class(model: object) -> type | None:
    """Keras's class of functional models, if the model is one and calls as they do."""
    kinds = type(model).__mro__
    found = next((k for k in kinds if _is_keras(k) and k.__name__ == "Functional"), None)
    own = found is not None and vars(found).get("call") is getattr(type(model), "call", None)
    return found if own else None


def chain_of(keras: ModuleType, model: KerasLayer) -> list[KerasLayer]:
    """The layers of a Sequential or functional model, without InputLayers.

    Raises ValueError for a model that is no chain, TypeError for one whose layers are not known.
    """
    if is_sequential(keras, model):
        found = [each for each in model.layers if not isinstance(each, keras.layers.InputLayer)]
    elif functional_class(model) is not None:
        found = _walked(keras, model)
    else:
        raise TypeError(
            f"from_keras: {called(model)}, has a call of its own, which does not say "
            f"how its layers are connected; {PARTS}"
        )
    if not found:
        raise ValueError(f"from_keras: {called(model)}, has no layers; add them first")
    return found


def _walked(keras: ModuleType, model: KerasLayer) -> list[KerasLayer]:
    """The layers from the output back to the input, turned round."""
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            _refuse(model, f"it has {len(tensors)} {what}, and a chain has one")
    at, found = model.outputs[0], list[KerasLayer]()
    while at is not model.inputs[0]:
        history = at._keras_history  # that of a KerasTensor, which has no other way to say it
        layer = history.operation
        node = layer._inbound_nodes[history.node_index]
        if isinstance(layer, keras.layers.InputLayer):
            _refuse(model, f"it has the input {layer.name!r} too")
        if not isinstance(layer, keras.layers.Layer):
            _refuse(model, f"the operation {layer.name!r} of keras.ops is no layer")
        if history.tensor_index:
            number = history.tensor_index
            _refuse(model, f"output {number} of {called(layer)}, is used, and output 0 is its y")
        _check_call(model, layer, node)
        found.append(layer)
        at = node.input_tensors[0]
    return found[::-1]


def _check_call(model: KerasLayer, layer: KerasLayer, node: KerasLayer) -> None:
    """Raise ValueError unless a layer is called on one value, and nothing else."""
    if len(node.input_tensors) != 1:
        count = len(node.input_tensors)
        _refuse(model, f"{called(layer)}, takes {count} values, and a chain hands on one")
    for name, value in node.arguments.kwargs.items():
        if value is not None and not (name == "training" and value is False):
            _refuse(model, f"{called(layer)}, is called with {name}={shown(value)}")


def _refuse(model: KerasLayer, found: str) -> NoReturn:
    raise ValueError(f"from_keras: {called(model)}: {found}; {PARTS}")


def _is_keras(kind: type) -> bool:
    return kind.__module__.partition(".")[0] == "keras"

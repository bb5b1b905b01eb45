"""Warns of a softmax or sigmoid at the end of a model whose loss applies it once more."""

from __future__ import annotations

import warnings

from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers import Flatten, Identity, LogSoftmax, Reshape, Sigmoid, Softmax
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, Known
from rnnbp.support.callers import outside
from rnnbp.support.prepared import Remembered

SAME = (Identity, Reshape, Flatten)
"""Layers that hand their values on."""
_warned = Remembered[object, bool](lambda layer: False)
"""The last layers that have been warned of."""


def warn_of_probabilities(model: Graph, loss: object) -> None:
    """Warn once for each model that ends in a softmax or sigmoid under a loss that takes logits."""
    loss = loss.loss if isinstance(loss, Known) else loss
    if not isinstance(loss, CrossEntropy | BinaryCrossEntropy):
        return
    layer = _last(model)
    if not isinstance(layer, Softmax | LogSoftmax | Sigmoid) or _warned.get(layer):
        return
    _warned.put(layer, True)
    has = "softmax" if isinstance(loss, CrossEntropy) else "sigmoid"
    effect = f"{has} is taken of what is no logit any more, and the model trains badly"
    if isinstance(loss, CrossEntropy) and isinstance(layer, LogSoftmax):
        effect = "softmax is taken twice, for the same loss"
    warnings.warn(
        f"the model ends in {layer}, and {loss} has the {has} in it, so that {effect}; leave the "
        f"last layer out: the model's outputs are logits then, and {_probabilities(has)} are the "
        "probabilities",
        UserWarning,
        stacklevel=outside(),
    )


def _probabilities(has: str) -> str:
    return "rnnbp.Softmax()(y)" if has == "softmax" else "rnnbp.Sigmoid()(y)"


def _last(model: Graph) -> object:
    """The layer of a graph's first output; within a Recurrent, that of its cell."""
    graph, number = model, model.outputs[0]
    for _ in range(len(model.nodes) + 1):
        node = next((node for node in reversed(graph.nodes) if number in node.outs), None)
        if node is None:
            return None
        if isinstance(node.block, SAME):
            number = node.args[0]
        elif isinstance(node.block, Recurrent):
            graph = node.block.cell
            number = graph.outputs[0]
        else:
            return node.block
    return None

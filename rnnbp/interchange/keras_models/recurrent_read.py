"""Recurrent layers of Keras, as those of this library."""

from __future__ import annotations

from collections.abc import Callable

from rnnbp.graph.cells import GRU, LSTM, RNN, Bidirectional
from rnnbp.graph.over_time import Last
from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.keras_models.activations import activation_name, shown_activation
from rnnbp.interchange.keras_models.ends import Ends, Part
from rnnbp.interchange.keras_models.gates import to_ours
from rnnbp.interchange.keras_models.library import KerasLayer, array_of, check_built, refusal

RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN")
"""Recurrent layers of Keras."""
CELLS = {"SimpleRNNCell": "RNN", "LSTMCell": "LSTM", "GRUCell": "GRU"}
"""Cells of Keras, and the layers of them here."""
BUILD: dict[str, Callable[..., Recurrent]] = {"RNN": RNN, "LSTM": LSTM, "GRU": GRU}
MERGED = {"concat": "concat", "sum": "sum", "mul": "mul", "ave": "mean"}
"""Merges of Keras, as they are called here."""
OWN = "write a Cell of your own, see help(rnnbp.Cell)"


def recurrent_parts(layer: KerasLayer, name: str | None) -> list[Part]:
    """A SimpleRNN, LSTM or GRU, and what follows of its outputs."""
    _check_options(layer)
    rnn = _recurrent(layer, name, reverse=bool(layer.go_backwards))
    if not layer.go_backwards:
        return [rnn] if layer.return_sequences else [rnn, Last()]
    if layer.return_sequences:
        raise refusal(
            layer,
            "go_backwards=True with return_sequences=True: its outputs are in reversed order there",
            "set return_sequences=False, for its final state, or wrap it as Bidirectional; a layer "
            "here with reverse=True has outputs in the order of x",
        )
    return [Ends(rnn)]


def bidirectional_parts(layer: KerasLayer, name: str | None) -> list[Part]:
    """A Bidirectional, or the final states of both directions."""
    directions = layer.forward_layer, layer.backward_layer
    if layer.merge_mode is None:
        raise refusal(
            layer,
            "merge_mode=None has two outputs, and a chain has one",
            "set merge_mode='concat', or build a rnnbp.Graph of the two layers",
        )
    for each in directions:
        if type(each).__name__ not in RECURRENT:
            raise refusal(each, "it is no SimpleRNN, LSTM or GRU", f"in {layer.name!r} {OWN}")
        _check_options(each)
    if layer.forward_layer.go_backwards:
        raise refusal(layer, "its forward layer has go_backwards=True", "exchange the two layers")
    forward, backward = [_recurrent(each, None, reverse=False) for each in directions]
    both = Bidirectional(forward, backward, MERGED[layer.merge_mode], name=name)
    return [both] if layer.return_sequences else [Ends(both)]


def _recurrent(layer: KerasLayer, name: str | None, *, reverse: bool) -> Recurrent:
    """A layer of the sizes, options and weights of one of Keras."""
    cell, kind = layer.cell, CELLS[type(layer.cell).__name__]
    weights = [array_of(cell.kernel), array_of(cell.recurrent_kernel)]
    weights += [array_of(cell.bias)] if cell.use_bias else []
    after = kind != "GRU" or bool(cell.reset_after)
    own: dict[str, object] = {"reset_after": after} if kind == "GRU" else {}
    if kind == "RNN":
        own["activation"] = activation_name(cell.activation)
    sizes = weights[0].shape[0], int(cell.units)
    rates = {"dropout": float(cell.dropout), "recurrent_dropout": float(cell.recurrent_dropout)}
    common = {"dtype": weights[0].dtype, "bias": bool(cell.use_bias), "name": name, "rng": 0}
    rnn = BUILD[kind](*sizes, reverse=reverse, **own, **rates, **common)
    for key, array in to_ours(kind, weights, reset_after=after).items():
        rnn.params[key][...] = array
    return rnn


def _check_options(layer: KerasLayer) -> None:
    """Raise ValueError for what the cells here do not have."""
    cell = layer.cell
    kind = CELLS.get(type(cell).__name__) if type(cell).__module__.startswith("keras.") else None
    if kind is None:
        raise refusal(layer, f"its cell is a {type(cell).__name__}", OWN)
    check_built(layer)
    if layer.stateful:
        raise refusal(
            layer,
            "stateful=True",
            "build it with stateful=False; here rnnbp.Windows hand states on in training, and "
            "bptt and predict take state=",
        )
    allowed = ("tanh", "relu") if kind == "RNN" else ("tanh",)
    if activation_name(cell.activation) not in allowed:
        found = shown_activation(cell.activation)
        raise refusal(layer, f"activation={found}, here it is {' or '.join(allowed)}", OWN)
    if kind != "RNN" and activation_name(cell.recurrent_activation) != "sigmoid":
        found = shown_activation(cell.recurrent_activation)
        raise refusal(layer, f"recurrent_activation={found}, here it is sigmoid", OWN)

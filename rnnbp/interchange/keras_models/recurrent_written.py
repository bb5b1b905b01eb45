"""Recurrent layers of this library as those of Keras."""

from __future__ import annotations

from types import ModuleType

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.made import Made
from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.keras_models.gates import to_theirs
from rnnbp.interchange.keras_models.layers_written import with_weights
from rnnbp.interchange.keras_models.library import KerasLayer
from rnnbp.interchange.keras_models.pieces import refused
from rnnbp.interchange.keras_models.recurrent_read import MERGED
from rnnbp.layers import Dropout, Zoneout

KINDS = {"RNN": "SimpleRNN", "LSTM": "LSTM", "GRU": "GRU"}
"""Layers here, and their classes in Keras."""
THEIR_MERGES = {ours: theirs for theirs, ours in MERGED.items()}
ABSENT = ("peepholes", "projection", "layer_norm", "coupled")
"""Options that Keras does not have."""


def keras_recurrent(
    keras: ModuleType, rnn: Recurrent, name: str | None, *, sequences: bool, backwards: bool = False
) -> KerasLayer:
    """A layer of Keras with the weights of one here."""
    made = _made(rnn)
    dtype = str(rnn.dtype or "float32")
    own: dict[str, object] = {}
    if made.kind == "RNN":
        own["activation"] = made.options["activation"]
    if made.kind == "GRU":
        own["reset_after"] = made.options["reset_after"]
    layer = getattr(keras.layers, KINDS[made.kind])(
        made.n,
        use_bias=bool(made.options["bias"]),
        return_sequences=sequences,
        go_backwards=backwards,
        dtype=dtype,
        name=name,
        **own,
        **_rates(rnn),
    )
    after = bool(made.options.get("reset_after", True))
    weights = to_theirs(made.kind, rnn.params, reset_after=after)
    return with_weights(layer, (None, None, made.n_in), weights)


def keras_bidirectional(
    keras: ModuleType, both: Bidirectional, name: str | None, *, sequences: bool
) -> KerasLayer:
    """A Bidirectional of Keras with the weights of one here."""
    sizes = _made(both.forward).n, _made(both.backward).n
    if sizes[0] != sizes[1]:
        why = f"its directions have {sizes[0]} and {sizes[1]} units, and in Keras as many"
        raise refused(both, why)
    forward, backward = [
        keras_recurrent(keras, rnn, key, sequences=sequences, backwards=rnn is both.backward)
        for key, rnn in (("forward", both.forward), ("backward", both.backward))
    ]
    layer = keras.layers.Bidirectional(
        forward,
        merge_mode=THEIR_MERGES[both.merge],
        backward_layer=backward,
        dtype=forward.dtype_policy,
        name=name,
    )
    weights = [*forward.get_weights(), *backward.get_weights()]
    return with_weights(layer, (None, None, _made(both.forward).n_in), weights)


def _made(rnn: Recurrent) -> Made:
    """How a layer was built. Raises ValueError for what Keras does not have."""
    made = rnn.cell.made
    if made is None or made.kind not in KINDS:
        raise refused(rnn, f"Keras has {', '.join(KINDS.values())}, and no cell like this one")
    for option in ABSENT:
        if made.options.get(option):
            raise refused(rnn, f"Keras has no {option}={made.options[option]!r}")
    if made.options.get("leak", 1.0) != 1:
        raise refused(rnn, f"Keras has no leak={made.options['leak']}")
    if any(isinstance(layer, Zoneout) for layer in rnn.cell.layers):
        raise refused(rnn, "Keras has no zoneout")
    if rnn.initial:
        raise refused(rnn, "its initial state is learned, and Keras begins with zeros")
    return made


def _rates(rnn: Recurrent) -> dict[str, float]:
    return {str(d.name): d.p for d in rnn.cell.layers if isinstance(d, Dropout)}

"""Arguments that a layer does not take when it is called on symbolic values: what to do instead."""

from __future__ import annotations

from collections.abc import Mapping

_STATE = "the state that it begins with is state=, a static value, or a tuple of them"
_LENGTHS = "rows end where lengths= of the run says, as bptt(model, x, target, loss, lengths=...)"
_TRAINING = "bptt and fit train, predict and evaluate do not; leave it out"
OF_RECURRENTS: Mapping[str, str] = {
    **dict.fromkeys(("initial_state", "init_state", "hx", "h0", "hidden", "carry"), _STATE),
    **dict.fromkeys(("mask", "lengths", "seq_lens", "sequence_lengths"), _LENGTHS),
    "training": _TRAINING,
    "return_sequences": "y has all steps; Last()(y) is the last one",
    "reset": "rows begin anew where reset= of the run says, as bptt(..., reset=flags)",
}
"""For ``rnn(x, ...)`` and ``Bidirectional(...)(x, ...)``."""
_INSIDE = "call its recurrent layer itself on values, as rnn(x, {})"
OF_GRAPHS: Mapping[str, str] = {
    **OF_RECURRENTS,
    **dict.fromkeys(
        ("state", "initial_state", "init_state", "hx", "h0", "hidden", "carry"),
        _INSIDE.format("state=..."),
    ),
    "return_state": _INSIDE.format("return_state=True"),
}
"""For ``Sequential(...)(x, ...)`` and other graphs."""
OF_ATTENTION: Mapping[str, str] = {
    **dict.fromkeys(
        ("key", "keys", "value", "values", "k", "v"), "lines are memory, keys and values"
    ),
    **dict.fromkeys(("attn_mask", "key_padding_mask", "lengths"), "give mask, 1 for what counts"),
    "q": "give query",
}
"""For ``attention(query, memory, mask)``."""

"""``predict`` of arrays and of sources, as ``rnnbp`` offers it."""

from __future__ import annotations

from typing import Any

from rnnbp.bptt.inference import predict as predict_array
from rnnbp.bptt.networks import LengthsLike
from rnnbp.inputs.given import InputsLike, ModelLike, SeriesLike, StateLike
from rnnbp.numerics import optional_flag
from rnnbp.train.data import Sequences
from rnnbp.train.listed_sequences import sequences_of
from rnnbp.train.results import Passes, predict_source
from rnnbp.train.x_or_source import holds_inputs, is_source, looked_at, refuse, warn_of_axes
from rnnbp.wording.arguments import takes


# Any: y and the state for an array; y, or a list of them, for a source
@takes()
def predict(
    model: ModelLike,
    x: InputsLike,
    *,
    state: StateLike = None,
    chunk: int | None = None,
    mask: SeriesLike = None,
    last: bool | None = None,
    training: bool = False,
    seed: int = 0,
    progress: bool | None = None,
    lengths: LengthsLike = None,
    reset: LengthsLike = None,
) -> Any:
    """The model's outputs in evaluation mode.

    Args:
        model, state, chunk: as ``bptt`` takes them; with a source no state can be passed.
        x: an array (T, B, ...), a stream or several inputs as ``bptt`` takes them, time-first; or a
            source; or a list of sequences (T_k, ...), of several lengths or of one, and of several
            inputs a dict or tuple of lists, with a static input (B, ...). A list whose items are
            arrays is always one of sequences; one of numbers is an array.
        mask: (T, B); 0 where x may hold unusable values, as NaN; y there is the output for zeros.
        last: True for y (B, ...), the output at the last step of each sequence: with a mask the
            last step of weight above 0. By default as the targets of the source are placed, else
            False.
        training: True for layers in training mode, as for Monte-Carlo dropout.
        seed: seed of dropout masks in training mode.
        progress: True for a progress bar; by default as ``bptt``: it appears if a run takes long.
        lengths: of a padded array x (T, B, ...) the steps of each row (B,), as ``bptt`` takes them:
            what is past an end is not read, and y is 0 there.
        reset: as ``bptt`` takes it.

    Returns:
        For an array (y, state): y (T, B, ...), of a static output (B, ...), of several outputs a
        tuple, or a dict by name; and the state after the last step. For a source, as
        ``Sequences``, or an iterable of batches, y alone, batch-first and in the order of the data,
        shuffled or not: (N, T, ...) for sequences, (N, ...) for ``Examples`` and with ``last``,
        (S, ...) for the stream of ``Windows``, less the steps that they leave out, and a list of
        these for recordings. For lists of sequences a list of (T_k, ...), for a padded array with
        ``lengths`` in ``Sequences`` an array, 0 past each end.

    Packed weights and a workspace are kept for the next call with an array of this shape, until a
    run of a different kind or ``rnnbp.release_memory()``.

    Raises as ``bptt`` does.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Dropout(0.5), rb.Dense(4, 2))
    >>> x = np.zeros((7, 5, 3), "float32")
    >>> rb.predict(model, x)[0].shape, rb.predict(model, x, last=True)[0].shape
    ((7, 5, 2), (5, 2))
    >>> data = rb.Sequences(x, None, batch_size=2)
    >>> rb.predict(model, data).shape, rb.predict(model, data, last=True).shape
    ((7, 5, 2), (7, 2))
    """
    shown = optional_flag("predict: progress", progress)
    x, given = sequences_of(model, x), x
    if not holds_inputs(model, x) and is_source(x := looked_at(model, x)):
        options = {"state": state, "mask": mask, "lengths": lengths, "reset": reset}
        refuse("predict", options, listed=given is not x and isinstance(x, Sequences))
        how = Passes(chunk=chunk, training=training, seed=seed, progress=shown)
        return predict_source("predict", model, x, last, how)
    y, after = predict_array(
        model, x, state=state, chunk=chunk, mask=mask, last=False if last is None else last,
        training=training, seed=seed, progress=shown, lengths=lengths, reset=reset,
    )  # fmt: skip
    warn_of_axes(model, x, state, after)
    return y, after

"""How well the held-out text is predicted: by the model, and by n-grams of the training text."""

from __future__ import annotations

import hashlib
import math
from typing import final

import numpy as np

from rnnbp.cli.ngrams import NGrams
from rnnbp.cli.text import Part, Split
from rnnbp.graph.sequential import Sequential
from rnnbp.losses import CrossEntropy
from rnnbp.numerics import Array
from rnnbp.train.source import Batch
from rnnbp.train.validation import validation_loss

LANES = 32
LEAD = 64
"""Bytes that a lane reads before its first prediction counts."""


@final
class HeldOut:
    """The held-out bytes as one batch, each to be predicted once from those before it.

    The text is cut in lanes that are read side by side. Each lane first reads the ``LEAD`` bytes in
    front of it, of the training text for the first, so that none starts blind; their predictions
    have weight 0.
    """

    batches_per_epoch = 1

    def __init__(self, split: Split) -> None:
        before, text = split.train.data, split.held_out.data
        lead = min(LEAD, before.size - 1)
        lanes = min(LANES, text.size)
        length = math.ceil(text.size / lanes)
        padded = np.zeros(lead + 1 + lanes * length, np.uint8)
        padded[: lead + 1 + text.size] = np.concatenate([before[before.size - lead - 1 :], text])
        windows = np.lib.stride_tricks.sliding_window_view(padded, lead + length + 1)[::length].T
        place = np.arange(lanes) * length + np.arange(-lead, length)[:, None]
        counts = (np.arange(-lead, length)[:, None] >= 0) & (place < text.size)
        self._batch = Batch(windows[:-1], windows[1:], counts, fresh=True)
        self.fingerprint = hashlib.sha256(text.tobytes()).hexdigest()

    def batch(self, epoch: int, index: int) -> Batch:
        """x and target (LEAD + length, lanes) of bytes, and the mask of what counts."""
        return self._batch


def bits_per_character(nats_per_byte: float, part: Part) -> float:
    """A mean loss per byte of a text as bits per character, each of which is one or more bytes."""
    return nats_per_byte * part.data.size / math.log(2) / part.characters


def model_score(model: Sequential, split: Split) -> float:
    """Bits per character of the held-out text under a model."""
    return bits_per_character(
        validation_loss(model, HeldOut(split), CrossEntropy()), split.held_out
    )


def baselines(split: Split) -> dict[str, float]:
    """Bits per character of the held-out text under n-grams of the training text, by name."""
    train, held_out = split.train.data, split.held_out
    names = enumerate(("unigram", "bigram", "trigram"), start=1)
    return {name: _ngram_score(train, held_out, order) for order, name in names}


def _ngram_score(train: Array, held_out: Part, order: int) -> float:
    return NGrams(train, order).bits(held_out.data, before=train) / held_out.characters

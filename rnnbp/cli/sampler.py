"""Bytes and text drawn from a character model."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

from rnnbp.graph.sequential import Sequential
from rnnbp.numerics import Array
from rnnbp.rng import generator
from rnnbp.stepping import Stepper
from rnnbp.support.ieee import within


@dataclass(frozen=True)
class Sampler:
    """Draws bytes from a model's distribution of the next one.

    Attributes:
        temperature: divides the logits; 0 selects the most likely byte.
        top_k: draw from the k most likely alone.
    """

    model: Sequential
    temperature: float = 0.8
    top_k: int | None = None
    seed: int = 0

    def __call__(self, prompt: bytes, length: int) -> bytes:
        """``length`` bytes that follow ``prompt``; the same for the same seed."""
        return bytes(islice(self._bytes(prompt), length))

    def text(self, prompt: bytes, length: int) -> str:
        """``prompt`` and ``length`` characters that follow it.

        A byte that is not valid in UTF-8 at its place is drawn again, so that all characters are
        whole. Without a prompt the text starts as a line does.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        found = decoder.decode(prompt)
        end, written = (
            len(found) + length,
            self._bytes(prompt or b"\n", lambda: utf8_next(decoder.getstate()[0])),
        )
        while len(found) < end:
            found += decoder.decode(bytes([next(written)]))
        return found

    def _bytes(self, prompt: bytes, allowed: Callable[[], Array] | None = None) -> Iterator[int]:
        """Bytes that follow; ``allowed`` returns which ones may come next, (256,) bools."""
        rng = generator(self.seed)
        stepper = Stepper(self.model)
        logits = stepper.steps(np.frombuffer(prompt, np.uint8).astype(np.int64)[:, None])[-1]
        given = np.empty(1, np.int64)
        while True:
            scores = logits[0].astype(np.float64)
            byte = self._draw(scores.copy(), rng)
            if allowed is not None and not (possible := allowed())[byte]:
                byte = self._draw(np.where(possible, scores, -np.inf), rng)
            yield byte
            given[0] = byte
            logits = stepper.step(given)

    def _draw(self, logits: Array, rng: np.random.Generator) -> int:
        if self.temperature == 0:
            return int(logits.argmax())
        if self.top_k is not None and self.top_k < logits.size:
            logits[np.argsort(-logits, kind="stable")[self.top_k :]] = -np.inf
        # A tiny temperature takes what is not likeliest to −∞: probability 0.
        below = logits - logits.max()
        summed = np.cumsum(
            np.exp(within(np.errstate(over="ignore"), np.divide, below, self.temperature))
        )
        return min(
            int(np.searchsorted(summed, rng.random() * summed[-1], side="right")), logits.size - 1
        )


SECOND = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
"""First bytes in UTF-8 that not all of 0x80 to 0xBF may follow (RFC 3629, sec. 4)."""


def utf8_next(begun: bytes) -> Array:
    """Which bytes may follow the beginning of a character, b"" for none: (256,) bools."""
    possible = np.zeros(256, np.bool_)
    if not begun:
        possible[:0x80] = possible[0xC2:0xF5] = True
        return possible
    low, high = SECOND.get(begun[0], (0x80, 0xBF)) if len(begun) == 1 else (0x80, 0xBF)
    possible[low : high + 1] = True
    return possible

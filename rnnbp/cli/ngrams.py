"""The baselines: n-gram models of bytes, with Witten–Bell smoothing."""

from __future__ import annotations

from typing import final

import numpy as np

from rnnbp.numerics import Array, DtypeError, ShapeError, positive_int

SYMBOLS = 256


@final
class NGrams:
    """The probability of a byte after the ``order − 1`` bytes before it, from counts of a text.

    With N(h) the occurrences of context h, and D(h) the number of different bytes seen after it,

        p(s | h) = (N(hs) + D(h) p(s | h′)) / (N(h) + D(h)),

    where h′ is h without its first byte, and p is uniform below the empty context; an unseen
    context leaves it to h′. Witten & Bell 1991, "The zero-frequency problem", method C,
    interpolated as in Chen & Goodman 1998, section 2.6. Probabilities of the 256 bytes sum to 1.

    Args:
        text: (N,) bytes, as uint8.
        order: 1 for unigrams, up to 7.

    Raises DtypeError, ShapeError or ValueError for a text or an order that does not fit.
    """

    def __init__(self, text: Array, order: int) -> None:
        self.order = positive_int("NGrams: order", order)
        if self.order > 7:  # A context and a byte share one 64-bit code.
            raise ValueError(
                f"NGrams: order must be at most 7, found {order}; longer contexts hardly recur"
            )
        text = _as_bytes("text", text)
        if text.size < self.order:
            raise ValueError(
                f"NGrams: text must have at least {self.order} bytes, found {text.size}; give it "
                "more"
            )
        self._tables = [_Counts(text, k) for k in range(self.order)]

    def __call__(self, contexts: Array, symbols: Array) -> Array:
        """p(symbol | context), (N,).

        Args:
            contexts: (N, order − 1) of bytes, the latest last.
            symbols: (N,).
        """
        if contexts.shape != (symbols.size, self.order - 1):
            expected = (symbols.size, self.order - 1)
            raise ShapeError(
                f"NGrams: contexts must have shape {expected}, found {contexts.shape}; one row a "
                "symbol"
            )
        p = np.full(symbols.size, 1 / SYMBOLS)
        for k, table in enumerate(self._tables):
            count, total, different = table.look_up(
                _codes(contexts[:, self.order - 1 - k :]), symbols
            )
            # A context that was never seen has total = different = 0 and leaves p as it is.
            p = np.where(total > 0, (count + different * p) / np.maximum(total + different, 1), p)
        return p

    def bits(self, text: Array, before: Array) -> float:
        """−Σ log₂ p over the bytes of ``text`` (N,), after at least order − 1 ``before``."""
        text, before = _as_bytes("text", text), _as_bytes("before", before)
        if before.size < self.order - 1:
            raise ShapeError(
                f"NGrams: before must have {self.order - 1} bytes or more, found {before.size}; "
                "give more"
            )
        whole = np.concatenate([before[before.size - (self.order - 1) :], text])
        windows = np.lib.stride_tricks.sliding_window_view(whole, self.order)
        return -float(np.log2(self(windows[:, :-1], windows[:, -1])).sum())


class _Counts:
    """How often each byte follows each context of k bytes in a text."""

    def __init__(self, text: Array, k: int) -> None:
        windows = np.lib.stride_tricks.sliding_window_view(text, k + 1)
        self.pairs, self.pair_counts = np.unique(_codes(windows), return_counts=True)
        self.contexts, first, self.different = np.unique(
            self.pairs // SYMBOLS, return_index=True, return_counts=True
        )
        self.totals = np.add.reduceat(self.pair_counts, first)

    def look_up(self, contexts: Array, symbols: Array) -> tuple[Array, Array, Array]:
        """(N(hs), N(h), D(h)) of each context's code and symbol."""
        pair, seen_pair = _find(self.pairs, contexts * SYMBOLS + symbols)
        context, seen = _find(self.contexts, contexts)
        return (
            self.pair_counts[pair] * seen_pair,
            self.totals[context] * seen,
            self.different[context] * seen,
        )


def _codes(windows: Array) -> Array:
    """Each row (N, k) of bytes as one number, its first byte the most significant; 0 for k = 0."""
    codes = np.zeros(len(windows), np.int64)
    for column in windows.T:
        codes = codes * SYMBOLS + column
    return codes


def _find(known: Array, wanted: Array) -> tuple[Array, Array]:
    """(indices into the sorted ``known``, True where the value is present)."""
    at = np.minimum(np.searchsorted(known, wanted), known.size - 1)
    return at, known[at] == wanted


def _as_bytes(what: str, text: Array) -> Array:
    if text.dtype != np.uint8:
        raise DtypeError(
            f"NGrams: {what} must be bytes, found dtype {text.dtype}; use np.frombuffer(data, "
            "np.uint8)"
        )
    if text.ndim != 1:
        raise ShapeError(f"NGrams: {what} must have one axis, found shape {text.shape}; flatten it")
    return text

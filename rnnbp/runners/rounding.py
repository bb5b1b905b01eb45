"""How runs round where no backend is named: as the training that runs, or the environment says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rnnbp.machine import PRECISION, TAPE_BITS

SHORT = 16
"""Bits of a number on a tape that is rounded."""
PRECISIONS = ("float32", "bfloat16")
Precision: TypeAlias = Literal["float32", "bfloat16"]
ROUNDING = "rounding"
"""The name in files, and in lines of metrics, of what ``rounding_text`` returns."""

PRODUCTS, TAPES = "bfloat16 products", f"{SHORT}-bit tapes"
"""What ``rounding_text`` returns, or both of them."""


@dataclass(frozen=True)
class Rounding:
    """``precision`` and ``tape_bits`` of a training; None for what is used without it.

    ``tape_bits`` of 0 are those of the dtype.
    """

    precision: Precision | None = None
    tape_bits: int | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within it, what names no backend runs so; None changes nothing."""
        before = _chosen.get()
        precision = self.precision or before.precision
        bits = before.tape_bits if self.tape_bits is None else self.tape_bits
        token = _chosen.set(Rounding(precision, bits))
        try:
            yield
        finally:
            _chosen.reset(token)


UNSAID = Rounding()
EXACT = Rounding("float32", 0)
_chosen: ContextVar[Rounding] = ContextVar("rounding", default=UNSAID)
"""That of the training that runs."""


def default_precision() -> str:
    """The precision where no backend is named."""
    return _chosen.get().precision or os.environ.get(PRECISION) or "float32"


def default_tape_bits() -> int | None:
    """The ``tape_bits`` where no backend is named."""
    if (chosen := _chosen.get().tape_bits) is not None:
        return chosen or None
    given = os.environ.get(TAPE_BITS, "")
    if given not in ("", str(SHORT)):
        raise ValueError(f"{TAPE_BITS} must be {SHORT} or empty, found {given!r}; unset it")
    return SHORT if given else None


def said_of_rounding() -> tuple[str, str | None]:
    """Both, as they were said, unchecked."""
    bits = _chosen.get().tape_bits
    return default_precision(), os.environ.get(TAPE_BITS) if bits is None else str(bits)


def rounding_text(precision: str, tape_bits: int | None) -> str:
    """What is not exact, in words; "" where all is."""
    return ", ".join([PRODUCTS] * (precision != "float32") + [TAPES] * (tape_bits is not None))


def joined_roundings(before: str, now: str) -> str:
    """What is not exact of a run that rounded in one way, and then in another."""
    return ", ".join([part for part in (PRODUCTS, TAPES) if part in (before + now)])

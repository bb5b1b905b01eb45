"""The ledger: bytes of every array that the engine holds, by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from rnnbp.numerics import Array


class Ledger:
    """Counts each block of memory once, however many holders and views it has.

    ``external`` arrays belong to others (the input, parameters): they and their views cost nothing.
    Kinds are names, as "tape", "checkpoint", "gradients", "workspace"; a block has its first
    holder's kind.
    """

    def __init__(self, external: Iterable[Array] = ()) -> None:
        owners = [_owner(a) for a in external]
        self._external = dict(zip(map(id, owners), owners, strict=True))
        self._held: dict[int, tuple[Array, str]] = {}
        """(block of memory, kind) by the identity of the block."""
        self._holders: dict[int, int] = {}
        self.bytes: Counter[str] = Counter()
        self.total = 0
        """Bytes held now."""
        self.peak_bytes = 0
        self._peak_by_kind: dict[str, int] = {}
        self.brief = 0
        """Bytes that are reserved for temporary arrays whose memory is kept from run to run."""
        self.grown: Callable[[], None] | None = None
        """What is called when the total has grown."""

    @property
    def peak_by_kind(self) -> dict[str, int]:
        """The bytes of each kind at the peak."""
        return {kind: n for kind, n in self._peak_by_kind.items() if n > 0}

    def hold(self, kind: str, tree: object) -> None:
        """Count the arrays in ``tree`` (arrays in tuples, lists, dicts) as held once more."""
        held, holders, external = self._held, self._holders, self._external
        for array in arrays_in(tree):
            owner = array if array.base is None else _owner(array)
            key = id(owner)
            if key in held:
                holders[key] += 1
            elif key not in external:
                held[key], holders[key] = (owner, kind), 1
                self._add(kind, owner.nbytes)
        self._note_peak()

    def release(self, tree: object) -> None:
        """Undo one ``hold`` of the same tree."""
        for array in arrays_in(tree):
            owner = _owner(array)
            key = id(owner)
            if key in self._external:
                continue
            self._holders[key] -= 1
            if self._holders[key] == 0:
                _, kind = self._held[key]
                self._add(kind, -owner.nbytes)
                del self._held[key], self._holders[key]

    def reserve(self, kind: str, nbytes: int, brief: int = 0) -> Reserved:
        """Count declared bytes while something runs; ``brief`` of them are temporary."""
        return Reserved(self, kind, nbytes, brief)

    def count(self, kind: str, nbytes: int) -> None:
        """Add a number of bytes, which may be negative."""
        if nbytes:
            self._add(kind, nbytes)
            self._note_peak()

    def _add(self, kind: str, nbytes: int, brief: int = 0) -> None:
        if nbytes:
            self.bytes[kind] += nbytes
            self.total += nbytes
        if brief:
            self.brief += brief

    def _note_peak(self) -> None:
        if self.total > self.peak_bytes:
            self.peak_bytes, self._peak_by_kind = self.total, dict(self.bytes)
        if self.grown is not None:
            self.grown()


@dataclass(slots=True)
class Reserved:
    """Bytes that a ledger counts within a ``with``."""

    ledger: Ledger
    kind: str
    nbytes: int
    brief: int

    def __enter__(self) -> None:
        self.ledger._add(self.kind, self.nbytes, self.brief)
        self.ledger._note_peak()

    def __exit__(self, *_: object) -> None:
        self.ledger._add(self.kind, -self.nbytes, -self.brief)


def arrays_in(tree: object) -> list[Array]:
    """Every array in nested tuples, lists and dicts."""
    if isinstance(tree, np.ndarray):
        return [tree]
    if isinstance(tree, (tuple, list)):
        parts: Iterable[object] = tree
    elif isinstance(tree, dict):
        parts = tree.values()
    else:
        return []
    found: list[Array] = []
    for part in parts:
        if isinstance(part, np.ndarray):
            found.append(part)
        elif part is not None:
            found += arrays_in(part)
    return found


def alone(array: Array) -> bool:
    """True if an array is the only user of its memory."""
    return _owner(array).nbytes == array.nbytes


def _owner(array: Array) -> Array:
    while (base := array.base) is not None and isinstance(base, np.ndarray):
        array = base
    return array

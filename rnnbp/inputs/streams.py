"""Streams of pieces that come once, kept in a file to be read again."""

from __future__ import annotations

import contextlib
import math
import zlib
from array import array as compact
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeAlias

import numpy as np

from rnnbp.checks.arrays import REAL, as_array
from rnnbp.inputs.held import BLOCK, Check
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError
from rnnbp.storage import PathLike, StorageError
from rnnbp.storage.scratch import ScratchFile

Clean: TypeAlias = Callable[[Array, int], Array]
"""The same, and returns the steps with 0 for values that have no effect; raises for others."""


class Stream:
    """A stream of pieces (steps, ...), which is read once and kept in a file without a name.

    The file is read again for what is run again, so that memory holds no more of the stream than a
    piece and a chunk. Every chunk has its CRC-32 from when it was first read.

    Args:
        name: of the argument. pieces: arrays, all of one shape but for their first axis, and of one
            dtype.
        steps: how many there will be; None if that is not known. folder: where the file goes.

    Raises ShapeError, DtypeError for pieces that do not fit, StorageError where the file cannot be
    used.
    """

    fresh = mapped = True
    counts = False

    def __init__(
        self, name: str, pieces: Iterator[object], steps: int | None, folder: PathLike | None
    ) -> None:
        self.name, self.declared, self._file = name, steps, ScratchFile(folder)
        first = next((array_of(name, piece) for piece in pieces), None)
        if first is None:
            raise ShapeError(
                f"{name} is a stream that ends before its first piece; give an iterator not used "
                "before"
            )
        self._pieces = chain([first], pieces)
        self.shape: Shape = first.shape[1:]
        self.given = self.dtype = first.dtype
        self.arrived, self.ended = 0, False
        self._check: Check = lambda piece, start: None
        self.cleaned: Clean | None = None
        """What makes pieces usable, in the place of a check."""
        self._chunk, self._sums = 0, compact("Q")

    @property
    def known(self) -> bool:
        """Whether the number of steps is known before all have come."""
        return self.declared is not None

    @property
    def _bytes(self) -> int:
        """Of a step in the file."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def steps(self) -> int:
        """How many there are; until that is known, how many have come."""
        return self.arrived if self.declared is None else self.declared

    def check(self, check: Check, cleaned: Clean | None = None) -> None:
        """Have every piece checked when it comes, or by ``cleaned`` checked and made usable."""
        self._check, self.cleaned = check, cleaned

    def has(self, step: int) -> bool:
        """Whether there is such a step; waits for it."""
        if self.declared is not None:
            return step < self.declared
        while self.arrived <= step and not self.ended:
            self._take()
        return step < self.arrived

    def read(self, span: slice) -> Array:
        """A new array of these steps; waits for those that have not come."""
        while self.arrived < span.stop and not self.ended:
            self._take()
        if self.declared == span.stop and not self.ended:
            self._take()
        if self.arrived < span.stop or (self.declared or self.arrived) < self.arrived:
            told = f"steps={self.declared}" if self.declared else f"step {span.stop}"
            found = (
                f"ends after {self.arrived}" if self.arrived < span.stop else "goes on after that"
            )
            raise ShapeError(
                f"{self.name}: the stream is to go to {told} but {found}; x and target must end "
                "alike"
            )
        return self._read(span)

    def check_there(self) -> None: ...

    def again(self, span: slice) -> Array:
        """Steps that have come, whatever the chunks; without a look at their sums."""
        return self._read(span, summed=False)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()

    def _take(self) -> None:
        piece = next(self._pieces, self)
        if piece is self:
            self.ended = True
            if not self.arrived:
                raise ShapeError(
                    f"{self.name} is a stream whose pieces have no steps; give arrays (steps, ...)"
                )
            return
        piece = array_of(self.name, piece)
        where = f"{self.name}: the piece from step {self.arrived}"
        if piece.dtype != self.given:
            raise DtypeError(
                f"{where} has dtype {piece.dtype}, those before it {self.given}; give all of one "
                "dtype"
            )
        if piece.shape[1:] != self.shape or piece.ndim == 0:
            expected = ", ".join(map(str, ("steps", *self.shape)))
            raise ShapeError(
                f"{where} has shape {piece.shape}, expected ({expected}); give all of one shape "
                "but that"
            )
        if len(piece):
            if self.cleaned is None:
                self._check(piece, self.arrived)
            else:
                piece = self.cleaned(piece, self.arrived)
            self._write(piece)
            self.arrived += len(piece)

    def _write(self, piece: Array) -> None:
        rows = max(1, BLOCK // max(1, int(np.prod(self.shape))))
        with self._storing("written to"):
            for k in range(0, len(piece), rows):
                data = (
                    np.ascontiguousarray(piece[k : k + rows], self.dtype)
                    .reshape(-1)
                    .view(np.uint8)
                    .data
                )
                self._file.write((self.arrived + k) * self._bytes, data)

    def _read(self, span: slice, *, summed: bool = True) -> Array:
        found = np.empty((span.stop - span.start, *self.shape), self.dtype)
        self._chunk = self._chunk or len(found) if summed else self._chunk
        data = found.reshape(-1).view(np.uint8).data
        with self._storing("read from"):
            complete = self._file.read(span.start * self._bytes, data)
        if not complete or (summed and not self._same(span.start, zlib.crc32(data))):
            raise StorageError(
                f"{self.name}, steps {span.start} to {span.stop}: the file of the stream was "
                f"damaged; check the disk, and run again"
            )
        return found

    def _same(self, start: int, crc: int) -> bool:
        """Whether the chunk from this step has the sum that it had when it was first read."""
        n = start // self._chunk
        self._sums.extend([0] * (n + 1 - len(self._sums)))
        self._sums[n] = self._sums[n] or crc + 1
        return self._sums[n] == crc + 1

    @contextlib.contextmanager
    def _storing(self, what: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(
                f"{self.name}: the stream cannot be {what} {self._file.place}: "
                f"{error.strerror or error}; choose another folder"
            ) from error


def array_of(name: str, given: object) -> Array:
    return as_array(name, given, kinds=REAL + "c", axes="(T, B, ...)")

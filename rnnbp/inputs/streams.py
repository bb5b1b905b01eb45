"""What has a time axis, read a chunk at a time: arrays, memory maps, and streams of pieces that
come once.
"""

from __future__ import annotations

import contextlib
import math
import zlib
from array import array as compact
from collections.abc import Callable, Iterator
from itertools import chain
from typing import TypeAlias

import numpy as np

from rnnbp.checks.arrays import REAL, Sliceable, as_array, as_read, is_stream, sliceable
from rnnbp.checks.mapped import mapped_file
from rnnbp.numerics import Array, DtypeError, Shape, ShapeError, fix_sizes
from rnnbp.storage import PathLike, StorageError
from rnnbp.storage.scratch import ScratchFile

BLOCK = 2**14
"""Elements that are checked, cast or written at once."""
AT_ONCE = 2**17
"""Elements of an array in memory that are checked at once."""
Check: TypeAlias = Callable[[Array, int], None]
"""(steps, number of the first) -> None; raises for values that cannot be used."""
Clean: TypeAlias = Callable[[Array, int], Array]
"""The same, and returns the steps with 0 for values that have no effect; raises for others."""


class Held:
    """An array (T, ...), in memory, memory-mapped, or of a library that reads slices from a file."""

    known = True
    """Whether the number of steps is known before all have come."""

    def __init__(self, given: Sliceable, *, fresh: bool = False) -> None:
        # slices of a view are plain arrays, and sooner made than those of a memory map
        array = np.asarray(given).view() if isinstance(given, np.ndarray) else None
        self.given: Sliceable = given if array is None else array
        self._fixed = [] if array is None else fix_sizes([array])
        self.steps: int = given.shape[0]
        self.shape: Shape = tuple(given.shape[1:])
        self.dtype = np.dtype(given.dtype)
        self.array = None if fresh else array
        """The whole, of which ``read`` returns views; None if each read makes a new array."""
        self.fresh = self.array is None
        """True if each read makes a new array."""
        plain = type(given) is np.ndarray and given.base is None
        self.mapped = not plain and (array is None or _by_map(array))
        """True if it is, or may be, larger than memory."""
        self._file = None if plain else mapped_file(array)
        self.check_there()

    def has(self, step: int) -> bool:
        return step < self.steps

    def read(self, span: slice) -> Array:
        self.check_there()
        if span.stop > self.steps:
            raise ShapeError(
                f"target and mask must be as long as x, found one of {self.steps} steps; end them "
                "alike"
            )
        found: Array = self.given[span]
        if type(found) is not np.ndarray:  # of a file, or a memory map
            found = as_read("what was read from a file", found)
        if self.fresh:
            self._check(found, span)
            found = (
                found if found.base is None else found.copy()
            )  # it may be a part of something larger
        return found

    def check_there(self) -> None:
        """Raise StorageError where its file was cut short.

        Memory that is gone would be read otherwise, which ends the process. What another process
        does between this look and the reading is not seen.
        """
        if self._file is not None:
            self._file.check()

    def _check(self, found: Array, span: slice) -> None:
        """Raise for slices that are not what the whole was said to be."""
        expected = (span.stop - span.start, *self.shape)
        if found.shape != expected or found.dtype != self.dtype:
            raise ShapeError(
                f"steps {span.start} to {span.stop} were read as {found.dtype} of shape "
                f"{found.shape}, expected {self.dtype} of shape {expected}; give an array, or "
                "repair what reads the slices"
            )

    again = read

    def check(self, check: Check) -> None:
        """Check all steps, a block at a time: nothing of the length of the sequence is made."""
        block = BLOCK if self.mapped else AT_ONCE
        rows = max(1, block // max(1, math.prod(self.shape)))
        for start in range(0, self.steps, rows):
            check(self.read(slice(start, min(start + rows, self.steps))), start)

    def close(self) -> None:
        """The array may be resized again."""
        self._fixed.clear()


class Stream:
    """A stream of pieces (any number of steps, ...), which is read once and kept in a file without
    a name.

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

    def __init__(
        self, name: str, pieces: Iterator[object], steps: int | None, folder: PathLike | None
    ) -> None:
        self.name, self.declared, self._file = name, steps, ScratchFile(folder)
        first = next((_array(name, piece) for piece in pieces), None)
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
        piece = _array(self.name, piece)
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


@contextlib.contextmanager
def counted_from(start: int) -> Iterator[None]:
    """Errors of what is checked in parts say from which step they count."""
    try:
        yield
    except (ValueError, TypeError, IndexError) as error:
        if start:
            error.add_note(f"steps are counted from step {start} of the sequence")
        raise


Series: TypeAlias = Held | Stream


def series(
    name: str, given: object, steps: int | None = None, folder: PathLike | None = None
) -> Series:
    """``given`` as one of the two. What has an ``__iter__`` but no length is a stream."""
    if is_stream(given):
        return Stream(name, iter(given), steps, folder)
    found = Held(given if sliceable(given) else _array(name, given))
    if steps is not None and found.steps != steps:
        raise ShapeError(
            f"{name} has {found.steps} steps, found steps={steps}; leave steps out, it is for "
            "streams"
        )
    return found


def _by_map(array: object) -> bool:
    """Whether it is a memory map, or a view of one."""
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    return isinstance(array, np.memmap)


def _array(name: str, given: object) -> Array:
    return as_array(name, given, kinds=REAL + "c", axes="(T, B, ...)")

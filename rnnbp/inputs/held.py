"""Arrays, memory maps and arrays in files, read a chunk at a time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from rnnbp.checks.arrays import as_read
from rnnbp.checks.kinds import Sliceable
from rnnbp.checks.mapped import mapped_file
from rnnbp.numerics import Array, Shape, ShapeError, fix_sizes, lies

BLOCK = 2**14
"""Elements that are checked, cast or written at once."""
AT_ONCE = 2**17
"""Elements of an array in memory that are checked at once."""
IN_PLACE = 2**20
"""The same where each look is some calls in Python, and takes no memory."""
Check: TypeAlias = Callable[[Array, int], None]
"""(steps, number of the first) -> None; raises for values that cannot be used."""


class Held:
    """An array (T, ...): in memory, memory-mapped, or of a library that reads from a file."""

    known = True
    """Whether the number of steps is known before all have come."""
    counts = False
    """True of a mask that is 0 or 1 by the lengths of rows alone."""

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
        if not plain:
            self.check_there()

    @property
    def views(self) -> bool:
        """True if ``read`` returns views that lie as machine code reads them."""
        return self.array is not None and lies(self.array)

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
            # It may be a part of something larger.
            found = found if found.base is None else found.copy()
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


def _by_map(array: object) -> bool:
    """Whether it is a memory map, or a view of one."""
    while isinstance(array, np.ndarray) and not isinstance(array, np.memmap):
        array = array.base
    return isinstance(array, np.memmap)

"""The errors of shapes, dtypes, values and files."""

from __future__ import annotations

from rnnbp.numerics.text import escaped


class ShapeError(ValueError):
    """An array whose shape does not fit; names the place, the axis, expected, found, the cure."""


class NonFiniteError(ValueError):
    """NaN, infinity, or a number beyond the dtype, in data that count."""


class DtypeError(TypeError):
    """An array whose dtype does not fit."""


class StorageError(ValueError):
    """A file that cannot be written, or that is not as it was written.

    Characters of a message that would control a terminal are escaped: names in it may come from a
    file.
    """

    def __init__(self, message: str) -> None:
        super().__init__(escaped(message))

"""Typed access to JSON in a file: errors name the file, the place, and what is wrong."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import NoReturn, Self

from rnnbp.numerics import StorageError, escaped, shown
from rnnbp.storage.errors import JSON, PathLike
from rnnbp.storage.reading import read_bounded
from rnnbp.storage.strict import parse, room

LARGEST = 2**63 - 1
"""Of a count; more than an array or a file can have."""


class Fields:
    """A dict from a file. Accessors raise StorageError, with file, place and cure.

    ``where`` is the place of the dict in the file, as "snapshot"; ``cure`` ends the sentences.
    """

    def __init__(
        self,
        path: PathLike,
        values: Mapping[str, JSON],
        where: str = "",
        cure: str = "restore it from a copy",
    ) -> None:
        self.path, self.values, self.where, self.cure = path, values, where, cure

    @classmethod
    def read(cls, path: PathLike, most: int, cure: str = "restore it from a copy") -> Self:
        """The dict in a JSON file of at most ``most`` bytes."""
        data = read_bounded(path, most)
        try:
            values = parse(data, room(len(data)))
        except ValueError as error:
            raise StorageError(f"{path} is damaged ({error}); {cure}") from None
        if not isinstance(values, dict):
            raise StorageError(f"{path} is damaged (it holds no dict but {shown(values)}); {cure}")
        return cls(path, values, cure=cure)

    def raw(self, name: str) -> JSON:
        """The value under ``name``, of any type."""
        if name not in self.values:
            self.refuse(f"{self._place(name)} is missing")
        return self.values[name]

    def text(self, name: str) -> str:
        """A str."""
        value = self.raw(name)
        return value if isinstance(value, str) else self._wrong(name, "a text", value)

    def number(self, name: str, least: float = 0.0) -> float:
        """A finite number of at least ``least``."""
        value = self.raw(name)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            return self._wrong(name, "a number", value)
        if not least <= value or not abs(value) <= sys.float_info.max:
            return self._wrong(name, f"a number from {least:g}", value)
        return float(value)

    def whole(self, name: str, least: int = 0, most: int = LARGEST) -> int:
        """An int in [least, most]."""
        value = self.raw(name)
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            return self._wrong(name, f"a whole number from {least} to {most}", value)
        return value

    def wholes(self, name: str, least: int = 0, most: int = LARGEST) -> list[int]:
        """A list of ints in [least, most]."""
        value = self.raw(name)
        if not isinstance(value, list):
            return self._wrong(name, "a list", value)
        found = [
            v
            for v in value
            if isinstance(v, int) and not isinstance(v, bool) and least <= v <= most
        ]
        if len(found) < len(value):
            return self._wrong(name, f"a list of whole numbers from {least} to {most}", value)
        return found

    def fields(self, name: str) -> Fields:
        """A dict."""
        value = self.raw(name)
        if not isinstance(value, dict):
            return self._wrong(name, "a dict", value)
        return Fields(self.path, value, self._place(name), self.cure)

    def missing(self, name: str) -> bool:
        """True if ``name`` is absent or null."""
        return self.values.get(name) is None

    def only(self, *names: str) -> None:
        """Raise unless all names are among these."""
        for name in self.values:
            if name not in names:
                self.refuse(f"{self._place(name)} is unexpected")

    def refuse(self, reason: str) -> NoReturn:
        """Raise StorageError for the file."""
        raise StorageError(f"{self.path} is damaged ({reason}); {self.cure}")

    def _wrong(self, name: str, expected: str, value: object) -> NoReturn:
        self.refuse(f"{self._place(name)} must be {expected}, found {shown(value)}")

    def _place(self, name: str) -> str:
        return f"{self.where}{': ' if self.where else ''}{escaped(name, 80)}"

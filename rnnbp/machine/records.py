"""Records and places: what Python writes into memory for machine code to read, by name.

A *record* is a row of numbers of 64 bits. A *place* is one such number that packs the index of an
array and a byte offset into it, so that a table of places is made once and serves whatever arrays
come with a job: only their addresses (``bases``) are new.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import final

OFFSET_BITS = 44
"""Bits of a place that hold the byte offset; the index of the array is above them."""
# 2⁴⁴ bytes are 16 TB, and the bits above, without the sign, count half a million arrays of a job,
# which has some hundreds at most. A number past either limit would run into the other part without
# an error, so both limits are far away from what a machine's memory allows.


@final
class Record:
    """The fields of a record in their order, each with its LLVM type, "i64" or "ptr".

    One definition serves both sides: Python packs by ``offset``, LLVM text reads by ``loads``.
    """

    def __init__(self, **kinds: str) -> None:
        self.kinds = kinds
        self.offset = {name: k for k, name in enumerate(kinds)}
        """By field, how many numbers stand before it."""
        self.size = len(kinds)

    def loads(self, base: str, *names: str) -> str:
        """LLVM text that loads the fields ``names`` (all, if none is named) of the record at %base.

        Each becomes a variable of its field's name.
        """
        fields = names or tuple(self.kinds)
        return loads(
            base, fields, [self.kinds[f] for f in fields], [self.offset[f] for f in fields]
        )


def place(array: int, nbytes: int = 0) -> int:
    """The place ``nbytes`` after the start of the array of this index among the job's arrays."""
    return (array << OFFSET_BITS) + nbytes


def loads(
    base: str, names: Sequence[str], kinds: Sequence[str], offsets: Iterable[int] | None = None
) -> str:
    """LLVM text that loads numbers from %base: consecutive ones, or those at ``offsets``."""
    at = range(len(names)) if offsets is None else offsets
    lines = [
        f"  %{name}.at_ = getelementptr i64, ptr %{base}, i64 {k}\n"
        f"  %{name} = load {kind}, ptr %{name}.at_"
        for k, name, kind in zip(at, names, kinds, strict=True)
    ]
    return "\n".join(lines)


def located(base: str, names: Sequence[str], offsets: Iterable[int] | None = None) -> str:
    """LLVM text that turns the places at %base into addresses, through the array %bases."""
    codes = loads(base, [f"{name}.place" for name in names], ["i64"] * len(names), offsets)
    return "\n".join([codes, *map(address_of, names)])


def address_of(name: str) -> str:
    """LLVM text that makes the address %name of the place %name.place."""
    return f"""  %{name}.index = lshr i64 %{name}.place, {OFFSET_BITS}
  %{name}.base = getelementptr ptr, ptr %bases, i64 %{name}.index
  %{name}.array = load ptr, ptr %{name}.base
  %{name}.nbytes = and i64 %{name}.place, {2**OFFSET_BITS - 1}
  %{name} = getelementptr i8, ptr %{name}.array, i64 %{name}.nbytes"""

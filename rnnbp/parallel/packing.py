"""Arrays by name as one flat array for each dtype, so that few messages carry them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from rnnbp.memory_pool import Reuse
from rnnbp.numerics import Array, Dtype, DtypeError, Shape, ShapeError
from rnnbp.support.lazy import cached_property

Flat: TypeAlias = tuple[Array, ...]
"""The arrays of a shard, packed: contiguous ones (n,), each of a length and dtype of its own."""


@dataclass(frozen=True)
class Packing:
    """Names, shapes and dtypes of the arrays of a shard; ``owner`` is its name in errors."""

    owner: str
    shapes: Mapping[str, Shape]
    dtypes: Mapping[str, Dtype]

    @classmethod
    def of(cls, owner: str, arrays: Mapping[str, Array]) -> Packing:
        """That of these arrays."""
        shapes = {name: array.shape for name, array in arrays.items()}
        return cls(owner, shapes, {name: array.dtype for name, array in arrays.items()})

    def check(self, owner: str, arrays: Mapping[str, Array]) -> None:
        """Raise ValueError, ShapeError or DtypeError for names, shapes or dtypes that differ."""
        if [*arrays] != [*self.shapes]:
            raise ValueError(
                f"{owner} has the names {[*arrays]}, and {self._number} {[*self.shapes]}; give the "
                "same ones in the same order"
            )
        for name, array in arrays.items():
            what = f"{owner}, {name}" if name else owner
            if array.shape != (shape := self.shapes[name]):
                raise ShapeError(
                    f"{what} has shape {array.shape}, and {self._number} {shape}; give one shape"
                )
            if array.dtype != (dtype := self.dtypes[name]):
                raise DtypeError(
                    f"{what} has dtype {array.dtype}, and {self._number} {dtype}; give one dtype"
                )

    def empty(self, memory: Reuse) -> Flat:
        """Flat arrays of undefined values."""
        return tuple(
            memory.new((sum(math.prod(self.shapes[name]) for name in names),), dtype)
            for dtype, names in self._groups.items()
        )

    def unpacked(self, flat: Sequence[Array]) -> dict[str, Array]:
        """The arrays again, as views of ``flat``."""
        found = dict(self.views(flat))
        return {name: found[name] for name in self.shapes}

    def views(self, flat: Sequence[Array]) -> Iterator[tuple[str, Array]]:
        """The arrays as views of ``flat``, one after the other."""
        for names, array in zip(self._groups.values(), flat, strict=True):
            start = 0
            for name in names:
                end = start + math.prod(self.shapes[name])
                yield name, array[start:end].reshape(self.shapes[name])
                start = end

    @property
    def _number(self) -> str:
        return self.owner.rpartition(": ")[2]

    @cached_property
    def _groups(self) -> dict[Dtype, list[str]]:
        """The names by dtype, in the order in which dtypes come first."""
        found: dict[Dtype, list[str]] = {}
        for name, dtype in self.dtypes.items():
            found.setdefault(dtype, []).append(name)
        return found


class Shard(NamedTuple):
    """The arrays of a shard, which have been checked against ``packing``."""

    packing: Packing
    arrays: Mapping[str, Array]

    def packed(self, memory: Reuse) -> Flat:
        """A copy of its elements in order, as flat arrays."""
        flat = self.packing.empty(memory)
        for name, view in self.packing.views(flat):
            view[...] = self.arrays[name]
        return flat

    def add_to(self, flat: Flat) -> None:
        """Add it to the sum of other shards, in place; there is no need to pack it."""
        for name, view in self.packing.views(flat):
            view += self.arrays[name]

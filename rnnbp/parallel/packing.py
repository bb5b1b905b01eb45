"""Arrays by name as one flat array for each dtype, so that few messages carry them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rnnbp.numerics import Array, Dtype, DtypeError, Shape, ShapeError


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

    def packed(self, arrays: Mapping[str, Array]) -> tuple[Array, ...]:
        """New arrays (n,), one for each dtype, with the elements of ``arrays`` in order."""
        return tuple(
            np.concatenate([arrays[name].reshape(-1) for name in names]) for names in self._groups()
        )

    def unpacked(self, flat: Sequence[Array]) -> dict[str, Array]:
        """The arrays again, as views of ``flat``."""
        found: dict[str, Array] = {}
        for names, array in zip(self._groups(), flat, strict=True):
            start = 0
            for name in names:
                end = start + math.prod(self.shapes[name])
                found[name] = array[start:end].reshape(self.shapes[name])
                start = end
        return {name: found[name] for name in self.shapes}

    @property
    def _number(self) -> str:
        return self.owner.rpartition(": ")[2]

    def _groups(self) -> list[list[str]]:
        """The names by dtype, in the order in which dtypes come first."""
        dtypes = dict.fromkeys(self.dtypes.values())
        return [[name for name, own in self.dtypes.items() if own == dtype] for dtype in dtypes]

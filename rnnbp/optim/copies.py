"""How optimisers are copied and pickled."""

from __future__ import annotations

from typing import Self

import numpy as np

from rnnbp.numerics import Array, Dtype
from rnnbp.support.pickled import all_once


class Copied:
    """Shallow copies have the same parameters and their own state; pickles keep what is shared."""

    params: dict[str, Array]
    _slots: dict[str, dict[str, Array]]
    _scratch: dict[Dtype, Array]

    def __copy__(self) -> Self:
        found = self._alias()
        slots = {path: {k: a.copy() for k, a in own.items()} for path, own in self._slots.items()}
        scratch = {dtype: np.empty_like(rows) for dtype, rows in self._scratch.items()}
        vars(found).update(_slots=slots, _scratch=scratch)
        return found

    def __getstate__(self) -> dict[str, object]:
        return vars(self) | {"params": all_once(self.params)}

    def _alias(self) -> Self:
        """An object with the same attributes."""
        found = object.__new__(type(self))
        vars(found).update(vars(self))
        return found

"""Names, and the numbers that a file holds: parameters, and constants of nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import numpy as np

from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.numerics import Array


@final
class Names:
    """Names that differ. ``reserved`` are those of the inputs and outputs of the graph."""

    def __init__(self, reserved: set[str]) -> None:
        self._known = set(reserved)

    def new(self, base: str) -> str:
        """A name that nothing has yet: ``base``, or with a number."""
        found, count = base, 0
        while found in self._known:
            count += 1
            found = f"{base}_{count}"
        self._known.add(found)
        return found


@final
class Held:
    """The numbers that a file holds, each array once.

    Args:
        paths: by owner and key, the names of parameters.
    """

    def __init__(self, names: Names, paths: Mapping[tuple[int, str], str]) -> None:
        self.names, self.paths, self.arrays = names, paths, dict[str, Array]()
        self._known: dict[tuple[object, ...], Tensor] = {}

    def constant(self, value: Array, name: str) -> Tensor:
        """A tensor of these numbers, without leading axes; equal ones are one."""
        array = np.ascontiguousarray(value).reshape(value.shape)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._known:
            self._known[key] = self._stored(array, name)
        return self._known[key]

    def parameter(self, owner: dict[str, Array], key: str) -> Tensor:
        """A parameter, under its path; one that is tied is there once."""
        array = owner[key]
        if (id(array),) not in self._known:
            path = self.paths.get((id(owner), key), key)
            self._known[id(array),] = self._stored(np.ascontiguousarray(array), path)
        return self._known[id(array),]

    def _stored(self, array: Array, base: str) -> Tensor:
        found = Tensor(self.names.new(base), 0, array.shape)
        self.arrays[found.name] = array
        return found

"""How layers of a class are built again: the arguments, and where a layer has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeAlias

import numpy as np

from rnnbp.initializers import Adopted
from rnnbp.layers.base import Layer
from rnnbp.numerics import Array, shown

Read: TypeAlias = Callable[[Layer], object]
"""Reads an argument of the constructor from a layer, as it is now."""


@dataclass(frozen=True)
class Kind:
    """How layers of a class are built again.

    Attributes:
        make: the class, or what builds one.
        arguments: what reads each argument.
        spread: the argument whose items the constructor takes one by one; "" for none.
        initial: arguments that are initializers of parameters.
        sized: the argument that is the shape of all parameters; "" for none.
    """

    make: Callable[..., Layer]
    arguments: Mapping[str, Read]
    spread: str = ""
    initial: tuple[str, ...] = ()
    sized: str = ""

    def options(self, layer: Layer) -> dict[str, object]:
        """The arguments that a layer would be built from."""
        named = {} if layer.name is None else {"name": layer.name}
        return {name: read(layer) for name, read in self.arguments.items()} | named

    def build(self, options: Mapping[str, object], arrays: Mapping[str, Array]) -> Layer:
        """A layer with these parameters.

        Raises what its constructor raises, ValueError for arrays of other shapes: before anything
        of their size is allocated.
        """
        given = dict(options)
        if self.sized and any(given.get(self.sized) != a.shape for a in arrays.values()):
            raise ValueError(f"its {self.sized} {shown(given.get(self.sized))} is not that of all")
        if self.initial:
            given |= dict.fromkeys(self.initial, Adopted(arrays.values()))
            given["dtype"] = np.result_type(*arrays.values()) if arrays else np.float32
        items = given.pop(self.spread, ())
        if not isinstance(items, tuple):
            raise TypeError(f"its {self.spread} are {shown(items)}")
        return self.make(*items, **given)


def kind(
    cls: Callable[..., Layer],
    names: str = "",
    more: Mapping[str, Read] | None = None,
    *,
    initial: str = "",
    sized: str = "",
) -> Kind:
    """A Kind whose arguments are attributes of their names, one with a * spread; ``more`` reads
    others."""
    given = {name.removeprefix("*"): name for name in names.split()}
    spread = next((name for name, written in given.items() if name != written), "")
    plain = {name: attrgetter(name) for name in given}
    return Kind(cls, plain | dict(more or {}), spread, tuple(initial.split()), sized)

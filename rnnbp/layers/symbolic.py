"""What a layer is called on to describe a network, instead of on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnbp.layers.base import Given, Layer


class Symbolic:
    """A value of a network that is being described; ``rnnbp.graph.values.Value`` implements it."""

    def apply_layer(self, block: Layer, args: Sequence[Given]) -> Given:
        """The outputs of a layer applied to values."""
        raise NotImplementedError  # no abstract class: each call of a layer would pay for its slower isinstance


def refuse_list(block: object, given: Sequence[object]) -> None:
    """Raise TypeError for values in one list, as Keras has them."""
    for values in given:
        if isinstance(values, list | tuple) and any(isinstance(v, Symbolic) for v in values):
            what = "a list" if isinstance(values, list) else "a tuple"
            names = "x" if len(values) == 1 else "x, h"
            raise TypeError(
                f"{block} takes its values one by one, found {what} of {len(values)}; call "
                f"layer({names}), not layer([{names}])"
            )

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

"""What the layers that draw random numbers share: how often the numbers change, and their modes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from rnnbp.layers.base import Layer
from rnnbp.layers.frozen import Check
from rnnbp.numerics import Array, ShapeError, real_number
from rnnbp.rng import Context, Per, check_per

share = partial(real_number, least=0, below=1)
"""Checks a probability below 1, as ``real_number``."""


class RandomLayer(Layer):
    """A layer without parameters that draws numbers in training, and none outside it.

    Args:
        per: "step" or "sequence".
        name: its name in ``repr`` and errors.
    """

    random: ClassVar[bool] = True
    settable: ClassVar[Mapping[str, Check]] = {"per": check_per}
    every_step: bool
    """True if ``per`` is "step"; snapshots hold it by this name."""

    def __init__(self, per: Per, *, name: str | None = None) -> None:
        super().__init__(name=name)
        self.params = {}
        self.every_step = check_per(f"{type(self).__name__}: per", per) == "step"

    @property
    def per(self) -> Per:
        """ "step" if numbers are new at every step, "sequence" if all steps have the same."""
        return "step" if self.every_step else "sequence"

    @property
    @abstractmethod
    def evaluated(self) -> Layer:
        """The layer that does what this one does outside training, for bytes and code."""

    def set(self, **options: object) -> None:
        """As ``Layer.set``: changes the options in ``settable``."""
        super().set(**options)
        own = vars(self)
        if "per" in own:
            own["every_step"] = own.pop("per") == "step"

    def drawing(self, x: Array, context: Context | None) -> Context | None:
        """The context to draw numbers of the shape of ``x`` from; None outside training.

        Raises:
            ShapeError: where x does not have the steps of the context.
        """
        if context is None or not context.training:
            return None
        if context.length is not None and x.shape[:1] != (context.length,):
            raise ShapeError(
                f"{self}: input axis 0 must be the {context.length} steps of the chunk, found "
                f"shape {x.shape}; give it shape (L, B, ...), or a context of that length"
            )
        return context

    def per_shown(self) -> str:
        """``per`` as ``describe`` shows it: nothing for the default."""
        return "" if self.every_step else f", per={self.per!r}"


def in_mode(layer: Layer, *, training: bool) -> Layer:
    """The layer that has the bytes and code of ``layer`` in a mode."""
    return layer if training or not isinstance(layer, RandomLayer) else layer.evaluated

"""Targets and masks of items for each output of a model: at each step, at the last, or of each."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.checks.arrays import plain
from rnnbp.inputs.given import SeriesLike
from rnnbp.numerics import Array, Shape, ShapeError
from rnnbp.support.callers import outside
from rnnbp.train.item_outputs import Key, is_row
from rnnbp.train.last import at_last, known_steps, of_sequences
from rnnbp.train.source import time_first


@final
@dataclass(frozen=True, slots=True)
class Placing:
    """How the targets of items are placed.

    Attributes:
        batch_first: the order of axes of the user's arrays.
        last: True for targets of the last step.
        of_each: the outputs that are one value for each sequence, whose targets stay as they are.
    """

    batch_first: bool
    last: bool
    of_each: frozenset[Key]

    def placed(
        self,
        key: Key,
        target: Array | None,
        mask: SeriesLike,
        lengths: Array | None,
        leads: list[Shape],
    ) -> tuple[Array | None, Array | None]:
        """(target, mask) of an output, time-first.

        Args:
            mask: (B,) weights of sequences, or as x; None where there are ``lengths``.
            leads: (B, T) of each series of x.
        """
        at, weights = (
            "" if key == "" else f"[{key!r}]",
            plain("mask", mask) if mask is not None else None,
        )
        if key in self.of_each:
            return target, weights
        lead = self.fitting(leads, weights if target is None or self.last else target)
        if lengths is not None:
            weights = known_steps(lengths, lead[1])
        elif is_row(weights):
            warn_of_lengths(weights, lead[1])
            weights = of_sequences(f"mask{at}", weights, lead)
        elif weights is not None:
            weights = self._led(f"mask{at}", weights, lead)
        if target is not None and self.last:
            target, weights = self._at_last(f"target{at}", target, weights, lead)
        elif target is not None:
            target = self._led(f"target{at}", target, lead)
        return time_first(target), time_first(weights)

    def _at_last(
        self, name: str, target: Array, weights: Array | None, lead: Shape
    ) -> tuple[Array, Array]:
        """A target of each sequence at its last step, and its weights."""
        if target.shape[:1] != lead[:1]:
            raise ShapeError(
                f"{name} axis 0 must have size {lead[0]}, one for each sequence of x, found shape "
                f"{target.shape}; leave last=True out for targets of each step"
            )
        return at_last(target, weights, lead[1])

    def fitting(self, leads: list[Shape], given: Array | None) -> Shape:
        """(B, T) of the first series that a target or mask fits, or of the first of all."""
        shape = () if given is None else given.shape[:2]
        return next((lead for lead in leads if lead[:: self._order] == shape), leads[0])

    @property
    def _order(self) -> int:
        """The step by which (B, T) is read to have the order of the user's axes."""
        return 1 if self.batch_first else -1

    def _led(self, name: str, array: Array, lead: Shape) -> Array:
        """A target or mask that begins with the axes (B, T) of x."""
        found = array if self.batch_first or array.ndim < 2 else array.swapaxes(0, 1)
        if found.shape[:2] != lead:
            cure = "give one for each step"
            if name.startswith("target") and found.shape[:1] == lead[:1]:
                cure = f"for one target of each sequence say last=True{of_static(name)}"
            raise ShapeError(
                f"{name} must begin with the axes {lead[:: self._order]} of x, found shape "
                f"{array.shape}; {cure}"
            )
        return found


def of_static(name: str) -> str:
    """The cure for a target of each sequence of a static output, whose model is not known."""
    named = "'target'" if name == "target" else name.removeprefix("target")
    return f", or static={named} where the output of the model is one for each"


def warn_of_lengths(weights: Array, steps: int) -> None:
    """Warn of weights of sequences that look like their lengths."""
    whole = weights.dtype.kind == "f" and (weights == np.round(weights)).all()
    if whole and steps > 1 and weights.min() >= 1 and weights.max() == steps:
        warnings.warn(
            f"Batches: the third of an item is {weights.dtype} of shape {weights.shape}, weights of "
            f"the sequences, and has whole numbers up to T = {steps}: lengths are integers, give "
            "lengths.astype(int)",
            RuntimeWarning,
            outside(),
        )

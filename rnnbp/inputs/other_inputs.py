"""The inputs of a run apart from x, which is the first that has a value at each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from rnnbp.inputs.passed import ONE, Form
from rnnbp.inputs.series import Series
from rnnbp.numerics import Array, Shape


@final
@dataclass(frozen=True)
class OtherInputs:
    """The inputs of a model of several, x apart; of a model of one input there are none.

    Attributes:
        x: the number of x among the inputs.
        series: by number, the others that have a value at each step, (T, B, ...).
        static: by number, those with one value for each sequence, (B, ...), as layers read them:
            read-only, in C order, floats in the model's dtype, symbols as int64.
        copied: the numbers of those static ones that are copies of the caller's.
        form: how the inputs were passed.
    """

    x: int = 0
    series: Mapping[int, Series] = field(default_factory=dict)
    static: Mapping[int, Array] = field(default_factory=dict)
    copied: frozenset[int] = frozenset()
    form: Form = ONE

    def __len__(self) -> int:
        return len(self.series) + len(self.static)

    @property
    def numbers(self) -> tuple[int, ...]:
        """Those of the inputs that have a value at each step, x first."""
        return (self.x, *self.series)

    def shapes(self, x_shape: Shape) -> tuple[Shape, ...]:
        """The feature shapes of all inputs, x among them."""
        if not self.form.several:
            return (x_shape,)
        found = {self.x: x_shape}
        found |= {k: part.shape[1:] for k, part in self.series.items()}
        found |= {k: array.shape[1:] for k, array in self.static.items()}
        return tuple([found[k] for k in range(len(found))])

    @property
    def kind(self) -> tuple[object, ...]:
        """What runs that take memory alike have in common."""
        if not self.form.several:
            return ()
        series = [(k, part.shape, part.dtype, part.fresh) for k, part in self.series.items()]
        static = [(k, array.shape, k in self.copied) for k, array in self.static.items()]
        return (*series, *static)


NO_OTHERS = OtherInputs()
"""Of a model of one input."""

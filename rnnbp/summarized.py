"""``model.summary()``, which layers and networks have in common."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import ClassVar

from rnnbp.numerics import Shape
from rnnbp.summaries import Summary
from rnnbp.support.callers import outside
from rnnbp.wording.arguments import takes
from rnnbp.wording.instead import MODEL, SET, WEIGHTS, Instead, with_example

Summarize = Callable[..., Summary]

_makers: list[Summarize] = []


def made_by(summarize: Summarize) -> Summarize:
    """Decorate what makes summaries: it knows bytes and operations, which layers do not."""
    _makers.append(summarize)
    return summarize


class Summarized(Instead):
    """What layers and networks have in common."""

    _instead = MODEL
    _has_paths: ClassVar[bool] = False
    """True for networks, whose parameters are those of their layers."""

    def __setattr__(self, name: str, value: object) -> None:
        """Raise AttributeError for what other libraries set, and would change nothing here."""
        if name in SET and _is_ours(self):
            way = with_example(SET[name], self)
            raise AttributeError(f"{type(self).__name__}.{name} cannot be set; {way}", obj=self)
        if self._has_paths and name.startswith(WEIGHTS) and _is_ours(self):
            text = (
                f"{type(self).__name__}.{name} = ... changes no parameter; write into the live "
                "array, as model.params[path][...] = array; list(model.params) has the paths"
            )
            warnings.warn(text, UserWarning, stacklevel=outside())
        super().__setattr__(name, value)

    @takes()
    def summary(
        self,
        steps: int | dict[str, int] | None = None,
        batch: int | None = None,
        *,
        chunk: int | dict[str, int] | None = None,
        x_shape: Shape | tuple[Shape | None, ...] | dict[str, Shape | None] | None = None,
    ) -> Summary:
        """Its layers, their output shapes and parameters, as Keras has it:
        ``print(model.summary())``.

        Args:
            steps, batch: T and B of x. With them, what each layer keeps for backward where all is
                cached, and its floating-point operations forward. Of several time axes steps is a
                dict by axis, and so may chunk be.
            chunk: steps in a chunk, as of ``bptt``: the state at its beginning is kept too.
            x_shape: feature shape of x, () for symbols; None where the first layer or Input says
                it. Of several inputs a tuple or a dict of one for each.

        Of a Cell alone, as ``rb.LSTM(3, 8).cell``, the rows are the layers of a step. Raises
        ValueError for steps without batch, ShapeError where shapes do not fit, or are not known and
        steps are given.

        >>> import rnnbp as rb
        >>> found = rb.Sequential(rb.LSTM(3, 8), rb.Dense(8, 1)).summary(steps=100, batch=2)
        >>> [(row.name, row.layer, row.output_shape, row.parameters) for row in found.rows]
        [('0', 'LSTM(3, 8)', (8,), 416), ('1', 'Dense(8, 1)', (1,), 9)]
        >>> found.parameters, found.rows[1].flops
        (425, 3400)
        """
        return _makers[-1](self, steps, batch, chunk=chunk, x_shape=x_shape)


def _is_ours(owner: object) -> bool:
    """True unless a subclass of the user's own defines attributes."""
    return type(owner).__module__.startswith("rnnbp.")

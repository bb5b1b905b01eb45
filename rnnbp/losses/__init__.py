"""Losses: means over all elements of a sequence that have weight, whatever the chunks.

Each name has its own help, as ``help(rnnbp.losses.CrossEntropy)``.

Classes
    CrossEntropy               of class numbers, from logits: softmax is part of it
    BinaryCrossEntropy         of 0 and 1, from logits: sigmoid is part of it
Numbers
    MeanSquaredError, MeanAbsoluteError, Huber
    Quantile                   of a forecast; one quantile or several
Penalties
    L1, L2                     of parameters, added to a loss: loss + L2(1e-4, "*.weight*")
Gaps
    Known                      one of these, of the elements of a target that are not NaN
Your own
    PerStep, WholeSequence     by a function of elements or steps; of the whole sequence at once
    Elementwise, Loss          by a class

A loss of your own is one of these; each works with masks, ``Sequences(last=True)``, budgets,
``evaluate`` and ``check_grads``:

- ``PerStep(f)``: ``f(y, target) -> (values, dy)``, values of elements or steps. The mean over the
  whole sequence is the library's.
- ``WholeSequence(f)``: ``f(y, target) -> (value, dy)`` of all steps at once, as a ratio of sums or
  a correlation. The outputs of all steps are held, so checkpoints save less.
- a function ``(y, target) -> (value, dy)``, called once per chunk, whose values are summed; one
  whose values do not add up over steps, as a mean, is refused where there are several chunks. That
  is seen by a few more calls, in the first run of a function. With a mask of 0 and 1 it is called
  with the steps that count, (N, 1, ...); with a third argument, as ``(y, target, mask)``.
- a subclass of ``Elementwise`` (one method) or ``Loss`` (two).

>>> import numpy as np, rnnbp as rb
>>> x, target = np.zeros((6, 1, 2), np.float32), np.ones((6, 1, 3), np.float32)
>>> model = rb.RNN(2, 3, bias=False)  # whose y is 0 here
>>> def squares(y, target):
...     d = y - target
...     return d**2, 2 * d
>>> rb.bptt(model, x, target, rb.losses.PerStep(squares), chunk=4).loss
1.0

A subclass of ``Loss`` says the sum of all losses with its derivative, and what it is divided by.
So a ratio whose denominator depends on the target alone needs no more than a chunk at a time:

>>> class ErrorToSignal(rb.losses.Loss):  # Σ (y − t)² / Σ t²
...     def summed(self, y, target, weights=None):
...         d = (y - target) * (1 if weights is None else weights[..., None])
...         return float((d * (y - target)).sum()), 2 * d
...
...     def weight(self, target, weights=None, *, outputs):
...         return float((target**2 * (1 if weights is None else weights[..., None])).sum())
>>> rb.bptt(model, x, 2 * target, ErrorToSignal(), chunk=4).loss
1.0

Masks are of steps. Where only some elements of a target are known, the others are NaN in it, and
``Known`` leaves them out:

>>> target[:5, :, 1:] = np.nan
>>> rb.bptt(model, x, target, rb.losses.Known(rb.losses.MeanSquaredError()), chunk=4).loss
1.0

So it does for ``Quantile``, ``Huber`` and the like, and an ``Elementwise`` of your own.
"""

from typing import TYPE_CHECKING

from rnnbp.losses.base import Loss
from rnnbp.losses.binary_cross_entropy import BinaryCrossEntropy
from rnnbp.losses.cross_entropy import CrossEntropy
from rnnbp.losses.elementwise import Elementwise
from rnnbp.losses.known import Known
from rnnbp.losses.penalised import L1, L2
from rnnbp.losses.per_step import PerStep
from rnnbp.losses.quantile import Quantile
from rnnbp.losses.regression import Huber, MeanAbsoluteError
from rnnbp.losses.squared import MeanSquaredError
from rnnbp.losses.whole_sequence import WholeSequence
from rnnbp.support.helping import names_of
from rnnbp.wording.attributes import refusing

__all__ = [
    "L1",
    "L2",
    "BinaryCrossEntropy",
    "CrossEntropy",
    "Elementwise",
    "Huber",
    "Known",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "PerStep",
    "Quantile",
    "WholeSequence",
]

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.losses", __all__)

"""Penalties on parameters, which are added to a loss: ``loss + L2(1e-4, "*.weight*")``."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol, final

from rnnbp.numerics import real_number, shown
from rnnbp.patterns import LISTS
from rnnbp.wording.arguments import Named


class LossFunctionLike(Protocol):
    """A ``Loss``, or a function (y, target) -> (value, dy)."""

    # Any: each of its own; whoever calls a loss checks what it returns.
    def __call__(self, *given: Any) -> Any: ...


class WeightPenalty(Named):
    """What ``L1`` and ``L2`` have in common.

    Args:
        factor: ≥ 0.
        on: the parameters, by a pattern of their paths or a tuple of patterns, as of ``groups`` of
            an optimiser; "*", the default, for all, biases too.
    """

    square: ClassVar[bool]
    """True for squares of elements, False for their sizes."""

    def __init__(self, factor: float, on: str | tuple[str, ...] = "*") -> None:
        self.factor = real_number(f"{type(self).__name__}: factor", factor, least=0)
        given = (on,) if isinstance(on, str) else on
        if not isinstance(given, LISTS) or not all(isinstance(each, str) for each in given):
            raise TypeError(
                f"{type(self).__name__}: on is a pattern of paths of parameters, as '*.weight*', "
                f"found {shown(on)}"
            )
        self.on = tuple(given)

    @property
    def factors(self) -> tuple[float, float]:
        """Those of |w| and w²."""
        return (0.0, self.factor) if self.square else (self.factor, 0.0)

    def __add__(self, loss: LossFunctionLike) -> Penalised:
        if isinstance(loss, WeightPenalty):
            raise TypeError(
                f"{self} + {loss}: penalties are added to a loss, one after the other; as "
                f"CrossEntropy() + {self} + {loss}"
            )
        return Penalised(loss, (self,))

    __radd__ = __add__

    def __repr__(self) -> str:
        on = self.on[0] if len(self.on) == 1 else self.on
        return f"{type(self).__name__}({self.factor}, {on!r})"


@final
class L1(WeightPenalty):
    """factor · Σ |w| over the elements of parameters, added to a loss; derivative 0 at 0.

    Args:
        factor: ≥ 0.
        on: the parameters, by a pattern of their paths or a tuple of patterns.

    Otherwise as ``L2``, whose help has an example.

    Raises ValueError for a factor below 0, TypeError for what is no pattern.

    >>> import rnnbp as rb
    >>> rb.losses.MeanAbsoluteError() + rb.losses.L1(1e-5, "*weight_hh")
    MeanAbsoluteError() + L1(1e-05, '*weight_hh')
    """

    square = False


@final
class L2(WeightPenalty):
    """factor · Σ w² over the elements of parameters, added to a loss.

    ``loss + L2(factor, pattern)`` goes wherever a loss goes: ``bptt``, ``fit``, ``check_grads``.
    The sum is not divided by anything, as Keras's kernel_regularizer. It is part of the loss, so
    its gradient, 2 · factor · w, is clipped, and scaled by Adam, like all of it; the
    ``weight_decay`` of AdamW and SGD shrinks parameters past the gradient, and appears in no loss.
    With SGD without momentum and clipping weight_decay = 2 · factor is the same.
    ``bptt`` returns the loss with it, and its part for each parameter by path in ``penalties``;
    ``evaluate`` and validation take the loss of the data alone. A penalty on the values of a network
    is a layer, ``rb.Penalty``.

    Source: Krogh & Hertz 1991, "A simple weight decay can improve generalization".

    Args:
        factor: ≥ 0.
        on: the parameters, by a pattern of their paths or a tuple of patterns, as ``groups`` of an
            optimiser; "*", the default, for all, biases too. Of a tied one the first path counts.

    Raises ValueError for a factor below 0, TypeError for what is no pattern; ``bptt`` raises
    ValueError for a pattern that fits no parameter.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(2, 3, rng=0), rb.Dense(3, 1, rng=1))
    >>> loss = rb.losses.MeanSquaredError() + rb.losses.L2(0.01, "1.weight")
    >>> found = rb.bptt(model, np.ones((5, 1, 2), "float32"), np.ones((5, 1, 1), "float32"), loss)
    >>> w = model.params["1.weight"]
    >>> list(found.penalties), bool(np.isclose(found.penalties["1.weight"], 0.01 * (w**2).sum()))
    (['1.weight'], True)
    """

    square = True


@final
class Penalised:
    """A loss of the data and penalties on parameters: what ``loss + L2(...)`` is.

    Called directly it is the loss of the data alone.

    Args:
        loss: a ``Loss``, or a function.
        penalties: of parameters.
    """

    def __init__(self, loss: LossFunctionLike, penalties: tuple[WeightPenalty, ...]) -> None:
        self.loss: LossFunctionLike = data_loss(loss)
        self.penalties = (*penalties_of(loss), *penalties)

    # Any: as the loss itself takes and returns it
    def __call__(self, *given: Any, **options: Any) -> Any:
        return self.loss(*given, **options)

    def __repr__(self) -> str:
        return " + ".join(map(repr, (self.loss, *self.penalties)))


# Any: a loss of whatever type the caller has
def data_loss(loss: Any) -> Any:
    """The loss of the data alone."""
    return loss.loss if isinstance(loss, Penalised) else loss


def penalties_of(loss: object) -> tuple[WeightPenalty, ...]:
    """The penalties on parameters that are added to a loss."""
    return loss.penalties if isinstance(loss, Penalised) else ()

"""The contract of update rules: parameters change in place, after everything has been checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import numpy as np

from rnnbp.ieee import ieee
from rnnbp.numerics import Array, DtypeError, ShapeError, escaped, first_bad, real_number
from rnnbp.optim.learning_rates import OnPlateau
from rnnbp.optim.parameters import Origin, Params, check_fit, check_grads, check_writable, distinct
from rnnbp.parameters import HasParams

SQUARES = ("sum", "square", "v")
"""Slots that hold sums or means of squares."""


def rate(name: str, value: object, **bounds: float) -> float:
    """A learning rate as a float. Raises TypeError, for a schedule saying where one goes, or ValueError."""
    schedule = callable(value) or isinstance(value, OnPlateau)
    cure = "give a schedule to Trainer as learning_rate, or its rate of each step to step() as lr"
    return real_number(name, value, cure=cure if schedule else "", **bounds)


class Optimizer(ABC):
    """An update rule over parameters, with an array of state in each of its slots for each parameter.

    Args:
        params: live arrays by name, or a model with such a ``params``. They are updated in place. Of an
            array under two names the first counts: it is updated once, with the gradient of that name.
        lr: the learning rate, above 0. ``self.lr`` may be changed between steps.

    Slots have their parameter's shape and dtype. Formulas are PyTorch's.
    """

    kind: ClassVar[str]
    """The prefix of its names in ``state_dict``."""
    options: ClassVar[tuple[str, ...]]
    """The attributes that are hyper-parameters, apart from ``lr``."""

    def __init__(self, params: Params, lr: float, slots: tuple[str, ...]) -> None:
        place = type(self).__name__
        self.params = distinct(place, params)
        self._origin = Origin(place, params, self.params)
        self._shapes = {name: p.shape for name, p in self.params.items()}
        self.lr = rate(f"{place}: lr", lr, above=0)
        self.steps = 0
        self._slots = {name: {slot: np.zeros_like(p, order="C") for slot in slots} for name, p in self.params.items()}
        dtypes = {p.dtype: 0 for p in self.params.values()}
        sizes = {d: max(p.size for p in self.params.values() if p.dtype == d) for d in dtypes}
        self._scratch: dict[np.dtype[Any], Array] = {d: np.empty((2, n), d) for d, n in sizes.items()}

    @ieee
    def step(self, grads: Mapping[str, Array], lr: float | None = None) -> None:
        """Update every parameter by its gradient; ``lr`` ≥ 0, if given, is used for this step alone.

        ``grads`` has one array for each parameter, of its shape; it is not written to. All is checked
        before anything changes. Raises TypeError, ValueError (names, a read-only parameter, ``lr``), ShapeError,
        DtypeError, or FloatingPointError (a gradient that is not finite, or too large to be squared by a rule that
        does so). A parameter that overflows in the update becomes infinite without a warning.
        """
        place = type(self).__name__
        now = rate(f"{place}.step: lr", self.lr if lr is None else lr, least=0)
        self.check_parameters()
        self._step(grads, now, check_grads(place, self.params, grads))

    def check_parameters(self, model: HasParams | None = None) -> None:
        """Raise ValueError, by name, for a parameter that is read-only, or was replaced, tied or
        added since.

        Of an optimiser of a model, or of its ``params``, all parameters of the model are looked at;
        of one of another dict, those that it updates; where ``model`` is given, they must be its
        own.
        """
        self._origin.check(model)
        writable = True
        for name, p in self.params.items():
            writable &= p.flags.writeable
            if p.shape != self._shapes[name]:
                raise ShapeError(
                    f"{type(self).__name__}: parameter {name!r} had shape {self._shapes[name]} when the optimiser was "
                    f"built, found {p.shape}; resize no parameter in place"
                )
        if not writable:
            check_writable(type(self).__name__, self.params)

    @ieee
    def step_by(self, grads: Mapping[str, Array], lr: float, largest: Mapping[str, float]) -> None:
        """``step`` for gradients that are finite: ``largest`` is the size of the largest element, by name."""
        place = type(self).__name__
        now = rate(f"{place}.step: lr", lr, least=0)
        self.check_parameters()
        check_fit(place, self.params, grads)
        self._step(grads, now, largest)

    def _step(self, grads: Mapping[str, Array], lr: float, largest: Mapping[str, float]) -> None:
        for name, p in self.params.items():
            self._check_size(name, p, largest[name], self._slots[name])
        self.steps += 1
        for name in self._updated_at_once(grads, lr):
            p = self.params[name]
            a, b = (row[: p.size].reshape(p.shape) for row in self._scratch[p.dtype])
            self._update(p, grads[name], self._slots[name], lr, a, b)

    def _check_size(self, name: str, p: Array, top: float, slots: dict[str, Array]) -> None:  # noqa: B027  # most have no limit
        """Raise FloatingPointError for a gradient, whose largest element is finite, that is too large for the rule."""

    def _updated_at_once(self, grads: Mapping[str, Array], lr: float) -> Iterable[str]:
        """Update what machine code can; gives the names of the other parameters."""
        return self.params

    @abstractmethod
    def _update(self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array) -> None:
        """Update ``p`` and its slots in place; ``a`` and ``b`` are scratch of p's shape and dtype."""

    def hyperparameters(self) -> dict[str, float | bool]:
        """The learning rate and the options, by name."""
        return {name: getattr(self, name) for name in ("lr", *self.options)}

    def state_dict(self) -> dict[str, Array]:
        """Copies of all state: ``step``, and ``<kind>.<slot>/<parameter>``."""
        return {key: x.copy() for key, x in self.live_state().items()}

    def live_state(self) -> dict[str, Array]:
        """What ``state_dict`` copies: the arrays themselves, to be read before the next step."""
        return {"step": np.array(self.steps, np.int64)} | self._state()

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Restore what ``state_dict`` gave, bit for bit, in place.

        Raises as ``check_state``, before anything changes.
        """
        self.check_state(state)
        self.steps = int(state["step"])
        for key, x in self._state().items():
            x[...] = state[key]

    def check_state(self, state: Mapping[str, Array]) -> None:
        """Raise ValueError, ShapeError or DtypeError unless ``load_state_dict`` would take
        ``state``.

        It is not taken if it is that of another optimiser or model, or not finite, or has negative
        squares.
        """
        own = {"step": np.array(self.steps, np.int64)} | self._state()
        place = f"{type(self).__name__}.load_state_dict"
        if missing := sorted(own.keys() - state.keys()):
            raise ValueError(f"{place}: {', '.join(missing)} missing; load what the same optimiser and model saved")
        if unexpected := sorted(state.keys() - own.keys()):
            raise ValueError(
                f"{place}: {escaped(', '.join(unexpected), 400)} unexpected; "
                f"was it saved by another optimiser or model?"
            )
        for key, x in own.items():
            self._check_slot(f"{place}: {key}", x, state[key], key.split("/")[0].rpartition(".")[2])
        if state["step"] < 0:
            raise ValueError(f"{place}: step must be at least 0, found {state['step']}")

    def _check_slot(self, place: str, own: Array, given: Array, slot: str) -> None:
        if given.shape != own.shape:
            raise ShapeError(f"{place} must have shape {own.shape}, found {given.shape}; is it this model?")
        if given.dtype != own.dtype:
            raise DtypeError(f"{place} must have dtype {own.dtype}, found {given.dtype}; build the model so")
        if (bad := first_bad(given)) is not None:
            raise ValueError(f"{place} has {given[bad]} at {list(bad)}; load an earlier state")
        if slot in SQUARES and given.size and given.min() < 0:
            raise ValueError(f"{place} has {given.min()}, a mean of squares is at least 0; load an earlier state")

    @property
    def nbytes(self) -> int:
        """Bytes of its state and its scratch."""
        return sum(x.nbytes for x in (*self._state().values(), *self._scratch.values()))

    def _state(self) -> dict[str, Array]:
        return {f"{self.kind}.{slot}/{n}": x for n, slots in self._slots.items() for slot, x in slots.items()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in self.hyperparameters().items())})"


def decayed(p: Array, g: Array, weight_decay: float, out: Array) -> Array:
    """g + λp, the gradient with an L2 penalty ½λ‖p‖², in ``out``; g itself for λ = 0."""
    if not weight_decay:
        return g
    np.multiply(p, weight_decay, out=out)
    out += g
    return out

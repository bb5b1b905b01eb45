"""The contract of update rules: parameters change in place, after everything has been checked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Self, TypeAlias

import numpy as np

from rnnbp.numerics import Array, Dtype, ShapeError
from rnnbp.optim.gradients import check_fit, check_grads
from rnnbp.optim.groups import Frozen, Group, Groups, frozen_names, resolved
from rnnbp.optim.hyperparameters import Hyperparameters
from rnnbp.optim.origin import Origin
from rnnbp.optim.parameters import Params, check_writable, distinct
from rnnbp.optim.pieces import pieces
from rnnbp.optim.rates import Rate, checked_rate, rate_at, size_of
from rnnbp.optim.stateful import Stateful
from rnnbp.parameters import HasParams
from rnnbp.support.ieee import ieee
from rnnbp.support.writes import WRITES
from rnnbp.wording.arguments import Named
from rnnbp.wording.renamed import warn_renamed

Grads: TypeAlias = Mapping[str, Array]
Sizes: TypeAlias = Mapping[str, float]


class Optimizer(Stateful, Named, Hyperparameters, ABC):
    """An update rule over parameters, with an array in each of its slots for each parameter.

    Args:
        params: live arrays by name, or a model with such a ``params``; updated in place. An array
            under two names is updated once, with the gradient of the first name.
        learning_rate: a number above 0, or a function of the step, from 0, as the schedules of
            ``rnnbp.optim``: ``step`` calls it with the number of steps done. An ``OnPlateau`` is
            read as it is; call its ``update`` with the metric after each epoch (a ``Trainer``
            does).
        slots: for subclasses: the names of the arrays of state that each parameter has.
        groups: options of some parameters, by pattern of their names, as ``fnmatch`` matches them:
            ``{"*bias*": {"weight_decay": 0.0}, "head.*": {"learning_rate": 1e-4}}``. For each
            option the last matching pattern counts. A number as ``learning_rate`` keeps its ratio
            to the optimiser's initial one, whatever rate a step has; a function of the step is the
            group's own rate.
        frozen: patterns of names that are not updated, or layers, as ``model[0]``. They take no
            bytes here; ``step`` ignores their gradients, and a ``Trainer`` leaves them out of
            clipping.

    Slots have their parameter's shape and dtype. Formulas are PyTorch's. ``learning_rate`` may be
    changed between steps. Raises TypeError or ValueError for a value out of its range, for a
    pattern that matches no name, and if no parameter is left to update.

    >>> import rnnbp as rb
    >>> model = rb.Sequential(rb.LSTM(3, 4), rb.Dense(4, 2))
    >>> rb.optim.AdamW(model, 1e-3, groups={"*bias*": {"weight_decay": 0.0}}, frozen="0.*").frozen
    ('0.weight_ih', '0.bias_ih', '0.weight_hh', '0.bias_hh')
    """

    def __init__(
        self,
        params: Params,
        learning_rate: Rate,
        slots: tuple[str, ...] = (),
        *,
        groups: Groups | None = None,
        frozen: Frozen = (),
    ) -> None:
        place = type(self).__name__
        known = distinct(place, params)
        self.frozen = tuple(frozen_names(f"{place}: frozen", frozen, known))
        self.params = {name: p for name, p in known.items() if name not in self.frozen}
        if not self.params:
            raise ValueError(
                f"{place}: frozen={frozen!r} leaves no parameter to update; freeze fewer"
            )
        self._origin = Origin(place, params, self.params, self.frozen)
        self._shapes = {name: p.shape for name, p in self.params.items()}
        self._rate = checked_rate(f"{place}: learning_rate", learning_rate, above=0)
        self.steps = 0
        self._slot_names = slots
        self._build(resolved(place, groups, known, self.checks))
        self.groups = {pattern: dict(options) for pattern, options in (groups or {}).items()}
        """The options by pattern, as passed."""
        self._ready = True

    def _build(self, groups: list[Group]) -> None:
        """Build the groups, if there are several, the slots and the scratch arrays."""
        place = type(self).__name__
        self._base, self._groups = size_of(self._rate), list[Group]()
        found: dict[str, dict[str, Array]] = {}
        for group in groups:
            names = tuple(name for name in group.names if name in self.params)
            if isinstance(group.rate, float) and self._base is None:
                raise ValueError(
                    f"{place}: groups: learning_rate={group.rate} has no ratio to the optimiser's, "
                    f"which is a function; give a function of the step as the group's too"
                )
            if names:
                self._groups.append(Group(names, group.options, group.rate))
                part = self._part(self._groups[-1])
                part._check_options()
                found |= {name: part._new_slots(p) for name, p in part.params.items()}
        if not any(group.options or group.rate is not None for group in self._groups):
            self._groups = []
        self._slots = {name: found[name] for name in self.params}
        dtypes = {p.dtype: 0 for p in self.params.values()}
        sizes = {d: max(p.size for p in self.params.values() if p.dtype == d) for d in dtypes}
        self._scratch: dict[Dtype, Array] = {d: np.empty((2, n), d) for d, n in sizes.items()}

    def step(
        self,
        grads: Mapping[str, Array],
        learning_rate: float | None = None,
        *,
        lr: float | None = None,
    ) -> None:
        """Update every parameter by its gradient, in place.

        Args:
            grads: an array for each parameter, of its shape; not written to. Gradients of frozen
                parameters may be there.
            learning_rate: ≥ 0, used for this step alone; None for the optimiser's own.
            lr: the old name of ``learning_rate``.

        Everything is checked before anything changes. Raises TypeError, ValueError (names, a
        read-only parameter, the rate), ShapeError, DtypeError, or FloatingPointError (a gradient
        that is not finite, or too large for a rule that squares it). A parameter that overflows in
        the update becomes infinite without a warning.
        """
        if lr is not None:
            warn_renamed("step(lr=)", "step(learning_rate=)")
        given = learning_rate if lr is None else lr
        self._step_checked(grads, given)

    @ieee
    def _step_checked(self, grads: Mapping[str, Array], rate: Rate | None) -> None:
        place = type(self).__name__
        now = (
            self.next_rate()
            if rate is None
            else rate_at(f"{place}.step: learning_rate", rate, self.steps)
        )
        self.check_parameters()
        largest = check_grads(place, self.params, grads, self._origin.frozen)
        own = grads if self._partition is None else self._partition.views(grads)
        self._step(own, now, largest)

    def check_parameters(self, model: HasParams | None = None) -> None:
        """Raise ValueError, by name, for a parameter that is read-only, or was replaced, tied or
        added since the optimiser was built.

        Args:
            model: if passed, the parameters must be this model's.

        An optimiser that was built from a model, or its ``params``, checks all parameters of the
        model; one that was built from a different dict those that it updates.
        """
        self._origin.check(model)
        writable = True
        for name, p in self.params.items():
            writable &= p.flags.writeable
            if p.shape != self._shapes[name]:
                raise ShapeError(
                    f"{type(self).__name__}: parameter {name!r} had shape {self._shapes[name]} "
                    f"when the optimiser was built, found {p.shape}; resize no parameter in place"
                )
        if not writable:
            check_writable(type(self).__name__, self.params)

    @ieee
    def step_by(self, grads: Grads, learning_rate: float, top: Sizes, clip: float = 1.0) -> bool:
        """``step`` for gradients that are finite.

        Args:
            grads: multiplied by ``clip`` first, in place; no two then share memory. Of a
                partitioned optimiser, its own elements of each, flat, as ``Partition.views``.
            top: max |g| after that, by name.

        Returns:
            True if all parameters are known to be finite after it.
        """
        place = type(self).__name__
        now = rate_at(f"{place}.step: learning_rate", learning_rate, self.steps)
        self.check_parameters()
        check_fit(place, self._own().params, grads, self._origin.frozen)
        return self._step(grads, now, top, clip)

    def _step(self, grads: Grads, lr: float, largest: Sizes, clip: float = 1.0) -> bool:
        """Update all parameters; ``clip`` and what is returned as of ``step_by``."""
        parts = [*self._own()._parts(lr)]
        self._check_sizes(parts, largest)
        self.steps += 1
        WRITES.note()
        known = True
        for part, own in parts:
            part.steps = self.steps
            left, finite = part._updated_at_once(grads, own, clip) if part.params else ((), True)
            known &= finite
            for name in left:
                known, (p, g) = False, (part.params[name], grads[name])
                if clip != 1:
                    np.multiply(g, clip, out=g)
                for piece in pieces(p, g, self._slots[name], self._scratch[p.dtype]):
                    part._update(*piece[:3], own, *piece[3:])
        if self._partition is None:
            return known
        self._partition.gather(self.params)
        WRITES.note()
        return self._partition.all(known)

    def _own(self) -> Self:
        """The same rule over the elements that this process updates; itself unless partitioned."""
        if self._partition is None:
            return self
        found, params = self._alias(), self._partition.views(self.params)
        groups = [
            Group(tuple(name for name in group.names if name in params), group.options, group.rate)
            for group in self._groups
        ]
        vars(found).update(params=params, _groups=groups, _partition=None)
        return found

    def _check_sizes(self, parts: Sequence[tuple[Self, float]], largest: Sizes) -> None:
        """Raise FloatingPointError, in all processes, for a gradient too large for the rule."""
        names = [*self.params]
        found = [
            names.index(name)
            for part, _ in parts
            for name, p in part.params.items()
            if not part._fits(p, largest[name], self._slots[name])
        ]
        first = min(found, default=len(names))
        if self._partition is not None:
            first = self._partition.first(first)
        if first < len(names):
            name = names[first]
            rules = (self._part(group) for group in self._groups if name in group.names)
            raise next(rules, self)._size_error(name, self.params[name], largest[name])

    def _parts(self, lr: float) -> Iterator[tuple[Self, float]]:
        """The rule and the rate of each group, for a step of rate ``lr``."""
        if not self._groups:
            yield self, lr
        for group in self._groups:
            if group.rate is None:
                own = lr
            elif isinstance(group.rate, float):
                own = group.rate * (lr / (self._base or 1.0))
            else:
                own = rate_at(
                    f"{type(self).__name__}: groups: learning_rate", group.rate, self.steps
                )
            yield self._part(group), own

    def _part(self, group: Group) -> Self:
        """The same rule, with the parameters and the options of a group; the arrays are shared."""
        part = self._alias()
        vars(part).update(group.options)
        vars(part).update(params={name: self.params[name] for name in group.names}, _groups=[])
        return part

    def _slots_without(self, option: str) -> list[dict[str, Array]]:
        """The slots of the parameters whose groups do not have the option."""
        own = {name for group in self._groups if option in group.options for name in group.names}
        return [slots for name, slots in self._slots.items() if name not in own]

    def _check_options(self) -> None:  # most need no other
        """Raise ValueError for options that contradict each other."""

    def _new_slots(self, p: Array) -> dict[str, Array]:
        """The initial slots of a parameter."""
        return {slot: np.zeros_like(p, order="C") for slot in self._slot_names}

    def _fits(self, p: Array, top: float, slots: dict[str, Array]) -> bool:
        """True unless a finite gradient of size ``top`` is too large for the rule."""
        return True  # most have no limit

    def _size_error(self, name: str, p: Array, top: float) -> FloatingPointError:
        """The error of a gradient that does not fit."""
        raise NotImplementedError  # of a rule that has no limit

    def _updated_at_once(self, grads: Grads, lr: float, clip: float) -> tuple[Iterable[str], bool]:
        """Update what machine code can, of gradients times ``clip``, which are written back.

        Returns:
            (the names of the other parameters, True if those updated are all finite).
        """
        return self.params, True

    @abstractmethod
    def _update(
        self, p: Array, g: Array, slots: dict[str, Array], lr: float, a: Array, b: Array
    ) -> None:
        """Update ``p`` and its slots in place; ``a`` and ``b`` are scratch like p."""

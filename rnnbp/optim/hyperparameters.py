"""The options of an optimiser as attributes: setting one checks it as the constructor does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

from rnnbp.numerics import Array
from rnnbp.optim.groups import ELSEWHERE
from rnnbp.optim.option_checks import Check, betas
from rnnbp.optim.rates import Rate, checked_rate, rate_at
from rnnbp.support.nearest import meant, nearest, unknown
from rnnbp.wording.renamed import warn_renamed

EVERY_OPTION = (
    "momentum",
    "weight_decay",
    "nesterov",
    "betas",
    "beta1",
    "beta2",
    "eps",
    "alpha",
    "lr_decay",
)
FIXED = ("groups", "frozen", "params")
WAYS = {
    "zero_grad": "nothing is to be cleared, bptt(...).grads are new each time; leave it out",
    "param_groups": "set its learning_rate and options, and give groups= where it is built",
    "add_param_group": "give groups= where it is built",
    "apply_gradients": "call step(grads), with bptt(...).grads",
    "minimize": "call step(grads), with bptt(...).grads",
    "update": "call step(grads), with bptt(...).grads",
}
"""What other libraries' optimisers have, and what to do here."""


class Options(dict[str, float | bool | Rate]):
    """Options by name; "lr" is the old name of "learning_rate"."""

    def __missing__(self, name: str) -> float | bool | Rate:
        if name != "lr":
            raise KeyError(name)
        warn_renamed('hyperparameters()["lr"]', '["learning_rate"]')
        return self["learning_rate"]


class Hyperparameters:
    """The learning rate and the options of a rule. Setting one that it does not have raises: it
    would change nothing.
    """

    options: ClassVar[tuple[str, ...]]
    """The attributes that are hyperparameters, except ``learning_rate``."""
    checks: ClassVar[Mapping[str, Check]] = {}
    """Of the options that a group can have."""
    steps: int
    groups: dict[str, dict[str, object]]
    frozen: tuple[str, ...]
    _rate: Rate
    _ready: bool = False

    @property
    def learning_rate(self) -> Rate:
        """A number, a function of the step, or an OnPlateau; checked as by the constructor."""
        return self._rate

    @learning_rate.setter
    def learning_rate(self, value: Rate) -> None:
        self._rate = checked_rate(f"{type(self).__name__}: learning_rate", value, least=0)

    @property
    def lr(self) -> Rate:
        """The old name of ``learning_rate``."""
        warn_renamed(f"{type(self).__name__}.lr", "learning_rate")
        return self.learning_rate

    def next_rate(self) -> float:
        """The learning rate of the next step, as a number. Raises TypeError or ValueError unless
        its function returns one.
        """
        return rate_at(f"{type(self).__name__}: learning_rate", self._rate, self.steps)

    def hyperparameters(self) -> dict[str, float | bool | Rate]:
        """The learning rate and the options, by name."""
        return Options({name: getattr(self, name) for name in ("learning_rate", *self.options)})

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            """Raise AttributeError, with the equivalent here for methods of other libraries."""
            way = WAYS.get(name)
            missing = f"{type(self).__name__} has no attribute {name!r}"
            raise unknown(missing, f"; {way}" if way else "", name, self)

    def __setattr__(self, name: str, value: object) -> None:
        if name == "lr":
            warn_renamed(f"{type(self).__name__}.lr", "learning_rate")
            name = "learning_rate"
        if self._ready and name in self.checks:
            value = self.checks[name](f"{type(self).__name__}: {name}", value)
            self._check_settable(name, value)
        elif self._ready and name == "betas" and "beta1" in self.checks:
            self.beta1, self.beta2 = betas(type(self).__name__, value, self.checks)
            return
        elif (
            self._ready
            and name[0] != "_"
            and self.checks
            and (name in FIXED or not hasattr(self, name))
        ):
            self._refuse(name)
        object.__setattr__(self, name, value)

    def _set(self, **options: object) -> None:
        """Set options, checked by ``checks``."""
        for name, value in options.items():
            setattr(self, name, self.checks[name](f"{type(self).__name__}: {name}", value))

    def _check_settable(self, name: str, value: object) -> None:
        """Raise ValueError for an option that cannot be changed afterwards."""

    def _refuse(self, name: str) -> None:
        """Raise AttributeError for a name that is fixed, or was probably meant as an option."""
        place = type(self).__name__
        if name in FIXED:
            raise AttributeError(
                f"{place}.{name} cannot be set; build another optimiser, and give it state_dict()"
            )
        known = ("learning_rate", *self.checks)
        near = ELSEWHERE.get(name) or nearest(name, known)
        if near or name in EVERY_OPTION:
            also = meant(repr(near)) if near in known else ""
            raise AttributeError(f"{place} has no option {name!r}{also}; it has {', '.join(known)}")

    def __repr__(self) -> str:
        shown: dict[str, object] = {**self.hyperparameters()}
        shown |= {
            name: value
            for name, value in (("groups", self.groups), ("frozen", self.frozen))
            if value
        }
        return f"{type(self).__name__}({', '.join(f'{k}={v}' for k, v in shown.items())})"


def check_momentum(
    place: str, name: str, value: object, slots: Iterable[Mapping[str, Array]]
) -> None:
    """Raise ValueError if a momentum is set in an optimiser that was built without one, and has no
    slots for it.
    """
    if name in ("momentum", "nesterov") and value and not all("momentum" in held for held in slots):
        raise ValueError(
            f"{place}: {name}={value} needs an optimiser that was built with a momentum; build it "
            "so"
        )

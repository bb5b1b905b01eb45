"""Groups of parameters by patterns of their names: with their own options, or frozen."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rnnbp.numerics import Array, shown
from rnnbp.optim.option_checks import Check, Value, betas
from rnnbp.optim.rates import Rate, checked_rate
from rnnbp.parameters import HasParams
from rnnbp.patterns import LISTS, matching, no_patterns
from rnnbp.support.nearest import hint

Groups: TypeAlias = Mapping[str, Mapping[str, object]]
Frozen: TypeAlias = str | HasParams | Collection[str | HasParams]
"""Patterns of names, or layers."""

EXAMPLE = '{"*bias*": {"weight_decay": 0.0}, "head.*": {"learning_rate": 1e-4}}'
ELSEWHERE = {
    "lr": "learning_rate",
    "rho": "alpha",
    "decay": "weight_decay",
    "l2": "weight_decay",
    "mu": "momentum",
}
"""What other libraries call options."""


@dataclass(frozen=True, slots=True)
class Group:
    """Parameters with the same options and rate, as far as they differ from the optimiser's."""

    names: tuple[str, ...]
    options: dict[str, Value]
    rate: Rate | None


def resolved(
    place: str, groups: Groups | None, names: Collection[str], checks: Mapping[str, Check]
) -> list[Group]:
    """The groups that patterns define, in order; for each option the last pattern counts.

    Args:
        place: the optimiser, for errors.
        names: of all parameters.
        checks: of the options, by name.

    Raises TypeError for anything but a dict of dicts, ValueError for a pattern that matches no
    name, and an option that is unknown or out of its range.
    """
    given = {
        pattern: dict(_options(f"{place}: groups[{pattern!r}]", options, checks))
        for pattern, options in _mapping(place, groups).items()
    }
    fitting = {pattern: set(matching(f"{place}: groups", (pattern,), names)) for pattern in given}
    found: list[tuple[dict[str, Value | Rate], list[str]]] = []
    for name in names:
        own: dict[str, Value | Rate] = {}
        for pattern, options in given.items():
            own |= options if name in fitting[pattern] else {}
        for others, members in found:
            if others == own:
                members.append(name)
                break
        else:
            found.append((own, [name]))
    return [_group(tuple(members), own) for own, members in found]


def frozen_names(place: str, frozen: object, params: Mapping[str, Array]) -> list[str]:
    """The names that match patterns, as ``matching``, and those of the parameters of layers.

    Raises ValueError for a layer that has none of ``params``.
    """
    listed = [frozen] if isinstance(frozen, (str, HasParams)) else frozen
    if not isinstance(listed, LISTS) or not all(isinstance(x, (str, HasParams)) for x in listed):
        raise no_patterns(place, frozen, params, ", or layers, as model[0]")
    layers = [given for given in listed if isinstance(given, HasParams)]
    found = {*matching(place, [given for given in listed if isinstance(given, str)], params)}
    for layer in layers:
        held = {id(p) for p in layer.params.values()}
        own = {name for name, p in params.items() if id(p) in held}
        if layer.params and not own:
            raise ValueError(
                f"{place}: {shown(layer)} has no parameter of this model; give a layer of it, as "
                f"model[0], or patterns of names; they are {', '.join(params)}"
            )
        found |= own
    return [name for name in params if name in found]


def _mapping(place: str, groups: object) -> Mapping[str, object]:
    if groups is None:
        return {}
    if not isinstance(groups, Mapping) or not all(isinstance(pattern, str) for pattern in groups):
        raise TypeError(
            f"{place}: groups is a dict of options by pattern of names, found {shown(groups)}; as "
            f"groups={EXAMPLE}"
        )
    return groups


def _options(
    place: str, options: object, checks: Mapping[str, Check]
) -> Iterator[tuple[str, Value | Rate]]:
    if not isinstance(options, Mapping):
        raise TypeError(
            f"{place} is a dict of options, found {shown(options)}; as groups={EXAMPLE}"
        )
    known = ["learning_rate", *(["betas"] if "beta1" in checks else []), *checks]
    for name, value in options.items():
        if name == "learning_rate":
            yield name, checked_rate(f"{place}: learning_rate", value, least=0)
        elif name == "betas" and "beta1" in checks:
            yield from zip(("beta1", "beta2"), betas(place, value, checks), strict=True)
        elif name in checks:
            yield name, checks[name](f"{place}: {name}", value)
        else:
            other = ELSEWHERE.get(name) if isinstance(name, str) else None
            near = f", it is called {other!r} here" if other in known else hint(str(name), known)
            raise ValueError(
                f"{place}: unknown option {shown(name)}{near}; it takes {', '.join(known)}"
            )


def _group(names: tuple[str, ...], own: dict[str, Value | Rate]) -> Group:
    rate = own.pop("learning_rate", None)
    return Group(names, {k: v for k, v in own.items() if isinstance(v, (float, bool))}, rate)

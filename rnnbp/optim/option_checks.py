"""Checks of the values of options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rnnbp.numerics import flag, real_number, shown

Value: TypeAlias = float | bool
Check: TypeAlias = Callable[[str, object], Value]
"""(an option as errors call it, what was given) -> the value; raises TypeError, ValueError."""


def share(name: str, value: object) -> float:
    """A number in [0, 1)."""
    return real_number(name, value, least=0, below=1)


def positive(name: str, value: object) -> float:
    """A number above 0."""
    return real_number(name, value, above=0)


def not_negative(name: str, value: object) -> float:
    """A number from 0."""
    return real_number(name, value, least=0)


def truth(name: str, value: object) -> bool:
    """True or False."""
    return flag(name, value)


def betas(place: str, given: object, checks: Mapping[str, Check]) -> tuple[Value, Value]:
    """Adam's two, checked."""
    if not isinstance(given, (tuple, list)) or len(given) != 2:
        raise TypeError(f"{place}: betas must be two numbers, (beta1, beta2), found {shown(given)}")
    return checks["beta1"](f"{place}: beta1", given[0]), checks["beta2"](
        f"{place}: beta2", given[1]
    )

"""Arguments ``learning_rate``: a number, a function of the step, or an OnPlateau."""

from __future__ import annotations

from typing import TypeAlias

from rnnbp.checks.functions import name_of, note_call
from rnnbp.numerics import real_number
from rnnbp.optim.learning_rates import Constant, Cosine, StepDecay, WarmUp
from rnnbp.optim.plateau import OnPlateau
from rnnbp.optim.rated import Schedule
from rnnbp.wording.of_torch import instead_of_torch

Rate: TypeAlias = float | Schedule | OnPlateau


def checked_rate(name: str, value: object, **bounds: float) -> Rate:
    """A number as a float, anything else that may stand for one as it is.

    Raises TypeError for what is neither a number, a function of the step nor an OnPlateau,
    ValueError for a number out of bounds.
    """
    if isinstance(value, OnPlateau) or (callable(value) and not isinstance(value, type)):
        return value
    cure = (
        f"or a schedule, made: {value.__name__}(...)"
        if isinstance(value, type)
        else "or a schedule, or a function"
    )
    other = instead_of_torch(value)
    cure = f"it is {other}" if other else f"{cure} of the step"
    return real_number(name, value, cure=cure, **bounds)


def rate_at(name: str, value: Rate, step: int) -> float:
    """The rate of a step, a number from 0. Raises TypeError or ValueError, naming ``name``."""
    if isinstance(value, float):
        return real_number(name, value, least=0)
    if isinstance(value, OnPlateau):
        return value.learning_rate
    if not callable(value):
        return real_number(name, value, least=0, cure="or a schedule, or a function of the step")
    found = called(name, value, step)
    return real_number(
        f"{name}({step})", found, least=0, cure=f"{name_of(value)} is to return a number from 0"
    )


def called(name: str, value: Schedule, step: int) -> float:
    """The result of a function of the step; its exceptions get a note."""
    try:
        return value(step)
    except Exception as error:  # whatever the user's code raises
        note_call(error, name, value, f"{step}", "the rate of that step, a number from 0")
        raise


def size_of(rate: Rate) -> float | None:
    """The first rate of a schedule, without decay and warm-up; None for other functions."""
    while isinstance(rate, WarmUp):
        rate = rate.schedule
    if isinstance(rate, Constant | StepDecay | Cosine | OnPlateau):
        return rate.learning_rate
    return rate if isinstance(rate, float) else None

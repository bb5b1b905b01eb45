"""Gradients compared with numerical derivatives, element by element."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from rnnbp.numerics import Array, DtypeError, positive_int
from rnnbp.support.printing import printable

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-5
TOLERANCES = {"complex": 1e-12, "central": 1e-7}


class GradientError(AssertionError):
    """A gradient that differs from the numerical derivative; names the array and the element."""


@dataclass(frozen=True)
class GradientCheck:
    """The result of a check: the largest error of each array.

    Attributes:
        errors: the largest error by the name of the array.
        method: "complex" or "central".
        tolerance: the largest error that passes.

    The error of an element is |gradient − derivative|, divided by the derivative's size if that is
    above 1, else by the largest derivative in its array, between 0.001 and 1.
    """

    errors: dict[str, float]
    method: str
    tolerance: float

    @property
    def worst(self) -> float:
        """The largest of all errors."""
        return max(self.errors.values(), default=0.0)

    @printable
    def __str__(self) -> str:
        width = max((len(name) for name in self.errors), default=0)
        lines = [f"{name:<{width}}  {error:.1e}" for name, error in self.errors.items()]
        return "\n".join([f"{self.method} step, tolerance {self.tolerance:g}", *lines])


@dataclass(frozen=True)
class Case:
    """What is compared.

    Attributes:
        grads: gradients by name.
        variables: the arrays that they are by, which are changed in place.
        value: returns the value at the present variables.
        cure: for errors, what to check.
    """

    grads: dict[str, Array]
    variables: dict[str, Array]
    value: Callable[[], Any]
    cure: str = "check the backward methods of its layers"


@dataclass(frozen=True)
class Look:
    """How derivatives are taken: arguments of ``check_grads``."""

    method: str | None
    limit: float | None
    samples: int | None
    seed: int


def compare(case: Case, look: Look) -> GradientCheck:
    assert look.method is not None
    method, samples = look.method, look.samples
    tolerance = TOLERANCES[method] if look.limit is None else look.limit
    errors: dict[str, float] = {}
    rng = np.random.default_rng(look.seed)
    for name, array in case.variables.items():
        errors[name] = 0.0
        count = (
            array.size
            if samples is None
            else min(positive_int("check_grads: samples", samples), array.size)
        )
        chosen = [
            np.unravel_index(flat, array.shape)
            for flat in rng.choice(array.size, count, replace=False)
        ]
        derivatives = {
            tuple(map(int, at)): _derivative(case, array, tuple(map(int, at)), method)
            for at in chosen
        }
        largest = min(1.0, max(1e-3, *map(abs, derivatives.values()), 0.0))
        for at, derivative in derivatives.items():
            error = abs(case.grads[name][at] - derivative) / max(largest, abs(derivative))
            if not error <= tolerance:
                raise GradientError(
                    f"gradient by {name}{list(at)} is {case.grads[name][at]:.15g}, its derivative "
                    f"{derivative:.15g}: error {error:.1e}, tolerance {tolerance:g}; {case.cure}"
                )
            errors[name] = max(errors[name], float(error))
    return GradientCheck(errors, method, tolerance)


def _derivative(case: Case, array: Array, at: tuple[int, ...], method: str) -> float:
    here = array[at]
    try:
        if method == "complex":
            array[at] = here + 1j * COMPLEX_STEP
            return float(np.imag(case.value())) / COMPLEX_STEP
        array[at] = here + CENTRAL_STEP
        above = case.value()
        array[at] = here - CENTRAL_STEP
        return float(above - case.value()) / (2 * CENTRAL_STEP)
    except TypeError as error:
        if method == "complex":
            raise DtypeError(
                f"a layer or loss refuses complex numbers ({error}); use method='central'"
            ) from error
        raise
    finally:
        array[at] = here

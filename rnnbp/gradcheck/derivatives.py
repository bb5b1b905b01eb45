"""Gradients compared with numerical derivatives, element by element."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from rnnbp.gradcheck.result import GradientCheck, GradientError
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Dtype, DtypeError, positive_int
from rnnbp.support import late_bars

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-5
FEWER = "samples=20 would check 20 of each array"
"""What the bar of a slow check says."""
TOLERANCES = {"complex": 1e-12, "central": 1e-7}


@dataclass(frozen=True)
class Case:
    """What is compared.

    Attributes:
        grads: gradients by name.
        variables: the arrays that they are by, which are changed in place.
        value: returns the value at the present variables.
        cure: for errors, what to check.
        own: gradients by the layers' own methods too, where machine code runs in their place; empty
            elsewhere.
        own_cure: for errors of these.
        places: by name the elements that are varied, by number, where that is not all of them.
    """

    grads: dict[str, Array]
    variables: dict[str, Array]
    value: Callable[[], Scalar]
    cure: str = "check the backward methods of its layers"
    own: dict[str, Array] = field(default_factory=dict)
    own_cure: str = ""
    places: Mapping[str, Array] = field(default_factory=dict)

    def chosen(
        self, name: str, samples: int | None, rng: np.random.Generator
    ) -> Iterator[tuple[int, ...]]:
        """The indices of the elements to check, in random order."""
        places = self.places.get(name)
        for k in rng.choice(self.size(name), self.count(name, samples), replace=False):
            flat = k if places is None else places[k]
            yield tuple(map(int, np.unravel_index(flat, self.variables[name].shape)))

    def count(self, name: str, samples: int | None) -> int:
        """How many elements of an array are checked."""
        size = self.size(name)
        return size if samples is None else min(samples, size)

    def size(self, name: str) -> int:
        """How many elements of an array may be."""
        return self.variables[name].size if name not in self.places else len(self.places[name])


@dataclass(frozen=True)
class Look:
    """How derivatives are taken: arguments of ``check_grads``."""

    method: str | None
    limit: float | None
    samples: int | None
    seed: int

    @property
    def dtype(self) -> Dtype:
        """That of the arrays that are varied."""
        return np.dtype(np.complex128 if self.method == "complex" else np.float64)


def compare(case: Case, look: Look) -> GradientCheck:
    """Compare every array. Raises GradientError for the first element that is wrong."""
    assert look.method is not None
    tolerance = TOLERANCES[look.method] if look.limit is None else look.limit
    errors: dict[str, float] = {}
    rng, bar_note = np.random.default_rng(look.seed), "" if look.samples else FEWER
    samples = look.samples
    if samples is not None:
        samples = positive_int("check_grads: samples", samples)
    total = sum(case.count(name, samples) for name in case.variables)
    with late_bars.late(None, total, desc="check_grads", unit=" elements") as bar:
        for name, array in case.variables.items():
            derivatives: dict[tuple[int, ...], float] = {}
            for at in case.chosen(name, samples, rng):
                derivatives[at] = _derivative(case, array, at, look.method)
                if bar is not None:
                    bar.update(1, bar_note)
            errors[name] = _worst(case, name, derivatives, tolerance)
    return GradientCheck(errors, look.method, tolerance, look.samples)


def _worst(
    case: Case, name: str, derivatives: dict[tuple[int, ...], float], tolerance: float
) -> float:
    """The largest error of an array. Raises GradientError for the first that is too large."""
    worst, largest = 0.0, min(1.0, max(1e-3, *map(abs, derivatives.values()), 0.0))
    # The layers' own first: where they are wrong too, the fault is theirs.
    ways = [(case.own, ", by the layers' own methods,", case.own_cure), (case.grads, "", case.cure)]
    for grads, how, cure in ways[not case.own :]:
        for at, derivative in derivatives.items():
            error = abs(grads[name][at] - derivative) / max(largest, abs(derivative))
            if not error <= tolerance:
                raise GradientError(
                    f"gradient by {name}{list(at)}{how} is {grads[name][at]:.15g}, its derivative "
                    f"{derivative:.15g}: error {error:.1e}, tolerance {tolerance:g}; {cure}"
                )
            worst = max(worst, float(error))
    return worst


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

"""Machine code for exponentials, logarithms and Φ: units of the last place, over the whole range."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

from rnnbp.machine import special
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from tests.kernel_runs import address

INF, NAN = np.inf, np.nan


def function(name: str, bits: int) -> Any:
    """A function of ``special`` on arrays of a multiple of 4 numbers."""
    lanes = Lanes(bits, 4)
    t = Text(lanes)
    with t.loop(0, "%n", lanes.n) as loop:
        value = getattr(special, name)(t, t.load(t.at("%x", loop.index)))
        t.store(value, t.at("%y", loop.index))
    text = t.function("run", ["ptr %x", "ptr %y", "i64 %n"])
    library = Library("\n".join([*sorted(t.needs), text]))

    def run(x: np.ndarray) -> np.ndarray:
        y = np.empty_like(x)
        library.function("run", 3)(address(x), address(y), len(x))
        return y

    return run


def normal(x: np.ndarray) -> np.ndarray:
    """Φ(x): by its continued fraction in the tails, by its series between them."""
    x = x.astype(np.longdouble)
    density = np.exp(-x * x / 2) / np.sqrt(8 * np.arctan(np.longdouble(1)))
    t = np.maximum(np.abs(x), 3)
    fraction = t.copy()
    for k in range(90, 0, -1):
        fraction = t + k / fraction
    tail = density / fraction
    inner = np.clip(x, -3, 3)
    term = series = inner
    for k in range(3, 101, 2):
        term = term * inner * inner / k
        series = series + term
    return np.where(x < -3, tail, np.where(x > 3, 1 - tail, 0.5 + density * series))


class Accuracy(NamedTuple):
    """A function, how near machine code comes to it, and its values at the ends."""

    exact: Callable[[np.ndarray], np.ndarray]
    units: float
    """Of the last place, at most, with 32 bits."""
    ends: list[float]
    """At 0, −0, ∞, −∞, NaN, 10⁴, −10⁴, and the least subnormal number."""
    takes: Callable[[np.ndarray], np.ndarray] = lambda x: x
    """From numbers on the whole line to arguments."""
    subnormal: bool = True
    """Whether results below the least normal number are right too; they are 0 otherwise."""


EXACT = {
    "exponential": Accuracy(np.exp, 1.1, [1, 1, INF, 0, NAN, INF, 0, 1]),
    "expm1": Accuracy(np.expm1, 1.6, [0, 0, -1, -1, NAN, -1, -1, 0], lambda x: -np.abs(x)),
    "log": Accuracy(
        np.log, 0.9, [-INF, -INF, INF, INF, NAN, np.log(1e4), np.log(1e4), NAN], np.abs
    ),
    "softplus": Accuracy(
        lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
        1.8,
        [np.log(2), np.log(2), INF, 0, NAN, 1e4, 0, np.log(2)],
        subnormal=False,
    ),
    "phi": Accuracy(normal, 5.0, [0.5, 0.5, 1, 0, NAN, 1, 0, 0.5]),
}


def arguments(bits: int) -> np.ndarray:
    """Numbers everywhere: dense where functions bend, and of all sizes."""
    least, most = ((1e-44, 1e38), (1e-322, 1e308))[bits == 64]
    sizes = np.geomspace(least, most, 10_000)
    grid = [np.linspace(-a, a, n) for a, n in ((1, 20_000), (20, 20_000), (110, 10_000))]
    wide = np.linspace(-750, 750, 10_000)
    return np.concatenate([*grid, wide, np.linspace(0.5, 2, 40_000), sizes, -sizes]).astype(
        f"f{bits // 8}"
    )


def test_every_function_is_in_the_list() -> None:
    own = [
        name
        for name, found in inspect.getmembers(special, inspect.isfunction)
        if found.__module__ == special.__name__ and not name.startswith("_")
    ]
    assert set(EXACT) == {*own}


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", EXACT)
def test_units_of_the_last_place(name: str, bits: int) -> None:
    known = EXACT[name]
    x = known.takes(arguments(bits))
    with np.errstate(all="ignore"):
        expected = known.exact(x.astype(np.float64 if bits == 32 else np.longdouble))
        rounded = np.abs(expected).astype(x.dtype)
        y = function(name, bits)(x)
        off = np.abs(y - expected) / np.spacing(rounded)
        relative = np.abs(y - expected) / np.abs(expected)
    # Where softplus and what it takes e^x of have no subnormal numbers, for speed.
    normal_ = rounded >= (1.2 if known.subnormal else 4) * np.finfo(x.dtype).tiny
    finite = np.isfinite(rounded)
    assert off[finite & normal_].max() <= (known.units if bits == 32 else 8 * known.units)
    assert relative[finite & normal_].max() < (4e-7, 1e-15)[bits == 64]
    below = finite & ~normal_
    assert (off[below].max(initial=0) <= 3) or not known.subnormal
    ends = np.isinf(rounded)
    np.testing.assert_array_equal(y[ends], np.copysign(INF, expected[ends]))


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", EXACT)
def test_values_at_the_ends(name: str, bits: int) -> None:
    least = np.finfo(f"f{bits // 8}").smallest_subnormal
    x = np.array([0.0, -0.0, INF, -INF, NAN, 1e4, -1e4, least], f"f{bits // 8}")
    y = function(name, bits)(EXACT[name].takes(x))
    # The logarithm of the least subnormal number depends on the number of bits.
    expected = np.array(EXACT[name].ends, x.dtype)
    expected[7] = np.log(least) if np.isnan(expected[7]) else expected[7]
    np.testing.assert_allclose(y, expected, rtol=3e-7, atol=0 if name == "log" else 2 * least)


@pytest.mark.parametrize("bits", [32, 64])
def test_the_logarithm_of_a_negative_number_is_nan(bits: int) -> None:
    x = np.array([-1.0, -1e-40, -INF, -5.0], f"f{bits // 8}")
    assert np.isnan(function("log", bits)(x)).all()

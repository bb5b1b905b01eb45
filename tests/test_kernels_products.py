"""Machine code for products and functions: values to units of the last place."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)


from rnnbp.machine import mathematics
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from tests.kernel_runs import address


def function(name: str, bits: int) -> Any:
    """A function of ``mathematics`` on arrays."""
    lanes = Lanes(bits, 4)
    t = Text(lanes)
    with t.loop(0, "%n", lanes.n) as loop:
        t.store(
            getattr(mathematics, name)(t, t.load(t.at("%x", loop.index))), t.at("%y", loop.index)
        )
    library = Library(
        "\n".join([*sorted(t.needs), t.function("run", ["ptr %x", "ptr %y", "i64 %n"])])
    )

    def run(x: np.ndarray) -> np.ndarray:
        y = np.empty_like(x)
        library.function("run", 3)(address(x), address(y), len(x))
        return y

    return run


class Accuracy(NamedTuple):
    """A function, and how near machine code comes to it."""

    exact: Callable[[np.ndarray], np.ndarray]
    units: float
    """Of the last place, at most, with 32 bits."""
    takes: Callable[[np.ndarray], np.ndarray] = lambda x: x
    """From numbers on the whole line to arguments."""
    between: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Two arguments, and the units of the last place between them."""


EXACT = {
    "exp": Accuracy(np.exp, 1.1, takes=lambda x: -np.abs(x)),
    "tanh": Accuracy(np.tanh, 1.2),
    # 1 + 2²⁴ is no float32
    "sigmoid": Accuracy(lambda x: 1 / (1 + np.exp(-x)), 1.7, between=(-18, -16, 2.4)),
}


def test_every_function_of_machine_code_is_in_the_list() -> None:
    own = [
        name
        for name, function in inspect.getmembers(mathematics, inspect.isfunction)
        if function.__module__ == mathematics.__name__ and not name.startswith("_")
    ]
    assert set(EXACT) == {*own}


@pytest.mark.parametrize("name", EXACT)
def test_functions_of_32_bits_in_units_of_the_last_place(name: str) -> None:
    grid = np.concatenate(
        [np.linspace(-20, 20, 400_000), np.linspace(-1, 1, 400_000), np.linspace(-80, 80, 200_000)]
    )
    x = np.concatenate([grid, np.geomspace(1e-30, 1, 1000), -np.geomspace(1e-30, 1, 1000)]).astype(
        np.float32
    )
    x, (low, high, more) = EXACT[name].takes(x), EXACT[name].between
    expected = EXACT[name].exact(x.astype(np.float64))
    off = np.abs(function(name, 32)(x) - expected) / np.spacing(np.abs(expected).astype(np.float32))
    ends = (x > low) & (x < high)
    assert off[~ends].max() <= EXACT[name].units
    assert off[ends].max(initial=0) <= more


@pytest.mark.parametrize("name", EXACT)
def test_functions_of_64_bits_to_1e_15(name: str) -> None:
    grid = np.concatenate(
        [np.linspace(-40, 40, 100_000), np.linspace(-1, 1, 100_000), np.linspace(-600, 600, 10_000)]
    )
    x = np.concatenate([grid, np.geomspace(1e-200, 1, 1000), -np.geomspace(1e-200, 1, 1000)])
    x = EXACT[name].takes(x)
    expected = EXACT[name].exact(x.astype(np.longdouble))
    assert np.abs((function(name, 64)(x) - expected) / expected)[expected != 0].max() < 1e-15


@pytest.mark.parametrize("bits", [32, 64])
def test_functions_at_the_ends(bits: int) -> None:
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e4, -1e4, 0.0], np.dtype(f"f{bits // 8}"))
    np.testing.assert_array_equal(function("tanh", bits)(x), [0, 0, 1, -1, np.nan, 1, -1, 0])
    assert np.signbit(function("tanh", bits)(x)).tolist() == [
        False,
        True,
        False,
        True,
        False,
        False,
        True,
        False,
    ]
    np.testing.assert_allclose(
        function("sigmoid", bits)(x), [0.5, 0.5, 1, 0, np.nan, 1, 0, 0.5], atol=1e-37
    )
    np.testing.assert_array_equal(
        function("sigmoid", bits)(x)[[3, 6]], 0
    )  # what is near 0 makes what follows slow
    np.testing.assert_allclose(
        function("exp", bits)(x)[[0, 1, 3, 4, 6]], [1, 1, 0, np.nan, 0], atol=1e-37
    )

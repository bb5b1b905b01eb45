"""The 16 bits of a number on a tape: to nearest, ends and NaN exact, with vectors of any width."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

from rnnbp.compiler.short_tapes import Field
from rnnbp.compiler.storage import Buffer, Location
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.target import vector_bytes
from rnnbp.runners.llvm import short_text
from rnnbp.runners.llvm.groups import ShortField

pytestmark = pytest.mark.alike

N = 301
FORMATS: dict[str, tuple[float, float]] = {"signed": (-1, 1), "unsigned": (0, 1)}
"""By format, its ends."""


def place(array: np.ndarray) -> int:
    return int(array.ctypes.data)


def through(x: np.ndarray, form: Any, width: int) -> np.ndarray:
    """The numbers that are read back; what lies around the 16 bits must stay as it is."""
    lanes, n = Lanes(8 * x.itemsize, width // x.itemsize), len(x)
    text, needs = [], set[str]()
    for back in (False, True):
        t, here = Text(lanes), Location(Buffer("x", n))
        short_text.row(t, ShortField(here, here, Field(0, n, 0, form), back), "%x", "%t", "%t")
        text.append(t.function(f"run{int(back)}", ["ptr %x", "ptr %t"]))
        needs |= t.needs
    library = Library("\n".join([*sorted(needs), *text]))
    tape, found = np.full(n + 2, 12345, np.int16), np.full(n + 1, 7, x.dtype)
    library.function("run0", 2)(place(x), place(tape[1:]))
    library.function("run1", 2)(place(found), place(tape[1:]))
    assert (tape[0], tape[-1], found[-1]) == (12345, 12345, 7)
    return found[:-1]


WIDTHS = [width for width in (16, 32, 64) if width <= vector_bytes()]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("form", FORMATS)
def test_fixed_point_is_the_nearest_of_equal_steps(form: str, dtype: Any, width: int) -> None:
    low, high = FORMATS[form]
    x = np.random.default_rng(0).uniform(low, high, N).astype(dtype)
    x[:5] = low, high, 0, (low + high) / 2, np.nan
    found, step = through(x, form, width), (high - low) / 65534
    expected = low + np.rint((x.astype(float) - low) / step) * step
    np.testing.assert_allclose(found, expected, rtol=0, atol=2 * np.finfo(dtype).eps)
    np.testing.assert_array_equal(found[:5], x[:5])
    np.testing.assert_array_equal(through(found, form, width), found)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bfloat16_is_to_nearest_even(dtype: Any, width: int) -> None:
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, N, dtype=np.uint32)
    bits[:6] = 0x3F808000, 0x3F818000, 0x3F808001, 0x00008000, 0x80010000, 0x7F7FFFFF
    bits = bits[np.isfinite(bits.view(np.float32))]
    up = bits.astype(np.uint64) + 0x7FFF + (bits >> 16 & 1)
    expected = (up & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(dtype)
    found = through(bits.view(np.float32).astype(dtype), "bfloat16", width)
    np.testing.assert_array_equal(found, expected)
    special = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0], dtype)
    np.testing.assert_array_equal(through(special, "bfloat16", width), special)

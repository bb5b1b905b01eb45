"""Normal random numbers by machine code, with the bits of NumPy's.

A step's numbers are those of ``numpy.random.Generator(numpy.random.Philox(key=(seed, place),
counter=(0, step, draw, 1))).standard_normal(dtype="float32")``: ``rnnbp.rng`` draws them so. NumPy
takes them by the ziggurat of 256 layers (Marsaglia & Tsang 2000; its tables after Doornik 2005)
from 32-bit words of Philox: a layer, a sign and a place in it. 1 of 100 words lies where a layer
and the curve cross, and needs one word more; 1 of 4,000 lies in the tail.
"""

from __future__ import annotations

import ctypes
import math
from itertools import pairwise

import numpy as np

from rnnbp.machine import normal_code, philox
from rnnbp.machine.compile import Library
from rnnbp.machine.normal_code import TAIL
from rnnbp.machine.target import triple
from rnnbp.machine.tasks import Signature
from rnnbp.numerics import Array, address
from rnnbp.support.lazy import cached

LAYERS = 256
AREA = 0.00492867323399
"""Of each layer."""
BITS = 23
"""Of a place in a layer."""
ARGUMENTS = (*philox.ARGUMENTS, "ptr %widths", "ptr %inside", "ptr %heights")
SIGNATURE = Signature(*ARGUMENTS)
CHECKED = 2**17
"""Numbers that are compared with NumPy's before any is used: 0.3 ms of machine code."""


def fill(out: Array, seed: int, place: int, draw: int, step: int) -> None:
    """Writes the normal numbers of the steps from ``step`` on to an array (steps, ...).

    Args:
        out: of float32 or float64, which lies together.
    """
    normal = library(out.dtype).function("normal", len(ARGUMENTS))
    n, found = out.size // max(1, len(out)), [address(table) for table in tables()]
    normal(address(out), n, len(out), seed, place, step, draw, *found)


@cached
def agrees() -> bool:
    """True if this code draws what NumPy draws here.

    Another version of NumPy could draw otherwise, and where there is no C library as expected this
    code cannot run.
    """
    if _functions() is None:
        return False
    found = np.empty((2, CHECKED // 2), np.float32)
    fill(found, 2**63 + 1, 5, 1, 7)
    key = np.array([2**63 + 1, 5], np.uint64)
    for step, numbers in enumerate(found, 7):
        bits = np.random.Philox(key=key, counter=[0, step, 1, 1])
        expected = np.random.Generator(bits).standard_normal(numbers.size, np.float32)
        if not np.array_equal(numbers, expected):
            return False
    return True


@cached
def _functions() -> dict[str, int] | None:
    """The addresses of the C library's functions that NumPy calls; None where they are not found.

    None on other processors too, for which C compilers round a product and a sum once.
    """
    if not triple().startswith("x86_64"):
        return None
    try:
        library = ctypes.CDLL(None)
        found = {
            name: ctypes.cast(library[name], ctypes.c_void_p).value for name in ("exp", "log1pf")
        }
    except (OSError, AttributeError, TypeError):
        return None
    return {name: value for name, value in found.items() if value} if all(found.values()) else None


@cached
def tables() -> tuple[Array, Array, Array]:
    """By layer: its width over 2²³, the places in it that lie under the curve, and its height."""
    edges = [0.0] * LAYERS
    edges[-1] = TAIL
    for k in range(LAYERS - 1, 1, -1):
        edges[k - 1] = math.sqrt(-2 * math.log(AREA / edges[k] + math.exp(-0.5 * edges[k] ** 2)))
    base = AREA / math.exp(-0.5 * TAIL * TAIL)
    widths = np.array([base, *edges[1:]])
    under = np.array([TAIL / base, 0.0, *(a / b for a, b in pairwise(edges[1:]))])
    heights = np.exp(-0.5 * np.array(edges) ** 2)
    return (
        (widths / 2**BITS).astype(np.float32),
        np.rint(under * 2**BITS).astype(np.uint32),
        heights.astype(np.float32),
    )


@cached
def library(dtype: np.dtype[np.floating]) -> Library:
    """The function for arrays of a dtype."""
    text = normal_code.text(dtype, ARGUMENTS)
    return Library("\n".join([text, SIGNATURE.task("normal")]), _functions() or {})

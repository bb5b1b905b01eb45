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

from rnnbp.machine import philox
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text, number
from rnnbp.machine.target import triple
from rnnbp.numerics import Array, address
from rnnbp.support.lazy import cached

LAYERS = 256
R = 3.6541528853610088
"""Where the tail begins."""
INVERSE = 0.27366123732975828
"""1 / R, as NumPy has it."""
AREA = 0.00492867323399
"""Of each layer."""
BITS = 23
"""Of a place in a layer."""
ARGUMENTS = (*philox.ARGUMENTS, "ptr %widths", "ptr %inside", "ptr %heights")
CHECKED = 2**17
"""Numbers that are compared with NumPy's before any is used: 0.3 ms of machine code."""


def fill(out: Array, seed: int, place: int, draw: int, step: int) -> None:
    """Writes the normal numbers of the steps from ``step`` on to an array (steps, ...).

    Args:
        out: of float32 or float64, which lies together.
    """
    normal = library(out.dtype).function("normal", len(ARGUMENTS))
    n, tables = out.size // max(1, len(out)), [address(table) for table in _tables()]
    normal(address(out), n, len(out), seed, place, step, draw, *tables)


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
def _tables() -> tuple[Array, Array, Array]:
    """By layer: its width over 2²³, the places in it that lie under the curve, and its height."""
    edges = [0.0] * LAYERS
    edges[-1] = R
    for k in range(LAYERS - 1, 1, -1):
        edges[k - 1] = math.sqrt(-2 * math.log(AREA / edges[k] + math.exp(-0.5 * edges[k] ** 2)))
    base = AREA / math.exp(-0.5 * R * R)
    widths = np.array([base, *edges[1:]])
    under = np.array([R / base, 0.0, *(a / b for a, b in pairwise(edges[1:]))])
    heights = np.exp(-0.5 * np.array(edges) ** 2)
    return (
        (widths / 2**BITS).astype(np.float32),
        np.rint(under * 2**BITS).astype(np.uint32),
        heights.astype(np.float32),
    )


@cached
def library(dtype: np.dtype[np.floating]) -> Library:
    """The function for arrays of a dtype."""
    kind = "float" if dtype.itemsize == 4 else "double"
    found = "%found" if kind == "float" else "%wide"
    text = _NORMAL.format(
        arguments=", ".join(ARGUMENTS), kind=kind, found=found, r=number(R, 32),
        inverse=number(-INVERSE, 32), step=number(2.0**-24, 32),
        **{f"word{k}": _fetch(k) for k in range(4)},
    )  # fmt: skip
    return Library("\n".join([_DECLARED, _block(), text]), _functions() or {})


def _block() -> str:
    """block(words, k, seed, place, step, draw): the eight words of a counter."""
    t = Text(Lanes(32, philox.EACH))
    words = philox.block(t, [t.plus("%k", 1), "%step", "%draw", "1"])
    for k, word in enumerate(words):
        t.do(f"store i64 {word}, ptr {t.put(f'getelementptr i64, ptr %words, i64 {k}')}, align 4")
    arguments = ["ptr %words", "i64 %k", "i64 %seed", "i64 %place", "i64 %step", "i64 %draw"]
    return t.function("block", arguments, internal=True)


def _fetch(k: int) -> str:
    """The lines that read word ``%p{k}``, the next of a step's, into ``%w{k}``."""
    return f"""
  %q{k} = and i64 %p{k}, 7
  %new{k} = icmp eq i64 %q{k}, 0
  br i1 %new{k}, label %draw{k}, label %have{k}
draw{k}:
  %b{k} = lshr i64 %p{k}, 3
  call void @block(ptr %words, i64 %b{k}, i64 %seed, i64 %place, i64 %now, i64 %draw)
  br label %have{k}
have{k}:
  %a{k} = getelementptr i32, ptr %words, i64 %q{k}
  %w{k} = load i32, ptr %a{k}
  %n{k} = add i64 %p{k}, 1"""


_DECLARED = "declare double @exp(double)\ndeclare float @log1pf(float)\n"
_NORMAL = """
define void @normal({arguments}) {{
entry:
  %words = alloca [8 x i32], align 64
  br label %steps
steps:
  %s = phi i64 [ 0, %entry ], [ %s1, %stepped ]
  %now = add i64 %step, %s
  %first = mul i64 %s, %N
  %more = icmp slt i64 %s, %L
  br i1 %more, label %numbers, label %end
numbers:
  %i = phi i64 [ 0, %steps ], [ %i1, %taken ]
  %p = phi i64 [ 0, %steps ], [ %after, %taken ]
  %left = icmp slt i64 %i, %N
  br i1 %left, label %candidate, label %stepped
candidate:
  %p0 = phi i64 [ %p, %numbers ], [ %n1, %wedge ]{word0}
  %layer32 = and i32 %w0, 255
  %layer = zext i32 %layer32 to i64
  %signed = and i32 %w0, 256
  %minus = icmp ne i32 %signed, 0
  %spot = lshr i32 %w0, 9
  %spotted = uitofp i32 %spot to float
  %width.at = getelementptr float, ptr %widths, i64 %layer
  %width = load float, ptr %width.at
  %plus = fmul float %spotted, %width
  %negative = fneg float %plus
  %x = select i1 %minus, float %negative, float %plus
  %inside.at = getelementptr i32, ptr %inside, i64 %layer
  %limit = load i32, ptr %inside.at
  %under = icmp ult i32 %spot, %limit
  br i1 %under, label %taken, label %slow
slow:
  %last = icmp eq i64 %layer, 0
  br i1 %last, label %tail, label %cross
cross:
  %p1 = add i64 %n0, 0{word1}
  %u1 = lshr i32 %w1, 8
  %f1 = uitofp i32 %u1 to float
  %g1 = fmul float %f1, {step}
  %top.at = getelementptr float, ptr %heights, i64 %layer
  %bottom = load float, ptr %top.at
  %above.at = getelementptr float, ptr %top.at, i64 -1
  %top = load float, ptr %above.at
  %high = fsub float %top, %bottom
  %some = fmul float %high, %g1
  %y = fadd float %some, %bottom
  %yd = fpext float %y to double
  %xd = fpext float %x to double
  %half = fmul double %xd, -5.0e-01
  %square = fmul double %half, %xd
  %curve = call double @exp(double %square)
  br label %wedge
wedge:
  %below = fcmp olt double %yd, %curve
  br i1 %below, label %taken, label %candidate
tail:
  %p2 = phi i64 [ %n0, %slow ], [ %n3, %test ]{word2}
  %u2 = lshr i32 %w2, 8
  %f2 = uitofp i32 %u2 to float
  %g2 = fmul float %f2, {step}
  %h2 = fneg float %g2
  %log2 = call float @log1pf(float %h2)
  %xx = fmul float %log2, {inverse}
  %p3 = add i64 %n2, 0{word3}
  %u3 = lshr i32 %w3, 8
  %f3 = uitofp i32 %u3 to float
  %g3 = fmul float %f3, {step}
  %h3 = fneg float %g3
  %log3 = call float @log1pf(float %h3)
  %yy = fneg float %log3
  br label %test
test:
  %twice = fadd float %yy, %yy
  %squared = fmul float %xx, %xx
  %ok = fcmp ogt float %twice, %squared
  br i1 %ok, label %far, label %tail
far:
  %distant = fadd float %xx, {r}
  %opposite = fneg float %distant
  %side32 = and i32 %spot, 256
  %side = icmp ne i32 %side32, 0
  %tailed = select i1 %side, float %opposite, float %distant
  br label %taken
taken:
  %found = phi float [ %x, %have0 ], [ %x, %wedge ], [ %tailed, %far ]
  %after = phi i64 [ %n0, %have0 ], [ %n1, %wedge ], [ %n3, %far ]
  %wide = fpext float %found to double
  %place.of = add i64 %first, %i
  %out.at = getelementptr {kind}, ptr %out, i64 %place.of
  store {kind} {found}, ptr %out.at
  %i1 = add i64 %i, 1
  br label %numbers
stepped:
  %s1 = add i64 %s, 1
  br label %steps
end:
  ret void
}}
"""

"""Uniform random numbers by machine code, with the bits of NumPy's.

A step's numbers are those of ``numpy.random.Generator(numpy.random.Philox(key=(seed, place),
counter=(0, step, draw, 0))).random(dtype="float32")``: ``rnnbp.rng`` draws them so. Philox4x64-10
(Salmon et al. 2011) makes four 64-bit integers of a counter, whose first word NumPy increments
before each four; a float32 is 24 of the 32 bits of half an integer, the lower half first.
"""

from __future__ import annotations

import numpy as np

from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.tasks import Signature
from rnnbp.numerics import Array, address
from rnnbp.support.lazy import cached

ROUNDS = 10
MULTIPLIERS = 0xD2E7470EE14C6C93, 0xCA5A826395121157
WEYL = 0x9E3779B97F4A7C15, 0xBB67AE8584CAA73B
"""What is added to the key's two words after each round."""
EACH = 8
"""Numbers from a counter."""
ARGUMENTS = (
    "ptr %out", "i64 %N", "i64 %L", "i64 %seed", "i64 %place", "i64 %step", "i64 %draw",
)  # fmt: skip
SIGNATURE = Signature(*ARGUMENTS)


def fill(out: Array, seed: int, place: int, draw: int, step: int) -> None:
    """Writes the uniform numbers of the steps from ``step`` on to an array (steps, ...).

    Args:
        out: of float32 or float64, which lies together.
    """
    uniform = library(out.dtype).function("uniform", len(ARGUMENTS))
    steps = len(out)
    uniform(address(out), out.size // max(1, steps), steps, seed, place, step, draw)


@cached
def library(dtype: np.dtype[np.floating]) -> Library:
    """The function for arrays of a dtype."""
    t = uniform(Text(Lanes(8 * dtype.itemsize, EACH)))
    own = t.function("uniform", ARGUMENTS), SIGNATURE.task("uniform")
    return Library("\n".join([*sorted(t.needs), *own]))


def uniform(t: Text) -> Text:
    """uniform(out, N, L, seed, place, step, draw): N numbers of each of L steps."""
    with t.loop(0, "%L") as steps:
        step, first = t.plus("%step", steps.index), t.times(steps.index, "%N")
        with t.loop(0, "%N", EACH) as loop:
            which = t.plus(t.put(f"sdiv exact i64 {loop.index}, {EACH}"), 1)
            numbers = _floats(t, block(t, [which, step, "%draw", "0"]))
            left = t.put(f"sub i64 %N, {loop.index}")
            t.store(numbers, t.at("%out", t.plus(first, loop.index)), t.first(left))
    return t


def block(t: Text, counter: list[str]) -> list[str]:
    """The four integers of a counter."""
    # One counter at a time: a processor multiplies 64 bits by 64 once a cycle, and has no vectors
    # of such products; of 32 by 32 bits it would take more of them than lanes save.
    a, b, c, d = counter
    for k in range(ROUNDS):
        keys = [
            t.put(f"add i64 {word}, {_signed(k * weyl)}")
            for word, weyl in zip(("%seed", "%place"), WEYL, strict=True)
        ]
        high, low = zip(
            *(_product(t, x, m) for x, m in zip((a, c), MULTIPLIERS, strict=True)), strict=True
        )
        left = t.put(f"xor i64 {t.put(f'xor i64 {high[1]}, {b}')}, {keys[0]}")
        right = t.put(f"xor i64 {t.put(f'xor i64 {high[0]}, {d}')}, {keys[1]}")
        a, b, c, d = left, low[1], right, low[0]
    return [a, b, c, d]


def _product(t: Text, x: str, multiplier: int) -> tuple[str, str]:
    """The high and the low word of x times a number."""
    wide = t.put(f"mul i128 {t.put(f'zext i64 {x} to i128')}, {multiplier}")
    high = t.put(f"trunc i128 {t.put(f'lshr i128 {wide}, 64')} to i64")
    return high, t.put(f"trunc i128 {wide} to i64")


def _floats(t: Text, words: list[str]) -> str:
    """Eight numbers in [0, 1) of four integers."""
    whole = "poison"
    for k, word in enumerate(words):
        whole = t.put(f"insertelement <4 x i64> {whole}, i64 {word}, i32 {k}")
    halves = t.put(f"bitcast <4 x i64> {whole} to <8 x i32>")
    bits = t.put(f"lshr <8 x i32> {halves}, splat (i32 8)")
    return t.op(
        "fmul", t.put(f"uitofp <8 x i32> {bits} to {t.lanes.type}"), t.lanes.constant(2.0**-24)
    )


def _signed(word: int) -> int:
    """A 64-bit word as LLVM writes it."""
    word %= 2**64
    return word - 2**64 if word >= 2**63 else word

"""The functions for products in machine code, compiled once for numbers of a kind."""

from __future__ import annotations

from rnnbp.machine import bfloat16
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes
from rnnbp.machine.target import vector_bytes
from rnnbp.numerics import Dtype
from rnnbp.runners.llvm import blocks, products, rounded_products
from rnnbp.support.lazy import cached


@cached
def shared(bits: int, nbytes: int) -> tuple[Lanes, Library]:
    """Vectors of ``nbytes`` of numbers of this many bits, and the functions for products."""
    lanes = Lanes(bits, 8 * nbytes // bits)
    rows, vectors = blocks.block_of(nbytes)
    functions, needs = products.text(lanes, rows, vectors)
    return lanes, Library("\n".join([*sorted(needs), *functions]))


@cached
def rounded(nbytes: int, native: bool) -> tuple[Lanes, Library]:
    """The same of float32 numbers, rounded to bfloat16 when they are multiplied.

    Args:
        native: whether by the processor's instructions for it; the bits are the same.
    """
    lanes = Lanes(32, nbytes // 4)
    rows, vectors = blocks.block_of(nbytes)
    by = bfloat16.arithmetic(by_instruction=native)
    functions, needs = rounded_products.text(lanes, rows, vectors, by)
    return lanes, Library("\n".join([*sorted(needs), *functions]))


def functions_for(dtype: Dtype, *, pairs: bool) -> tuple[Lanes, Library]:
    """Those of a dtype; ``pairs``: rounded to bfloat16, as this processor does it best."""
    size = vector_bytes()
    return rounded(size, bfloat16.native()) if pairs else shared(8 * dtype.itemsize, size)

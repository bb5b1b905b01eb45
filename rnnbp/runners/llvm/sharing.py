"""How many threads share a kernel's work, and what each takes: rows of the batch, or units."""

from __future__ import annotations

from rnnbp.graph.layout import Layout
from rnnbp.numerics import Dtype
from rnnbp.runners.llvm.kernel import Kernel
from rnnbp.runners.thread_shares import Share, by_columns, together

WAKING = 10**7
"""Floating-point operations that take as long as to wake a thread, some tenth of a millisecond."""
READING = 2**19
"""Bytes of weights that take as long to read as to multiply by a row and for threads to meet (an
EPYC of the Zen 5 kind, two threads: an LSTM of 256 units and four rows 1.26 times as fast by units,
of 512 units and 16 rows 1.03 times)."""
FEW = 4
"""Rows of a thread up to which a loop without products is faster by units (an EPYC of the Zen 3
kind, two threads: minGRU of one row 1.2 to 1.6 times, of eight rows 1.05 times)."""


def share(kernel: Kernel, layout: Layout, flops: int, most: int) -> Share:
    """What threads share of a kernel's work of ``flops`` operations, of ``most`` threads."""
    n = workers(flops, most)
    return Share(n, by_units(kernel, layout, n))


def part_of(kernel: Kernel, layout: Layout, found: Share) -> float:
    """What threads that share so take, of the time of one, by estimate."""
    if not found.units:
        return together(layout.batch, found.threads)
    # As long as by rows where ``by_units`` begins to prefer units.
    rows = -(-layout.batch // found.threads)
    read = kernel.weights * layout.dtype.itemsize or READING * FEW
    return by_columns(layout.batch, found.threads, READING * rows / read)


def by_units(kernel: Kernel, layout: Layout, n: int) -> bool:
    """True if each of n threads takes a share of the units, and so of the weights.

    That pays, in place of a share of the batch, where there are few rows for the weights that
    each step reads; or few rows at all, where no step waits for another thread.
    """
    return -(-layout.batch // n) <= units_up_to(kernel, layout.dtype)


def units_up_to(kernel: Kernel, dtype: Dtype) -> int:
    """Rows of a thread up to which threads share units."""
    return kernel.weights * dtype.itemsize // READING if kernel.weights else FEW


def workers(flops: int, most: int) -> int:
    """Threads for some work, of ``most``: to wake another takes as long as many operations."""
    return min(most, 1 + flops // WAKING)

"""A call of a kernel on arrays that stay where they are."""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.numerics import Array, address, lies
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.llvm.arguments import Arguments
from rnnbp.runners.llvm.buffers import Buffers
from rnnbp.runners.llvm.kernel import Kernel


def bound_call(
    kernel: Kernel,
    buffers: Buffers,
    given: Arguments,
    xs: Sequence[Array],
    y: Array,
    n: int,
    units: bool,
) -> BoundCall | None:
    """A chunk from xs to y (L, B, ...) by at most n threads, as a record; None where random numbers
    are drawn for each chunk, or an array would be copied.

    Args:
        kernel: one that rolls the state: it leaves it where it found it.
        units: whether threads share columns.
    """
    length, batch = y.shape[:2]
    read = given.read(xs, length)
    if (
        buffers.sizes.drawn(kernel)
        or not lies(y)
        or any(a is not b for a, b in zip(read, xs, strict=True))
    ):
        return None
    arrays, shapes = buffers.arrays(kernel, length), buffers.layout.cell.state_shapes
    bases = buffers.addresses(kernel, length).of(given.addresses(read) | {"y": address(y)})
    job = buffers.job(kernel, length)
    states = [arrays[f"H{k}"][0].reshape(batch, *shape) for k, shape in enumerate(shapes)]
    kept = job, arrays, read, y, buffers.constants(kernel)
    return BoundCall(job.numbers(bases, units), n if units else min(n, batch), tuple(states), kept)

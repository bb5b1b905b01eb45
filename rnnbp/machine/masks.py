"""Elements that a mask of bytes lets through, scaled: by machine code on all threads."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from rnnbp.machine.arrays import TOGETHER, do, shapes_of, takes
from rnnbp.machine.availability import chosen
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.records import place
from rnnbp.machine.rows import Row
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.tasks import Signature
from rnnbp.machine.team.job import Job
from rnnbp.numerics import Array, ShapeError, address, fix_sizes, lies
from rnnbp.support.lazy import cached

MASKED = Signature("ptr %x", "ptr %mask", "ptr %y", "i64 %n", "ptr %scale")


def masked(x: Array, mask: Array, scale: float) -> Array:
    """(x · mask) · scale with NumPy's bits: by machine code, or by NumPy where x is no float.

    Args:
        mask: bool, of the shape of x.

    Raises ShapeError where the mask is of a different shape.
    """
    found = x if takes(x) else np.array(x, order="C")  # which becomes y
    if not (chosen() and takes(found) and lies(mask)):
        # In place of a copy: NumPy would take a buffer for what is strided too.
        found = np.multiply(found, mask, out=None if found is x else found)
        found *= scale
        return found
    fixed = fix_sizes([found, mask])
    if mask.shape != x.shape:
        raise ShapeError(f"mask: x and mask have shapes {shapes_of((x, mask))}")
    y = np.empty(x.shape, x.dtype) if found is x else found
    number = np.array(scale, x.dtype)
    job = _job(library(x.dtype).address("masked.task"), x.size, x.itemsize)
    do(job, [address(a) for a in (found, mask, y, number)], x.size)
    del fixed
    return y


@lru_cache(64)
def _job(function: int, n: int, item: int) -> Job:
    """The function on n numbers of ``item`` bytes."""
    at = np.arange(0, n, TOGETHER)
    numbers = {"x": place(0) + item * at, "y": place(2) + item * at, "mask": place(1) + at}
    counts = np.minimum(TOGETHER, n - at)
    return Job(MASKED.table(len(at), function, **numbers, n=counts, scale=place(3))[None])


@cached
def library(dtype: np.dtype[np.floating]) -> Library:
    """The function for numbers of a kind."""
    t = _masked(Text(Lanes(8 * dtype.itemsize, vector_bytes() // dtype.itemsize)))
    code = [t.function("masked", MASKED.arguments), MASKED.task("masked")]
    return Library("\n".join([*sorted(t.needs), *code]))


def _masked(t: Text) -> Text:
    scale = t.broadcast("%scale")

    def work(i: str, m: str | None) -> None:
        x = t.op("fmul", t.load(t.at("%x", i), m), _flags(t, i, m))
        t.store(t.op("fmul", x, scale), t.at("%y", i), m)

    Row(t, "%n").each(work)
    return t


def _flags(t: Text, i: str, m: str | None) -> str:
    """A vector of bytes of the mask, as numbers 0 and 1."""
    v = t.lanes
    kind = f"<{v.n} x i8>"
    at = t.put(f"getelementptr inbounds i8, ptr %mask, i64 {i}")
    if m is None:
        found = t.put(f"load {kind}, ptr {at}, align 1")
    else:
        t.needs.add(f"declare {kind} @llvm.masked.load.v{v.n}i8.p0(ptr, {v.bools}, {kind})")
        given = f"ptr align 1 {at}, {v.bools} {m}, {kind} zeroinitializer"
        found = t.put(f"call {kind} @llvm.masked.load.v{v.n}i8.p0({given})")
    return t.put(f"uitofp {kind} {found} to {v.type}")

"""Machine code for large arrays outside cells: norms, softmax, Adam, and rows by symbol."""

from __future__ import annotations

import numpy as np

from rnnbp.machine import array_code, squared_code, symbol_code
from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.tasks import Signature
from rnnbp.support.lazy import cached

EXTENT = Signature("ptr %x", "i64 %n", "ptr %out")
SOFTMAX = Signature(
    "ptr %y", "i64 %K", "i64 %N", "ptr %out", "ptr %which", "ptr %factors", "ptr %less",
    "ptr %tops", "ptr %totals", "ptr %ats",
)  # fmt: skip
SQUARED = Signature(
    "ptr %y", "i64 %ldy", "ptr %t", "i64 %ldt", "i64 %N", "i64 %K", "ptr %factor", "ptr %dy",
    "ptr %out",
)  # fmt: skip
COPY = Signature("ptr %x", "ptr %y", "i64 %n")
NUMBER = Signature("ptr %x", "i64 %N", "i64 %K", "ptr %rows", "ptr %found", "ptr %out")
UPDATE = Signature(
    "ptr %p", "ptr %g", "ptr %m", "ptr %v", "i64 %n", "ptr %out", "ptr %numbers"
)  # fmt: skip
DELTA_SUM = Signature(
    "ptr %d", "i64 %ldd", "ptr %x", "i64 %ldx", "i64 %N", "i64 %M", "i64 %K", "ptr %o", "i64 %ldo"
)
"""Of functions that sum N deltas d (N, M), rows of ``ldd`` numbers, into o with rows of ``ldo``."""
# ``scatter`` of symbol_code, ``gradient`` and ``sums`` of products. One signature, though none but
# ``gradient`` uses all of it, lets their tasks stand in one table.


@cached
def library(dtype: np.dtype[np.floating]) -> Library:
    """The functions for numbers of a kind; all are tasks too."""
    lanes = Lanes(8 * dtype.itemsize, vector_bytes() // dtype.itemsize)
    found, needs = list[str](), set[str]()
    bodies = {
        "extent": (array_code.extent(Text(lanes)), EXTENT),
        "squared": (squared_code.squared(Text(lanes)), SQUARED),
        "squared_wide": (squared_code.squared(Text(lanes), wide=True), SQUARED),
        "finite": (array_code.finite(Text(lanes)), EXTENT),
        "scale": (array_code.scale(Text(lanes)), EXTENT),
        "softmax": (array_code.softmax(Text(lanes)), SOFTMAX),
        "copy": (array_code.copy(Text(lanes)), COPY),
        "number": (symbol_code.number(Text(lanes)), NUMBER),
        "scatter": (symbol_code.scatter(Text(lanes)), DELTA_SUM),
        "adam": (array_code.adam(Text(lanes)), UPDATE),
        "adam_clip": (array_code.adam(Text(lanes), clip=True), UPDATE),
        "adam_penalty": (array_code.adam(Text(lanes), penalty=True), UPDATE),
    }
    for name, (body, signature) in bodies.items():
        found += [body.function(name, signature.arguments), signature.task(name)]
        needs |= body.needs
    return Library("\n".join([*sorted(needs), *found]))

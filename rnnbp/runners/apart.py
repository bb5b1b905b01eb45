"""NumPy's own buffers for operands whose rows are not contiguous."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import VIEWS
from rnnbp.compiler.storage import Buffer, Held, Storage
from rnnbp.compiler.weights import Vector

COPYING = frozenset({"linear", "copy", "zeros", "concat", "spread", "repeat", "transpose", *VIEWS})
"""Operations that take no such buffers: products, and copies."""


def apart(
    storage: Storage, ops: Iterable[Op], phases: Mapping[int, str], arrays: Mapping[Buffer, Held]
) -> frozenset[tuple[int, int]]:
    """By operation on all steps of a block: (operands not contiguous, their fewest rows)."""
    still = {buffer for buffer, held in arrays.items() if held.span.scope == "step"}
    found = set[tuple[int, int]]()
    for op in ops:
        if (
            phases[id(op)] == "loop"
            or op.name in COPYING
            or op.name.startswith("opaque")
            or not op.outs
        ):
            continue
        values = [(storage.location(v), storage.code.values.rows(v)) for v in (*op.args, *op.outs)]
        # A vector is repeated for each step, as what is the same at all of them; others are rows of
        # buffers, all of them or some.
        some = sum(rows < at.buffer.rows or at.buffer in still for at, rows in values)
        some += isinstance(op.attr, Vector)
        found.add((some, min(rows for _, rows in values)))
    return frozenset(found)


def buffered_elements(apart: Iterable[tuple[int, int]], steps: int, batch: int) -> int:
    """The most elements in NumPy's buffers, for blocks of ``steps`` steps.

    NumPy 2.4 gathers as many rows as fit into a buffer, where these are more than such operands.
    """
    found, room = 0, int(np.getbufsize())
    for count, rows in apart:
        row = max(1, rows * batch)
        together = min(steps, room // row)
        found = max(found, count * together * row if together > count else 0)
    return found

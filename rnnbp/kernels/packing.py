"""Weights in the order in which products read them: panels of columns of the product, each (depth, width)."""

from __future__ import annotations

import numpy as np

from rnnbp.compiler.code import Matrix
from rnnbp.kernels.ir import Lanes, Text
from rnnbp.kernels.machine import Library
from rnnbp.numerics import Array

NEAR = 16
"""Columns of weights that are turned in one go: those of a cache line."""


def packed_rows(rows: int, lanes: Lanes) -> int:
    """Rows of a matrix with those that fill its last vector."""
    return -(-rows // lanes.n) * lanes.n


def packed(matrix: Matrix, dtype: np.dtype[np.generic], lanes: Lanes, library: Library) -> Array:
    """The weights (M, K) of a product, in panels, padded with zeros."""
    rows, depth = matrix.shape
    found, at = np.zeros(packed_rows(rows, lanes) * depth, dtype), 0
    copy = library.function("turned" if matrix.turned else "upright", 8)
    for lane in matrix.lanes:
        part, factor = lane.owner[lane.key][lane.start : lane.stop], np.array(lane.factor, dtype)
        here = np.ascontiguousarray(part, dtype)
        columns = here.shape[1]
        copy(here.ctypes.data, lane.count, columns, at, rows, depth, found.ctypes.data, factor.ctypes.data)
        at += lane.count
    return found


def text(lanes: Lanes, vectors: int) -> list[tuple[str, Text, list[str]]]:
    """The functions ``upright`` and ``turned``: rows of weights into their place from row ``at`` on, times a factor."""
    arguments = ["ptr %from", "i64 %rows", "i64 %columns", "i64 %at", "i64 %M", "i64 %K", "ptr %to", "ptr %factor"]
    return [
        ("upright", _upright(Text(lanes), lanes.n * vectors), arguments),
        ("turned", _turned(Text(lanes), lanes.n * vectors), arguments),
    ]


def _panel(t: Text, row: str, width: int) -> tuple[str, str, str]:
    """Where the panel of a column of the product begins, the panel's width, and the column in it."""
    number = t.put(f"sdiv i64 {row}, {width}")
    start = t.times(number, width)
    left = t.put(f"sub i64 %M, {start}")
    whole = t.times(t.put(f"sdiv i64 {t.plus(left, t.lanes.n - 1)}, {t.lanes.n}"), t.lanes.n)
    narrow = t.put(f"icmp slt i64 {whole}, {width}")
    found = t.put(f"select i1 {narrow}, i64 {whole}, i64 {width}")
    return t.times(start, "%K"), found, t.put(f"sub i64 {row}, {start}")


def _upright(t: Text, width: int) -> Text:
    kind, size = t.lanes.scalar, t.lanes.nbytes
    factor = t.put(f"load {kind}, ptr %factor, align {size}")
    with t.loop(0, "%columns", NEAR) as block:
        stop = t.plus(block.index, NEAR)
        more = t.put(f"icmp slt i64 {stop}, %columns")
        end = t.put(f"select i1 {more}, i64 {stop}, i64 %columns")
        with t.loop(0, "%rows") as row:
            base, across, column = _panel(t, t.plus(row.index, "%at"), width)
            source, to = t.at("%from", t.times(row.index, "%columns")), t.at("%to", t.plus(base, column))
            with t.loop(block.index, end) as k:
                value = t.put(f"load {kind}, ptr {t.at(source, k.index)}, align {size}")
                scaled = t.put(f"fmul {kind} {value}, {factor}")
                t.do(f"store {kind} {scaled}, ptr {t.at(to, t.times(k.index, across))}, align {size}")
    return t


def _turned(t: Text, width: int) -> Text:
    factor = t.broadcast("%factor")
    with t.loop(0, "%rows") as row:
        source, depth = t.at("%from", t.times(row.index, "%columns")), t.plus(row.index, "%at")
        with t.loop(0, "%columns", t.lanes.n) as along:
            mask = t.first(t.put(f"sub i64 %columns, {along.index}"))
            value = t.op("fmul", t.load(t.at(source, along.index), mask), factor)
            base, across, column = _panel(t, along.index, width)
            t.store(value, t.at("%to", t.plus(base, t.plus(t.times(depth, across), column))))
    return t

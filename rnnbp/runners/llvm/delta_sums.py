"""Gradients of weights: sums over the steps and rows of a piece, of deltas times inputs.

Both are read as they lie in memory. With vectors of 32 bytes, of 16 registers, they are copied
first, a panel at a time, to where they lie together.
"""

from __future__ import annotations

from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.target import triple
from rnnbp.runners.llvm.block_loops import over_panels, over_rows

DEPTH = 256
"""Rows of deltas that are summed in one go, before they are added to the gradient."""
# Accuracy: a float32 sum over millions of rows would lose what each of them adds; sums of 256 rows,
# added up, have about the accuracy of NumPy's pairwise sums. Cache: 256 rows of a panel of 4
# vectors are 64 kB, which stay in the second level while all blocks of rows go over them; with
# 1,024 large gradients took 1.6 times as long (Xeon), with 64 as long. Changing it changes the
# results' bits.

COPIED = 32
"""Bytes of vectors with which deltas and inputs are copied."""
# Rows of deltas are often a power of two apart, as 8 kB for an LSTM of 512 units: a column of 256
# of them then shares one set of the first-level cache, and eight of the second level. Copied, the
# gradients of an LSTM of 256 or 512 units take two thirds of the time (EPYC of the Zen 3 kind,
# AVX2). A panel of vectors of 64 bytes is as large as the copies may be, and was not measured.
SHARE = 96
"""Bytes of a row of deltas that are copied at once: 24 kB in all, next to 16 kB of inputs."""
# They are on the stack, of which a thread of the caller's may have no more than 128 kB. Not a power
# of two, for the reason above; 192 bytes do not fit into the first level, and took 1.1 times as long.
FEW = 128
"""Columns of a gradient below which to copy deltas takes longer than it saves."""


def copies(lanes: Lanes) -> bool:
    """True if deltas and inputs are copied."""
    # On Windows a function with so much on the stack calls one of C's library.
    return lanes.n * lanes.nbytes == COPIED and "windows" not in triple()


def gradient(t: Text, rows: int, vectors: int) -> Text:
    """gradient(d, ldd, x, ldx, N, M, K, o, ldo): o (M, K) += dᵀ x, d (N, M), x (N, K)."""
    return (_copying if copies(t.lanes) else _reading)(t, rows, vectors)


def _reading(t: Text, rows: int, vectors: int) -> Text:
    # d and x are read as they are, with strides, since each is used for one gradient only: packing
    # them would cost as many memory accesses as it saves.
    with t.loop(0, "%N", DEPTH) as deep:
        count = deep_of(t, deep.index)
        d, x = t.at("%d", t.times(deep.index, "%ldd")), t.at("%x", t.times(deep.index, "%ldx"))

        def work(at: str, many: int, bits: str, d: str = d, x: str = x, count: str = count) -> None:
            out = t.at("%o", at)
            here = {"a": d, "ra": "1", "ka": "%ldd", "w": t.at(x, at), "kw": "%ldx", "K": count}
            here |= {"o": out, "ldo": "%ldo", "from": "null", "ldf": "0", "bits": bits}
            over_rows(t, "%M", rows, many, True, here, [("a", "1"), ("o", "%ldo")])

        over_panels(t, "%K", vectors, work)
    return t


def _copying(t: Text, rows: int, vectors: int) -> Text:
    n, share = t.lanes.n, SHARE // t.lanes.nbytes
    deltas, inputs = (
        t.put(f"alloca [{DEPTH * width} x {t.lanes.scalar}], align 64")
        for width in (share, vectors * n)
    )
    # Few panels of inputs: deltas are read as they lie.
    few = t.put(f"icmp slt i64 %K, {FEW}")
    some = t.put(f"sdiv i64 {t.plus('%M', share - 1)}, {share}")
    count = t.put(f"select i1 {few}, i64 1, i64 {some}")
    with t.loop(0, "%N", DEPTH) as deep:
        many = deep_of(t, deep.index)
        d, x = t.at("%d", t.times(deep.index, "%ldd")), t.at("%x", t.times(deep.index, "%ldx"))
        with t.loop(0, count, carried=[("i64", "0")]) as part:  # about equal parts
            (done,) = part.carried
            left, parts = t.put(f"sub i64 %M, {done}"), t.put(f"sub i64 {count}, {part.index}")
            size = t.put(f"sdiv i64 {t.plus(left, t.plus(parts, -1))}, {parts}")
            a, along = _deltas(t, t.at(d, done), deltas, few, (many, size), share)
            out = t.at("%o", t.times(done, "%ldo"))
            here = {"a": a, "ra": "1", "ka": along, "w": inputs, "K": many}
            _multiplied(t, x, out, size, here, rows, vectors)
            part.after.append(t.plus(done, size))
    return t


def _deltas(
    t: Text, start: str, into: str, few: str, shape: tuple[str, str], share: int
) -> tuple[str, str]:
    """Where deltas are read, and how far apart their rows are: a copy, unless panels are few."""
    copied = t.put(f"select i1 {few}, i64 0, i64 {shape[0]}")
    _copy_rows(t, start, into, copied, shape[1], share)
    a = t.put(f"select i1 {few}, ptr {start}, ptr {into}")
    return a, t.put(f"select i1 {few}, i64 %ldd, i64 {share}")


def _multiplied(
    t: Text, x: str, out: str, size: str, values: dict[str, str], rows: int, vectors: int
) -> None:
    """Add the products of ``size`` columns of deltas with all panels of inputs."""

    def work(at: str, wide: int, bits: str) -> None:
        _copy_panel(t, t.at(x, at), values["w"], values["K"], wide, bits)
        given = {"kw": str(wide * t.lanes.n), "o": t.at(out, at), "ldo": "%ldo", "bits": bits}
        given |= values | {"from": "null", "ldf": "0"}
        over_rows(t, size, rows, wide, True, given, [("a", "1"), ("o", "%ldo")])

    over_panels(t, "%K", vectors, work)


def _copy_rows(t: Text, d: str, into: str, many: str, size: str, share: int) -> None:
    """Copy ``size`` numbers of each row of deltas, to ``share`` numbers."""
    with t.loop(0, many) as row:
        start, there = t.at(d, t.times(row.index, "%ldd")), t.at(into, t.times(row.index, share))
        with t.loop(0, size, t.lanes.n) as column:
            mask = t.first(t.put(f"sub i64 {size}, {column.index}"))
            t.store(t.load(t.at(start, column.index), mask), t.at(there, column.index))


def _copy_panel(t: Text, x: str, into: str, many: str, wide: int, bits: str) -> None:
    """Copy ``wide`` vectors of each row of inputs."""
    n = t.lanes.n
    masks = [None] * (wide - 1) + [None if bits == "-1" else t.bits(bits)]
    with t.loop(0, many) as row:
        start, there = t.at(x, t.times(row.index, "%ldx")), t.at(into, t.times(row.index, wide * n))
        t.fetch(t.beyond(start, wide * n), written=False)  # of the next panel
        for m, mask in enumerate(masks):
            t.store(t.load(t.at(start, m * n), mask), t.at(there, m * n))


def deep_of(t: Text, done: str) -> str:
    """How many of N rows come next: DEPTH, or what is left."""
    left = t.put(f"sub i64 %N, {done}")
    return t.put(f"select i1 {t.put(f'icmp slt i64 {left}, {DEPTH}')}, i64 {left}, i64 {DEPTH}")

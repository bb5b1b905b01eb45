"""Blocks of registers of products whose operands are pairs of bfloat16, and rows of pairs.

As ``blocks``: every element is the same sum in the same order whatever block it is in.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.machine.bfloat16 import Bfloat16
from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.blocks import started

TURNS = 2
"""Pairs in one turn of the loop, so that counting takes a small share."""
FETCH_AHEAD = 8
"""Pairs by which weights are asked for ahead of their use: as many cycles as in ``blocks``."""


def block(t: Text, by: Bfloat16, rows: int, vectors: int, *, added: bool) -> Text:
    """o[i, m] = from[i, m] + Σ_k a[i ra + k ka] w[k kw + m] of pairs; without ``from``, from 0.

    ``added``: it sums from 0, and then adds to o. The arguments are ``blocks.ARGUMENTS``; strides
    of a and w are in pairs, and so is K. w is whole vectors, which end with zeros.
    """
    v, mask = t.lanes, t.bits("%bits")
    masks = [None] * (vectors - 1) + [mask]
    cells = [(i, m) for i in range(rows) for m in range(vectors)]
    outs = [t.at("%o", t.plus(t.times("%ldo", i), m * v.n)) for i, m in cells]
    if added:
        for out in outs:  # read only after the whole sum: there is time for it to come
            t.fetch(out, written=True)
    first = ["zeroinitializer"] * len(cells) if added else started(t, cells, masks)
    offsets = [t.times("%ra", i) for i in range(rows)]
    whole = t.times(t.put(f"sdiv i64 %K, {TURNS}"), TURNS)
    with t.loop(0, whole, TURNS, carried=[(v.type, value) for value in first]) as loop:
        sums = loop.carried
        for turn in range(TURNS):
            k = t.plus(loop.index, turn)
            sums = _multiply(t, by, k, offsets, sums, vectors, fetch=not added)
        loop.after += sums
    with t.loop(whole, "%K", carried=[(v.type, value) for value in loop.carried]) as rest:
        rest.after += _multiply(t, by, rest.index, offsets, rest.carried, vectors, fetch=False)
    for (_, m), out, value in zip(cells, outs, rest.carried, strict=True):
        total = by.plus(t, t.load(out, masks[m]), value) if added else value
        t.store(total, out, masks[m])
    return t


def _multiply(
    t: Text, by: Bfloat16, k: str, offsets: Sequence[str], sums: list[str], vectors: int, *,
    fetch: bool,
) -> list[str]:  # fmt: skip
    """The sums with what one pair adds; ``fetch``: ask for weights that come later."""
    along, row, n = t.at("%a", t.times(k, "%ka")), t.at("%w", t.times(k, "%kw")), t.lanes.n
    if fetch:
        later = t.beyond(row, t.times("%kw", FETCH_AHEAD))
        for m in range(vectors):
            t.fetch(t.beyond(later, m * n), written=False)
    numbers = [t.at(along, offset) for offset in offsets]
    return by.dots(t, numbers, [t.at(row, m * n) for m in range(vectors)], sums)

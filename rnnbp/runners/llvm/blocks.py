"""Blocks of registers: the inner loops of matrix products (Goto & van de Geijn 2008).

A block of the result, ``rows`` by ``vectors``, is summed in registers: for each k, the vectors of
weights are loaded once and multiplied by one number of each row. So a block of 6 rows by 4 vectors
makes 24 multiplications of vectors from 4 loads of vectors and 6 of numbers.

Every element is the same sum in the same order whatever block it is in, so results depend neither
on the number of rows nor on the threads. That is why there is one accumulator for each element, and
k is never split between two: it would be faster for a product of one row, with other bits.
"""

from __future__ import annotations

from collections.abc import Sequence

from rnnbp.machine.ir import Lanes, Text

WIDE, NARROW = (6, 4), (6, 2)
"""(rows, vectors) of a block, with 32 registers for vectors (AVX-512) and with 16."""
# 6 x 4 sums, 4 vectors of weights and a number in all lanes are 29 of 32 registers; 6 x 2, 2 and
# one are 15 of 16. A fused multiply-add takes 4 cycles, and a processor begins 2 in each, so at
# least 8 sums must be under way: both have more. Square blocks load less for what they multiply,
# but the batch is often small, and its last rows are blocks of fewer rows, with weights as long.
# On a Xeon with AVX-512 5 x 5, 8 x 3 and 12 x 2 are within 5 % of 6 x 4, none of them at all
# shapes. With AArch64's 32 registers of 16 bytes 6 x 4 would fit too; it has not been measured
# there.

TURNS = 4
"""Values of k in one turn of the loop over packed weights, so that counting takes a small share."""
# Counting is an addition, a comparison and a jump for what may be 6 multiplications, where a block
# has one vector. Measured on a Xeon: 1, 2 and 4 are equal for whole blocks, 8 makes large products
# up to three times as slow. Not in ragged blocks, where loads of memory take longer than counting.

FETCH_AHEAD = {False: 16, True: 8}
"""Values of k by which weights are asked for ahead of their use; True: of ragged blocks."""
# Weights that are larger than the second-level cache come from further away than the processor sees
# ahead: 16 values of k are about 200 cycles. Rows of deltas and inputs lie apart, where processors
# do not guess the next line by themselves; without asking, gradients take 5 to 15 % longer (Xeon).
# Between 4 and 32 nothing differs by more than the noise. Fetching changes no value.

ARGUMENTS = (
    "ptr %a", "i64 %ra", "i64 %ka", "ptr %w", "i64 %kw", "i64 %K", "ptr %o", "i64 %ldo",
    "ptr %from", "i64 %ldf", "i64 %bits",
)  # fmt: skip
"""Of a block: a with its strides along rows and k; w with its stride along k; K.

Then the result and its stride; what the sums start from and its stride; the lanes of the last
vector that exist.
"""


def block_of(vector_bytes: int) -> tuple[int, int]:
    """Rows and vectors of the largest block of registers."""
    return WIDE if vector_bytes == 64 else NARROW


def panel(lanes: Lanes) -> int:
    """Columns of a product that a panel of packed weights has: those of a block."""
    return lanes.n * block_of(lanes.n * lanes.nbytes)[1]


def name_of(rows: int, vectors: int, ragged: bool) -> str:
    """The name of a block's function."""
    return f"block{rows}x{vectors}{'r' if ragged else ''}"


def block(t: Text, rows: int, vectors: int, *, ragged: bool, copied: bool = False) -> Text:
    """o[i, m] = from[i, m] + Σ_k a[i ra + k ka] w[k kw + m]; without ``from``, from 0.

    A ``ragged`` block reads w from an array as it is, whose rows end anywhere, so that the last
    vector of each is masked; it sums from 0, and then adds to o. Of ``copied`` rows of w, which end
    with zeros, o alone is masked.
    """
    near = copied or not ragged
    v, mask = t.lanes, t.bits("%bits")
    masks = [None] * (vectors - 1) + [mask]
    cells = [(i, m) for i in range(rows) for m in range(vectors)]
    outs = [t.at("%o", t.plus(t.times("%ldo", i), m * v.n)) for i, m in cells]
    if ragged:
        for out in outs:  # read only after the whole sum: there is time for it to come
            t.fetch(out, written=True)
    # Ragged sums begin from 0 and are added to o at the end: a gradient collects many of them, and
    # small numbers added one by one to a large sum would lose their last bits.
    first = ["zeroinitializer"] * len(cells) if ragged else started(t, cells, masks)
    # Packed weights are padded with zeros, so their last vector is read whole: a masked load needs
    # a register for its mask with AVX2, where a block leaves none.
    read = [None] * vectors if near else masks
    offsets, many = [t.times("%ra", i) for i in range(rows)], TURNS if near else 1
    whole = t.times(t.put(f"sdiv i64 %K, {many}"), many)
    with t.loop(0, whole, many, carried=[(v.type, value) for value in first]) as loop:
        sums, far = loop.carried, 0 if copied else FETCH_AHEAD[ragged]
        for turn in range(many):
            k = t.plus(loop.index, turn)
            sums = _multiply(t, k, offsets, sums, read, far=far, numbers=not near)
        loop.after += sums
    if many > 1:
        # The last values of k, where K is no multiple: nothing is left to be asked for.
        with t.loop(whole, "%K", carried=[(v.type, value) for value in loop.carried]) as loop:
            loop.after += _multiply(t, loop.index, offsets, loop.carried, read)
    for (_, m), out, value in zip(cells, outs, loop.carried, strict=True):
        t.store(t.op("fadd", t.load(out, masks[m]), value) if ragged else value, out, masks[m])
    return t


def _multiply(
    t: Text,
    k: str,
    offsets: Sequence[str],
    sums: Sequence[str],
    masks: Sequence[str | None],
    *,
    far: int = 0,
    numbers: bool = False,
) -> list[str]:
    """The sums with what one k adds.

    Args:
        far: how many k ahead w is asked for; 0 for not at all. numbers: whether a is asked for too.
    """
    along, row, n = t.at("%a", t.times(k, "%ka")), t.at("%w", t.times(k, "%kw")), t.lanes.n
    if far:
        # ``beyond``, as the address may lie past the array's end: fetching it never fails, but an
        # ``inbounds`` address would let LLVM take for granted that it does not.
        later = t.beyond(row, t.times("%kw", far))
        for m in range(len(masks)):
            t.fetch(t.beyond(later, m * n), written=False)
    if numbers:
        t.fetch(t.beyond(along, t.times("%ka", far)), written=False)
    ws = [t.load(t.at(row, m * n), mask) for m, mask in enumerate(masks)]
    found = list[str]()
    for i, offset in enumerate(offsets):
        # One number in all lanes at a time: it needs one register, where all six would need six.
        number = t.broadcast(t.at(along, offset))
        found += [t.fma(number, w, sums[i * len(ws) + m]) for m, w in enumerate(ws)]
    return found


def started(t: Text, cells: Sequence[tuple[int, int]], masks: Sequence[str | None]) -> list[str]:
    """The vectors of ``from``, or zeros where it is null."""
    t.do(f"br i1 {t.put('icmp eq ptr %from, null')}, label %start, label %read")
    t.label("read")
    given = [
        t.load(t.at("%from", t.plus(t.times("%ldf", i), m * t.lanes.n)), masks[m]) for i, m in cells
    ]
    t.do("br label %start")
    t.label("start")
    kind = t.lanes.type
    return [t.put(f"phi {kind} [ zeroinitializer, %entry ], [ {v}, %read ]") for v in given]

"""Matrix products whose operands are rounded to bfloat16, with sums in float32.

They take the same arguments as those of ``products``, float32 numbers but for packed weights, which
are pairs along k (``rounded_panels``). What is not packed is rounded where it is read, a block that
stays in the cache at a time, to the stack.
"""

from __future__ import annotations

from rnnbp.machine.bfloat16 import Bfloat16, Pairs
from rnnbp.machine.elementwise import DELTA_SUM
from rnnbp.machine.ir import Lanes, Text
from rnnbp.runners.llvm import products, rounded_blocks, rounded_panels
from rnnbp.runners.llvm.block_loops import moved, over_panels, over_rows
from rnnbp.runners.llvm.blocks import ARGUMENTS, name_of
from rnnbp.runners.llvm.delta_sums import DEPTH, deep_of

ROWS = 64
"""Rows of inputs that are rounded at once."""
DEEP = 128
"""Pairs of each of them: with ROWS, 32 kB on the stack, and a panel of weights is as large."""
SHARE = 96
"""Columns of deltas that are rounded at once: 48 kB on the stack, next to 32 kB of inputs."""
# A thread of the caller's may have no more than 128 kB.


def text(lanes: Lanes, rows: int, vectors: int, by: Bfloat16) -> tuple[list[str], set[str]]:
    """The functions ``product``, ``gradient``, ``sums`` and those that pack, and tasks.

    Args:
        rows, vectors: of the largest block of registers. by: rounds and multiplies.
    """
    found, needs = list[str](), set[str]()
    for added in (False, True):
        for n in range(1, rows + 1):
            for m in range(1, vectors + 1):
                body = rounded_blocks.block(Text(lanes), by, n, m, added=added)
                found.append(body.function(name_of(n, m, added), ARGUMENTS, internal=True))
                needs |= body.needs
    made = [
        ("product", _product(Text(lanes), by, rows, vectors), products.PRODUCT),
        ("gradient", _gradient(Text(lanes), by, rows, vectors), DELTA_SUM),
        ("sums", products.sums(Text(lanes)), DELTA_SUM),
        *rounded_panels.text(lanes, vectors, by),
    ]
    for name, body, signature in made:
        found += [body.function(name, signature.arguments), signature.task(name)]
        needs |= body.needs
    return found, needs


def _product(t: Text, by: Bfloat16, rows: int, vectors: int) -> Text:
    """product(a, lda, w, M, K, o, ldo, from, ldf, n): o (n, M) = from + a (n, K) Wᵀ, W packed."""
    # Blocks of rows outside, then blocks of k, whose sums wait in o, then panels: numbers are
    # rounded once for all panels, and lie together. A sum in o is float32, as in a register, so
    # where k is cut changes no bit.
    pairs = t.put(f"sdiv i64 {t.plus('%K', 1)}, 2")
    near = t.put(f"alloca [{ROWS * DEEP} x i32], align 64")
    before = by.begins(t)
    count = t.put(f"sdiv i64 {t.plus('%n', ROWS - 1)}, {ROWS}")
    with t.loop(0, count, carried=[("i64", "0")]) as block:
        (done,) = block.carried
        size = part(t, "%n", done, count, block.index)
        a, o = t.at("%a", t.times(done, "%lda")), t.at("%o", t.times(done, "%ldo"))
        start = moved(t, "%from", t.times(done, "%ldf"))
        with t.loop(0, pairs, DEEP) as deep:
            left = t.put(f"sub i64 {pairs}, {deep.index}")
            many = t.put(
                f"select i1 {t.put(f'icmp slt i64 {left}, {DEEP}')}, i64 {left}, i64 {DEEP}"
            )
            k = t.times(deep.index, 2)
            _round_rows(t, by, t.at(a, k), near, size, t.put(f"sub i64 %K, {k}"))
            first = t.put(f"icmp eq i64 {deep.index}, 0")
            source = t.put(f"select i1 {first}, ptr {start}, ptr {o}")
            along = t.put(f"select i1 {first}, i64 %ldf, i64 %ldo")
            _panels(t, (deep.index, many, pairs), near, size, (o, source, along), rows, vectors)
        block.after.append(t.plus(done, size))
    by.ends(t, before)
    return t


def part(t: Text, whole: str, done: str, count: str, index: str) -> str:
    """The size of the next of about equal parts, of which there are ``count``."""
    left, parts = t.put(f"sub i64 {whole}, {done}"), t.put(f"sub i64 {count}, {index}")
    return t.put(f"sdiv i64 {t.plus(left, t.plus(parts, -1))}, {parts}")


def _round_rows(t: Text, by: Bfloat16, a: str, near: str, size: str, left: str) -> None:
    """Some rows of a as pairs, at most DEEP of each, DEEP apart; ``left``: numbers of a row."""
    n, pairs = t.lanes.n, Pairs(t)
    short = t.put(f"icmp slt i64 {left}, {2 * DEEP}")
    count = t.put(f"select i1 {short}, i64 {left}, i64 {2 * DEEP}")
    with t.loop(0, size) as row:
        source, to = t.at(a, t.times(row.index, "%lda")), t.at(near, t.times(row.index, DEEP))
        whole = t.times(t.put(f"sdiv i64 {count}, {2 * n}"), 2 * n)
        with t.loop(0, whole, 2 * n) as some:
            low, high = (t.load(t.at(source, t.plus(some.index, m * n))) for m in (0, 1))
            place = t.at(to, t.put(f"lshr i64 {some.index}, 1"))
            pairs.store(by.in_order(t, low, high), place)
        with t.loop(whole, count, 2 * n) as rest:
            places = [t.plus(rest.index, m * n) for m in (0, 1)]
            masks = [t.first(t.put(f"sub i64 {count}, {place}")) for place in places]
            low, high = (
                t.load(t.at(source, place), mask) for place, mask in zip(places, masks, strict=True)
            )
            pairs.store(by.in_order(t, low, high), t.at(to, t.put(f"lshr i64 {rest.index}, 1")))


def _panels(
    t: Text, depth: tuple[str, str, str], near: str, size: str, out: tuple[str, str, str],
    rows: int, vectors: int,
) -> None:  # fmt: skip
    """The products of some rounded rows with all panels.

    Args:
        depth: the first pair, how many, and those of the whole matrix. out: the result's address,
            what sums start from, and its stride.
    """
    (at_k, many, pairs), n, (o, start, along) = depth, t.lanes.n, out
    given = {"ra": str(DEEP), "ka": "1", "K": many, "ldo": "%ldo", "ldf": along, "a": near}
    moving = [("a", str(DEEP)), ("o", "%ldo"), ("from", along)]

    def work(at: str, wide: int, bits: str) -> None:
        weights = t.plus(t.times(at, pairs), t.times(at_k, wide * n))
        here = given | {"w": t.at("%w", weights), "kw": str(wide * n), "bits": bits}
        here |= {"o": t.at(o, at), "from": moved(t, start, at)}
        over_rows(t, size, rows, wide, False, here, moving)

    over_panels(t, "%M", vectors, work)


def _gradient(t: Text, by: Bfloat16, rows: int, vectors: int) -> Text:
    """gradient(d, ldd, x, ldx, N, M, K, o, ldo): o (M, K) += dᵀ x, d (N, M), x (N, K)."""
    # Pairs are two rows one after the other, so both factors are rounded to where they lie
    # together, DEPTH rows at a time; these are few enough for their sums, as in ``delta_sums``.
    width = vectors * t.lanes.n
    deltas, inputs = (
        t.put(f"alloca [{DEPTH // 2 * size} x i32], align 64") for size in (SHARE, width)
    )
    before = by.begins(t)
    count = t.put(f"sdiv i64 {t.plus('%M', SHARE - 1)}, {SHARE}")
    with t.loop(0, "%N", DEPTH) as deep:
        many = deep_of(t, deep.index)
        d, x = t.at("%d", t.times(deep.index, "%ldd")), t.at("%x", t.times(deep.index, "%ldx"))
        with t.loop(0, count, carried=[("i64", "0")]) as block:
            (done,) = block.carried
            size = part(t, "%M", done, count, block.index)
            _pair_rows(t, by, t.at(d, done), "%ldd", (deltas, SHARE), (many, size))
            values = {"a": deltas, "ra": "1", "ka": str(SHARE), "w": inputs}
            values["K"] = t.put(f"lshr i64 {t.plus(many, 1)}, 1")
            _added(t, by, x, t.at("%o", t.times(done, "%ldo")), many, size, values, rows, vectors)
            block.after.append(t.plus(done, size))
    by.ends(t, before)
    return t


def _added(
    t: Text, by: Bfloat16, x: str, out: str, many: str, size: str, values: dict[str, str],
    rows: int, vectors: int,
) -> None:  # fmt: skip
    """Add the products of ``size`` columns of deltas with all panels of inputs."""

    def work(at: str, wide: int, bits: str) -> None:
        n = t.lanes.n
        here = t.put(f"sub i64 %K, {at}") if bits != "-1" else str(wide * n)
        _pair_rows(t, by, t.at(x, at), "%ldx", (values["w"], wide * n), (many, here))
        given = values | {"kw": str(wide * n), "o": t.at(out, at), "ldo": "%ldo", "bits": bits}
        given |= {"from": "null", "ldf": "0"}
        over_rows(t, size, rows, wide, True, given, [("a", "1"), ("o", "%ldo")])

    over_panels(t, "%K", vectors, work)


def _pair_rows(
    t: Text, by: Bfloat16, source: str, apart: str, to: tuple[str, int], shape: tuple[str, str]
) -> None:
    """Rows two by two as rows of pairs, the second of the last perhaps zeros.

    Args:
        apart: between rows of ``source``. to: where, and how far apart. shape: rows, columns.
    """
    (near, stride), (many, columns) = to, shape
    whole = t.times(t.put(f"sdiv i64 {many}, 2"), 2)
    _pairs_of_rows(t, by, (source, apart), (near, stride), ("0", whole), columns, both=True)
    _pairs_of_rows(t, by, (source, apart), (near, stride), (whole, many), columns, both=False)


def _pairs_of_rows(
    t: Text, by: Bfloat16, source: tuple[str, str], to: tuple[str, int], rows: tuple[str, str],
    columns: str, *, both: bool,
) -> None:  # fmt: skip
    n, pairs, (start, apart) = t.lanes.n, Pairs(t), source
    with t.loop(*rows, 2) as row:
        even = t.at(start, t.times(row.index, apart))
        odd = t.at(even, apart)
        line = t.at(to[0], t.times(t.put(f"lshr i64 {row.index}, 1"), to[1]))

        def some(at: str, mask: str | None) -> None:
            one = t.load(t.at(even, at), mask)
            two = t.load(t.at(odd, at), mask) if both else "zeroinitializer"
            pairs.store(by.rounded(t, one, two), t.at(line, at))

        whole = t.times(t.put(f"sdiv i64 {columns}, {n}"), n)
        with t.loop(0, whole, n) as loop:
            some(loop.index, None)
        with t.loop(whole, columns, n) as loop:
            some(loop.index, t.first(t.put(f"sub i64 {columns}, {loop.index}")))

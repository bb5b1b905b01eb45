"""Matrix products of a few rows at a time, and sums over steps: functions, and tasks for threads.

``product`` is for packed weights (``packing``, ``panel_code``); ``gradient`` and ``sums`` read
deltas and inputs as they lie in memory. ``blocks`` has the inner loops.
"""

from __future__ import annotations

from rnnbp.machine.elementwise import DELTA_SUM
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.tasks import Signature
from rnnbp.runners.llvm import panel_code, row_blocks
from rnnbp.runners.llvm.block_loops import moved, over_panels, over_rows
from rnnbp.runners.llvm.blocks import ARGUMENTS, block, name_of
from rnnbp.runners.llvm.delta_sums import DEPTH, copies, deep_of, gradient

SIDE_BY_SIDE = 8
"""Vectors of columns that ``sums`` adds up at once: additions take 3 or 4 cycles, 2 in each."""

PRODUCT = Signature(
    "ptr %a", "i64 %lda", "ptr %w", "i64 %M", "i64 %K", "ptr %o", "i64 %ldo", "ptr %from",
    "i64 %ldf", "i64 %n",
)  # fmt: skip


def text(lanes: Lanes, rows: int, vectors: int) -> tuple[list[str], set[str]]:
    """The functions ``product``, ``gradient``, ``sums`` and those of ``packing``, and tasks.

    Args:
        rows, vectors: of the largest block of registers.

    Returns:
        The functions, and the declarations that they need.
    """
    found: list[str] = []
    needs: set[str] = set()
    for ragged in (False, True):
        for n in range(1, rows + 1):
            for m in range(1, vectors + 1):
                copied = ragged and copies(lanes)
                body = block(Text(lanes), n, m, ragged=ragged, copied=copied)
                arguments = ARGUMENTS
                found.append(body.function(name_of(n, m, ragged), arguments, internal=True))
                needs |= body.needs
    body = row_blocks.row_block(Text(lanes), vectors)
    found.append(body.function(row_blocks.ROW, row_blocks.ARGUMENTS, internal=True))
    needs |= body.needs
    made = [
        ("product", _product(Text(lanes), rows, vectors), PRODUCT),
        ("gradient", gradient(Text(lanes), rows, vectors), DELTA_SUM),
        ("sums", sums(Text(lanes)), DELTA_SUM),
        *panel_code.text(lanes, vectors),
    ]
    for name, body, signature in made:
        found += [body.function(name, signature.arguments), signature.task(name)]
        needs |= body.needs
    return found, needs


def _product(t: Text, rows: int, vectors: int) -> Text:
    """product(a, lda, w, M, K, o, ldo, from, ldf, n): o (n, M) = from + a (n, K) Wᵀ, W packed."""
    n = t.lanes.n
    given = {"ra": "%lda", "ka": "1", "K": "%K", "ldo": "%ldo", "ldf": "%ldf", "bits": "-1"}
    moving = [("a", "%lda"), ("o", "%ldo"), ("from", "%ldf")]

    # Panels outside, rows inside: a panel is read from the cache for each block of rows, and from
    # memory once. The rows of a batch are few, and stay in the first level.
    def work(at: str, many: int, bits: str) -> None:
        weights, out = t.at("%w", t.times(at, "%K")), t.at("%o", at)
        start = moved(t, "%from", at)
        here = given | {"a": "%a", "w": weights, "kw": str(many * n), "o": out, "from": start}
        here |= {"bits": bits}
        over_rows(t, "%n", rows, many, False, here, moving)

    done = _row_of_panels(t, vectors)
    over_panels(t, "%M", vectors, work, done)
    return t


def _row_of_panels(t: Text, vectors: int) -> str:
    """The product of one row, several panels at once; the columns that are done, 0 of more rows."""
    width = t.lanes.n * vectors * row_blocks.panels_of(vectors)
    alone = t.put("icmp eq i64 %n, 1")
    whole = t.times(t.put(f"sdiv i64 %M, {width}"), width)
    end = t.put(f"select i1 {alone}, i64 {whole}, i64 0")
    with t.loop(0, end, width) as loop:
        weights, out = t.at("%w", t.times(loop.index, "%K")), t.at("%o", loop.index)
        start = moved(t, "%from", loop.index)
        t.do(f"call void @{row_blocks.ROW}(ptr %a, ptr {weights}, i64 %K, ptr {out}, ptr {start})")
    return end


def sums(t: Text) -> Text:
    """sums(d, ldd, x, _, N, M, _, o, _): o (M,) and x (M,) += Σ_n d[n], d (N, M); x may be null.

    Two at once for the two biases of PyTorch's layers, which have the same gradient.
    """
    n = t.lanes.n
    with t.loop(0, "%N", DEPTH) as deep:
        count, d = deep_of(t, deep.index), t.at("%d", t.times(deep.index, "%ldd"))

        def work(at: str, many: int, bits: str, d: str = d, count: str = count) -> None:
            masks = [None] * (many - 1) + [t.bits(bits)]
            zeros = [(t.lanes.type, "zeroinitializer")] * many
            with t.loop(0, count, carried=zeros) as loop:
                row = t.at(d, t.plus(t.times("%ldd", loop.index), at))
                for m, (mask, so_far) in enumerate(zip(masks, loop.carried, strict=True)):
                    loop.after.append(t.op("fadd", so_far, t.load(t.at(row, m * n), mask)))
            for name in ("o", "x"):
                # A loop of one turn or none: simpler to write than a branch.
                with t.loop(0, t.put(f"zext i1 {t.put(f'icmp ne ptr %{name}, null')} to i64")):
                    for m, (mask, total) in enumerate(zip(masks, loop.carried, strict=True)):
                        out = t.at(f"%{name}", t.plus(at, m * n))
                        t.store(t.op("fadd", t.load(out, mask), total), out, mask)

        over_panels(t, "%M", SIDE_BY_SIDE, work)
    return t

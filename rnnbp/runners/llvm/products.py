"""Matrix products of a few rows at a time, by blocks of registers (Goto & van de Geijn 2008, for skinny matrices).

A block of ``ROWS`` rows by ``PANEL`` vectors is summed in registers: for each k, vectors of weights are loaded once
and multiplied by one number of each row. Every element is the same sum in the same order whatever block it is
in, so results depend neither on the number of rows nor on the threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rnnbp.machine.calls import as_task
from rnnbp.machine.ir import Lanes, Text
from rnnbp.runners.llvm import packing

WIDE, NARROW = (6, 4), (6, 2)
"""(rows, vectors) of a block, with 32 registers for vectors and with 16."""
DEPTH = 256
"""Rows of deltas that are summed in one go: their columns then stay in the second-level cache."""
TURNS = 4
"""Numbers k of packed weights in one turn of a loop: what counts turns takes its share of the processor too."""
FAR = 16, 8
"""How many numbers k ahead packed weights, and rows of any length, are asked for."""
NEAR = 8
"""Vectors of deltas that are added up side by side."""
ARGUMENTS = (
    "ptr %a", "i64 %ra", "i64 %ka", "ptr %w", "i64 %kw", "i64 %K", "ptr %o", "i64 %ldo", "ptr %from", "i64 %ldf",
    "i64 %bits",
)  # fmt: skip


def block_of(vector_bytes: int) -> tuple[int, int]:
    """Rows and vectors of a block of registers."""
    return WIDE if vector_bytes == 64 else NARROW


def panel(lanes: Lanes) -> int:
    """Columns of a product in a panel of weights."""
    return lanes.n * block_of(lanes.n * lanes.nbytes)[1]


def text(lanes: Lanes, rows: int, vectors: int) -> tuple[list[str], set[str]]:
    """``product``, ``gradient``, ``sums`` and the functions of ``packing``, also as tasks; what they need."""
    found: list[str] = []
    needs: set[str] = set()
    for ragged in (False, True):
        for n in range(1, rows + 1):
            for m in range(1, vectors + 1):
                body = _block(Text(lanes), n, m, ragged=ragged)
                found.append(body.function(_name(n, m, ragged), ARGUMENTS, internal=True))
                needs |= body.needs
    made = [_product(lanes, rows, vectors), _gradient(lanes, rows, vectors), _sums(lanes)]
    for name, body, arguments in (*made, *packing.text(lanes, vectors)):
        found += [body.function(name, arguments), as_task(name, arguments)]
        needs |= body.needs
    return found, needs


def _name(rows: int, vectors: int, ragged: bool) -> str:
    return f"block{rows}x{vectors}{'r' if ragged else ''}"


def _block(t: Text, rows: int, vectors: int, *, ragged: bool) -> Text:
    """o[i, m] = from[i, m] + Σ_k a[i ra + k ka] w[k kw + m], without ``from`` from 0; the last vector masked.

    A ragged one has rows of any length; it begins from 0, and adds to o.
    """
    v, mask = t.lanes, t.bits("%bits")
    masks = [None] * (vectors - 1) + [mask]
    cells = [(i, m) for i in range(rows) for m in range(vectors)]
    outs = [t.at("%o", t.plus(t.times("%ldo", i), m * v.n)) for i, m in cells]
    if ragged:
        for out in outs:  # it is read when all is done
            t.fetch(out, written=True)
    first = ["zeroinitializer"] * len(cells) if ragged else _given(t, cells, masks)
    read = masks if ragged else [None] * vectors  # packed weights are padded
    offsets, many = [t.times("%ra", i) for i in range(rows)], 1 if ragged else TURNS
    whole = t.times(t.put(f"sdiv i64 %K, {many}"), many)
    with t.loop(0, whole, many, carried=[(v.type, value) for value in first]) as loop:
        sums = loop.carried
        for turn in range(many):
            sums = _turn(t, t.plus(loop.index, turn), offsets, sums, read, far=FAR[ragged], numbers=ragged)
        loop.after += sums
    if many > 1:
        with t.loop(whole, "%K", carried=[(v.type, value) for value in loop.carried]) as loop:
            loop.after += _turn(t, loop.index, offsets, loop.carried, read)
    for (_, m), out, value in zip(cells, outs, loop.carried, strict=True):
        t.store(t.op("fadd", t.load(out, masks[m]), value) if ragged else value, out, masks[m])
    return t


def _turn(
    t: Text,
    k: str,
    offsets: Sequence[str],
    sums: Sequence[str],
    masks: Sequence[str | None],
    *,
    far: int = 0,
    numbers: bool = False,
) -> list[str]:
    """The sums with what one k adds; w, or a too (``numbers``), is asked for so ``far`` ahead."""
    along, row, n = t.at("%a", t.times(k, "%ka")), t.at("%w", t.times(k, "%kw")), t.lanes.n
    if far:
        later = t.beyond(row, t.times("%kw", far))
        for m in range(len(masks)):
            t.fetch(t.beyond(later, m * n), written=False)
    if numbers:
        t.fetch(t.beyond(along, t.times("%ka", far)), written=False)
    ws = [t.load(t.at(row, m * n), mask) for m, mask in enumerate(masks)]
    found = list[str]()
    for i, offset in enumerate(offsets):
        number = t.broadcast(t.at(along, offset))
        found += [t.fma(number, w, sums[i * len(ws) + m]) for m, w in enumerate(ws)]
    return found


def _given(t: Text, cells: Sequence[tuple[int, int]], masks: Sequence[str | None]) -> list[str]:
    """The vectors of ``from``, or zeros."""
    t.do(f"br i1 {t.put('icmp eq ptr %from, null')}, label %start, label %read")
    t.label("read")
    given = [t.load(t.at("%from", t.plus(t.times("%ldf", i), m * t.lanes.n)), masks[m]) for i, m in cells]
    t.do("br label %start")
    t.label("start")
    return [t.put(f"phi {t.lanes.type} [ zeroinitializer, %entry ], [ {vector}, %read ]") for vector in given]


def _blocks(
    t: Text, n: str, most: int, vectors: int, ragged: bool, arguments: dict[str, str], step: tuple[str, ...]
) -> None:
    """Blocks of about equal rows, ``most`` at most, that make up n rows; ``step``: arguments that move with them."""
    count = t.put(f"sdiv i64 {t.plus(n, most - 1)}, {most}")
    with t.loop(0, count, carried=[("i64", "0")]) as loop:
        (done,) = loop.carried
        left, blocks = t.put(f"sub i64 {n}, {done}"), t.put(f"sub i64 {count}, {loop.index}")
        size = t.put(f"sdiv i64 {t.plus(left, t.plus(blocks, -1))}, {blocks}")
        here = dict(arguments)
        for name, stride in zip(step[::2], step[1::2], strict=True):
            here[name] = _moved(t, here[name], t.times(done, stride))
        _switch(t, size, most, vectors, ragged, [here[a.split()[1][1:]] for a in ARGUMENTS])
        loop.after.append(t.plus(done, size))


def _switch(t: Text, size: str, most: int, vectors: int, ragged: bool, values: list[str]) -> None:
    call = ", ".join(f"{a.split()[0]} {value}" for a, value in zip(ARGUMENTS, values, strict=True))
    stem = t.name("go")[1:]
    cases = " ".join(f"i64 {n}, label %{stem}.{n}" for n in range(1, most + 1))
    t.do(f"switch i64 {size}, label %{stem}.end [ {cases} ]")
    for n in range(1, most + 1):
        t.label(f"{stem}.{n}")
        t.do(f"call void @{_name(n, vectors, ragged)}({call})")
        t.do(f"br label %{stem}.end")
    t.label(f"{stem}.end")


def _over_panels(t: Text, columns: str, vectors: int, some: Callable[[str, int, str], None]) -> None:
    """Call ``some(first column, vectors, bits of the last mask)`` for each full panel, and for what is left."""
    n = t.lanes.n
    width = n * vectors
    full = t.times(t.put(f"sdiv i64 {columns}, {width}"), width)
    with t.loop(0, full, width) as loop:
        some(loop.index, vectors, "-1")
    rest = t.put(f"sub i64 {columns}, {full}")
    count = t.put(f"sdiv i64 {t.plus(rest, n - 1)}, {n}")
    last = t.put(f"sub i64 {rest}, {t.times(t.plus(count, -1), n)}")
    bits = t.plus(t.put(f"shl i64 1, {last}"), -1)
    stem = t.name("rest")[1:]
    cases = " ".join(f"i64 {m}, label %{stem}.{m}" for m in range(1, vectors + 1))
    t.do(f"switch i64 {count}, label %{stem}.end [ {cases} ]")
    for m in range(1, vectors + 1):
        t.label(f"{stem}.{m}")
        some(full, m, bits)
        t.do(f"br label %{stem}.end")
    t.label(f"{stem}.end")


def _product(lanes: Lanes, rows: int, vectors: int) -> tuple[str, Text, list[str]]:
    """product(a, lda, w, M, K, o, ldo, from, ldf, n): o (n, M) = from + a (n, K) Wᵀ, W (M, K) packed."""
    t = Text(lanes)
    given = {"ra": "%lda", "ka": "1", "K": "%K", "ldo": "%ldo", "ldf": "%ldf", "bits": "-1"}

    def some(at: str, many: int, bits: str) -> None:
        weights, out = t.at("%w", t.times(at, "%K")), t.at("%o", at)
        start = _moved(t, "%from", at)
        here = given | {"a": "%a", "w": weights, "kw": str(many * lanes.n), "o": out, "from": start, "bits": bits}
        _blocks(t, "%n", rows, many, False, here, ("a", "%lda", "o", "%ldo", "from", "%ldf"))

    _over_panels(t, "%M", vectors, some)
    return (
        "product",
        t,
        ["ptr %a", "i64 %lda", "ptr %w", "i64 %M", "i64 %K", "ptr %o", "i64 %ldo", "ptr %from", "i64 %ldf", "i64 %n"],
    )


def _gradient(lanes: Lanes, rows: int, vectors: int) -> tuple[str, Text, list[str]]:
    """gradient(d, ldd, x, ldx, N, M, K, o, ldo): o (M, K) += dᵀ x, d (N, M), x (N, K)."""
    t = Text(lanes)
    with t.loop(0, "%N", DEPTH) as deep:
        count = _deep(t, deep.index)
        d, x = t.at("%d", t.times(deep.index, "%ldd")), t.at("%x", t.times(deep.index, "%ldx"))

        def some(at: str, many: int, bits: str, d: str = d, x: str = x, count: str = count) -> None:
            out = t.at("%o", at)
            here = {"a": d, "ra": "1", "ka": "%ldd", "w": t.at(x, at), "kw": "%ldx", "K": count, "o": out}
            here |= {"ldo": "%ldo", "from": "null", "ldf": "0", "bits": bits}
            _blocks(t, "%M", rows, many, True, here, ("a", "1", "o", "%ldo"))

        _over_panels(t, "%K", vectors, some)
    return (
        "gradient",
        t,
        ["ptr %d", "i64 %ldd", "ptr %x", "i64 %ldx", "i64 %N", "i64 %M", "i64 %K", "ptr %o", "i64 %ldo"],
    )


def _sums(lanes: Lanes) -> tuple[str, Text, list[str]]:
    """sums(d, ldd, p, _, N, M, _, o, _): o (M,) and p (M,) += Σ_n d[n], d (N, M); p may be null."""
    t = Text(lanes)

    with t.loop(0, "%N", DEPTH) as deep:
        count, d = _deep(t, deep.index), t.at("%d", t.times(deep.index, "%ldd"))

        def some(at: str, many: int, bits: str, d: str = d, count: str = count) -> None:
            masks = [None] * (many - 1) + [t.bits(bits)]
            with t.loop(0, count, carried=[(lanes.type, "zeroinitializer")] * many) as loop:
                row = t.at(d, t.plus(t.times("%ldd", loop.index), at))
                for m, (mask, sofar) in enumerate(zip(masks, loop.carried, strict=True)):
                    loop.after.append(t.op("fadd", sofar, t.load(t.at(row, m * lanes.n), mask)))
            for name in ("o", "p"):
                with t.loop(0, t.put(f"zext i1 {t.put(f'icmp ne ptr %{name}, null')} to i64")):
                    for m, (mask, total) in enumerate(zip(masks, loop.carried, strict=True)):
                        out = t.at(f"%{name}", t.plus(at, m * lanes.n))
                        t.store(t.op("fadd", t.load(out, mask), total), out, mask)

        _over_panels(t, "%M", NEAR, some)
    return "sums", t, ["ptr %d", "i64 %ldd", "ptr %p", "i64 %_", "i64 %N", "i64 %M", "i64 %_1", "ptr %o", "i64 %_2"]


def _deep(t: Text, done: str) -> str:
    """How many of N rows come next: they are added up by themselves, so that no small number meets a large sum."""
    left = t.put(f"sub i64 %N, {done}")
    return t.put(f"select i1 {t.put(f'icmp slt i64 {left}, {DEPTH}')}, i64 {left}, i64 {DEPTH}")


def _moved(t: Text, pointer: str, by: str) -> str:
    """An address further on; null stays null."""
    moved = t.at(pointer, by)
    return t.put(f"select i1 {t.put(f'icmp eq ptr {pointer}, null')}, ptr null, ptr {moved}")

"""LayerNorm outside cells in machine code: rows as in cells, and gradients by blocks of columns."""

from __future__ import annotations

from collections.abc import Callable

from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.rows import Row
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.tasks import Signature
from rnnbp.runners.llvm.reductions import normal, normal_back
from rnnbp.runners.llvm.window_code import left as left_of
from rnnbp.support.lazy import cached

FORWARD = Signature(
    "ptr %x", "ptr %w", "ptr %b", "ptr %y", "ptr %normal", "ptr %slope", "i64 %K", "i64 %n"
)
BACK = Signature("ptr %dy", "ptr %w", "ptr %normal", "ptr %slope", "ptr %dx", "i64 %K", "i64 %n")
GRADIENT = Signature("ptr %dy", "ptr %normal", "ptr %o", "i64 %K", "i64 %n", "i64 %c", "i64 %m")
VECTORS = 4
"""Vectors of columns that are summed at once: that many additions are under way."""

TOGETHER = 64
"""Rows that are summed before the next columns: each may be a page of its own, and of many pages
a processor forgets where they lie."""


@cached
def library(bits: int, nbytes: int, eps: float) -> Library:
    """The functions for vectors of ``nbytes`` of numbers of this many bits."""
    lanes = Lanes(bits, 8 * nbytes // bits)
    made = {
        "forward": (_forward(Text(lanes), eps), FORWARD),
        "back": (_back(Text(lanes)), BACK),
        "weight": (_gradient(Text(lanes), times=True), GRADIENT),
        "bias": (_gradient(Text(lanes), times=False), GRADIENT),
    }
    found, needs = list[str](), set[str]()
    for name, (body, signature) in made.items():
        found += [
            body.function(f"norm.{name}", signature.arguments),
            signature.task(f"norm.{name}"),
        ]
        needs |= body.needs
    return Library("\n".join([*sorted(needs), *found]))


def library_of(item: int, eps: float) -> Library:
    """The functions for numbers of ``item`` bytes, with this processor's vectors."""
    return library(8 * item, vector_bytes(), eps)


def _forward(t: Text, eps: float) -> Text:
    """y, x̂ and slope of n rows: y = w ⊙ x̂ + b."""
    with t.loop(0, "%n") as row:
        at, r = t.times(row.index, "%K"), Row(t, "%K")
        x, y, hat = (t.at(name, at) for name in ("%x", "%y", "%normal"))
        normal(r, (x,), (hat, t.at("%slope", row.index)), eps)

        def out(i: str, m: str | None, y: str = y, hat: str = hat) -> None:
            scaled = t.op("fmul", t.load(t.at(hat, i), m), t.load(t.at("%w", i), m))
            t.store(t.op("fadd", scaled, t.load(t.at("%b", i), m)), t.at(y, i), m)

        r.each(out)
    return t


def _back(t: Text) -> Text:
    """dx of n rows."""
    with t.loop(0, "%n") as row:
        at, r = t.times(row.index, "%K"), Row(t, "%K")
        dy, dx, hat = (t.at(name, at) for name in ("%dy", "%dx", "%normal"))

        def weighted(i: str, m: str | None, dy: str = dy, dx: str = dx) -> None:
            d = t.op("fmul", t.load(t.at(dy, i), m), t.load(t.at("%w", i), m))
            t.store(d, t.at(dx, i), m)

        r.each(weighted)
        normal_back(r, (dx, hat, t.at("%slope", row.index)), (dx,), None)
    return t


def _gradient(t: Text, *, times: bool) -> Text:
    """o (K,) += Σ dy, or Σ dy ⊙ x̂, over n rows: of m columns from c on."""
    width = VECTORS * t.lanes.n
    end = t.plus("%c", "%m")
    with t.loop(0, "%n", TOGETHER) as block, t.loop("%c", end, width) as some:
        left = t.put(f"sub i64 {end}, {some.index}")
        masks = [t.first(t.plus(left, -k * t.lanes.n)) for k in range(VECTORS)]
        first = [(t.lanes.type, "zeroinitializer")] * VECTORS
        stop = t.plus(block.index, left_of(t, "%n", block.index, TOGETHER))
        with t.loop(block.index, stop, carried=first) as row:
            at = t.plus(t.times(row.index, "%K"), some.index)
            load = _loads(t, at, masks)
            terms = load("%dy")
            if times:
                terms = [t.op("fmul", *pair) for pair in zip(terms, load("%normal"), strict=True)]
            row.after += [t.op("fadd", *p) for p in zip(row.carried, terms, strict=True)]
        before = _loads(t, some.index, masks)("%o")
        for k, (old, new) in enumerate(zip(before, row.carried, strict=True)):
            there = t.at("%o", t.plus(some.index, k * t.lanes.n))
            t.store(t.op("fadd", old, new), there, masks[k])
    return t


def _loads(t: Text, at: str, masks: list[str]) -> Callable[[str], list[str]]:
    """Reads vectors side by side from an array."""
    places = [t.plus(at, k * t.lanes.n) for k in range(len(masks))]
    pairs = list(zip(places, masks, strict=True))
    return lambda array: [t.load(t.at(array, place), mask) for place, mask in pairs]

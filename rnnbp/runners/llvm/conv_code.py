"""Convolution in machine code: windows become panels on the stack, and those products.

An image is one task's from its first position to its last, and a block of the weights' gradient is
summed over all images in their order: so results do not depend on the threads.
"""

from __future__ import annotations

from rnnbp.machine.compile import Library
from rnnbp.machine.ir import Lanes, Text
from rnnbp.machine.target import vector_bytes
from rnnbp.machine.tasks import Signature
from rnnbp.runners.llvm import blocks
from rnnbp.runners.llvm.block_loops import over_panels, over_rows
from rnnbp.runners.llvm.conv_gradients import bias, gradient
from rnnbp.runners.llvm.delta_sums import copies
from rnnbp.runners.llvm.window_code import DEPTH, channels_of, left, sizes, stack, zeros
from rnnbp.runners.llvm.window_moves import added, copy, read
from rnnbp.runners.llvm.windows import Windows
from rnnbp.support.lazy import cached

FORWARD = Signature("ptr %x", "ptr %w", "ptr %b", "ptr %y", "ptr %sizes", "i64 %n")
BACK = Signature("ptr %dy", "ptr %w", "ptr %dx", "ptr %sizes", "i64 %n")
GRADIENT = Signature("ptr %dy", "ptr %x", "ptr %o", "ptr %sizes", "i64 %c", "i64 %m", "i64 %n")
BIAS = Signature("ptr %dy", "ptr %o", "ptr %sizes", "i64 %n")


@cached
def library(bits: int, nbytes: int) -> Library:
    """The functions for vectors of ``nbytes`` of numbers of this many bits."""
    lanes = Lanes(bits, 8 * nbytes // bits)
    rows, vectors = blocks.block_of(nbytes)
    found, needs = list[str](), set[str]()
    for n in range(1, rows + 1):
        for m in range(1, vectors + 1):
            body = blocks.block(Text(lanes), n, m, ragged=True, copied=copies(lanes))
            name = blocks.name_of(n, m, True)
            found.append(body.function(name, blocks.ARGUMENTS, internal=True))
            needs |= body.needs
    made = {
        "forward": (_forward(Text(lanes), rows, vectors), FORWARD),
        "back": (_back(Text(lanes), rows, vectors), BACK),
        "gradient": (gradient(Text(lanes), rows, vectors), GRADIENT),
        "bias": (bias(Text(lanes)), BIAS),
    }
    for name, (body, signature) in made.items():
        found += [
            body.function(f"conv.{name}", signature.arguments),
            signature.task(f"conv.{name}"),
        ]
        needs |= body.needs
    return Library("\n".join([*sorted(needs), *found]))


def library_of(item: int) -> Library:
    """The functions for numbers of ``item`` bytes, with this processor's vectors."""
    return library(8 * item, vector_bytes())


def _forward(t: Text, rows: int, vectors: int) -> Text:
    """y (n, O, P) = b + windows of x (n, C, H, W) times w (O, C K)."""
    g, panel = sizes(t), stack(t, DEPTH * vectors * t.lanes.n)
    most = channels_of(t, g)
    with t.loop(0, "%n") as image:
        x = t.at("%x", t.times(image.index, t.times(g["C"], g["HW"])))
        y = t.at("%y", t.times(image.index, t.times(g["O"], g["P"])))
        with t.loop(0, g["O"]) as o:
            zeros(t, t.at(y, t.times(o.index, g["P"])), g["P"], [t.broadcast(t.at("%b", o.index))])

        def work(at: str, many: int, bits: str) -> None:
            windows = Windows(t, g, at, many)
            with t.loop(0, g["C"], most) as c:
                count = left(t, g["C"], c.index, most)
                windows.each(c.index, count, x, panel, *read(t))
                a = t.at("%w", t.times(c.index, g["K"]))
                here = {"a": a, "ra": g["CK"], "ka": "1", "w": panel, "kw": str(many * t.lanes.n)}
                here |= {"K": t.times(count, g["K"]), "o": t.at(y, at), "ldo": g["P"]}
                here |= {"from": "null", "ldf": "0", "bits": bits}
                over_rows(t, g["O"], rows, many, True, here, [("a", g["CK"]), ("o", g["P"])])

        over_panels(t, g["P"], vectors, work)
    return t


def _back(t: Text, rows: int, vectors: int) -> Text:
    """dx (n, C, H, W): the windows of w (O, C K) transposed times dy (n, O, P), added up."""
    g, size = sizes(t), DEPTH * vectors * t.lanes.n
    deltas, panel, most = stack(t, size), stack(t, size), channels_of(t, g)
    with t.loop(0, "%n") as image:
        whole = t.times(g["C"], g["HW"])
        dx = t.at("%dx", t.times(image.index, whole))
        dy = t.at("%dy", t.times(image.index, t.times(g["O"], g["P"])))
        zeros(t, dx, whole)

        def work(at: str, many: int, bits: str) -> None:
            windows, width = Windows(t, g, at, many), many * t.lanes.n
            with t.loop(0, g["C"], most) as c:
                count = left(t, g["C"], c.index, most)
                depth = t.times(count, g["K"])
                zeros(t, panel, t.times(depth, width))
                with t.loop(0, g["O"], DEPTH) as o:
                    some = left(t, g["O"], o.index, DEPTH)
                    start = t.at(t.at(dy, t.times(o.index, g["P"])), at)
                    copy(t, start, g["P"], deltas, some, many, bits)
                    a = t.at("%w", t.plus(t.times(o.index, g["CK"]), t.times(c.index, g["K"])))
                    here = {"a": a, "ra": "1", "ka": g["CK"], "w": deltas, "kw": str(width)}
                    here |= {"K": some, "o": panel, "ldo": str(width)}
                    here |= {"from": "null", "ldf": "0", "bits": bits}
                    over_rows(t, depth, rows, many, True, here, [("a", "1"), ("o", str(width))])
                windows.each(c.index, count, dx, panel, *added(t))

        over_panels(t, g["P"], vectors, work)
    return t

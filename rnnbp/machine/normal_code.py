"""The text of the function that draws normal numbers, see ``ziggurat``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.machine import philox
from rnnbp.machine.ir import Lanes, Text, number

TAIL = 3.6541528853610088
"""Where the tail begins."""
INVERSE = 0.27366123732975828
"""1 / TAIL, as NumPy has it."""
WINDOW = 16
"""Counters whose words are drawn at once: more are no faster."""


def text(dtype: np.dtype[np.floating], arguments: Sequence[str]) -> str:
    """``normal`` for arrays of a dtype, which calls exp and log1pf, as ``ziggurat`` has them."""
    single, every = dtype.itemsize == 4, "<8 x i1> splat (i1 1)"
    cast = "bitcast <8 x float> %found8 to <8 x float>"
    wide = "fpext <8 x float> %found8 to <8 x double>"
    normal = _NORMAL.format(
        arguments=", ".join(arguments),
        kind="float" if single else "double",
        align=dtype.itemsize,
        window=philox.EACH * (WINDOW + 2),
        convert=cast if single else wide,
        found="%found" if single else "%wide",
        r=number(TAIL, 32),
        inverse=number(-INVERSE, 32),
        step=number(2.0**-24, 32),
        floats=f"{_FLOATS}(<8 x ptr> %widths.at, i32 4, {every}, <8 x float> poison)",
        integers=f"{_INTEGERS}(<8 x ptr> %limits.at, i32 4, {every}, <8 x i32> poison)",
        **{f"word{k}": _fetch(k) for k in range(4)},
    )
    return "\n".join([_DECLARED, _block(), _WINDOW, normal])


def _block() -> str:
    """block(words, k, seed, place, step, draw): the eight words of a counter."""
    t = Text(Lanes(32, philox.EACH))
    words = philox.block(t, [t.plus("%k", 1), "%step", "%draw", "1"])
    for k, word in enumerate(words):
        t.do(f"store i64 {word}, ptr {t.put(f'getelementptr i64, ptr %words, i64 {k}')}, align 4")
    arguments = ["ptr %words", "i64 %k", "i64 %seed", "i64 %place", "i64 %step", "i64 %draw"]
    return t.function("block", arguments, internal=True)


def _fetch(k: int) -> str:
    """The lines that take the next word of a step as ``%w{k}``."""
    return f"""
  %w{k} = call i32 @next(ptr %words, ptr %at, i64 %left, i64 %seed, i64 %place, i64 %now, i64 %draw)"""


_FLOATS = "<8 x float> @llvm.masked.gather.v8f32.v8p0"
_INTEGERS = "<8 x i32> @llvm.masked.gather.v8i32.v8p0"
_DECLARED = f"""declare double @exp(double)
declare float @log1pf(float)
declare {_FLOATS}(<8 x ptr>, i32, <8 x i1>, <8 x float>)
declare {_INTEGERS}(<8 x ptr>, i32, <8 x i1>, <8 x i32>)
declare i64 @llvm.cttz.i64(i64, i1)
declare i64 @llvm.smin.i64(i64, i64)
"""
# The words of a step stand in a window: %at is the next of them, %at + 8 bytes the end of those that
# are there, %at + 16 the number of the next counter. Fewer than eight are left when it is refilled.
_WINDOW = """
define internal void @refill(ptr %words, ptr %at, i64 %left, i64 %seed, i64 %place, i64 %step, i64 %draw) {
entry:
  %end.at = getelementptr i64, ptr %at, i64 1
  %count.at = getelementptr i64, ptr %at, i64 2
  %p = load i64, ptr %at
  %end = load i64, ptr %end.at
  %count = load i64, ptr %count.at
  %from = getelementptr i32, ptr %words, i64 %p
  %over = load <8 x i32>, ptr %from, align 4
  store <8 x i32> %over, ptr %words, align 4
  %kept = sub i64 %end, %p
  %some = add i64 %left, 7
  %need = ashr i64 %some, 3
  %many = call i64 @llvm.smin.i64(i64 %need, i64 WINDOW)
  br label %counters
counters:
  %k = phi i64 [ 0, %entry ], [ %k1, %counters ]
  %gone = shl i64 %k, 3
  %put = add i64 %kept, %gone
  %to = getelementptr i32, ptr %words, i64 %put
  %counter = add i64 %count, %k
  call void @block(ptr %to, i64 %counter, i64 %seed, i64 %place, i64 %step, i64 %draw)
  %k1 = add i64 %k, 1
  %more = icmp slt i64 %k1, %many
  br i1 %more, label %counters, label %full
full:
  %made = shl i64 %many, 3
  %last = add i64 %kept, %made
  %next = add i64 %count, %many
  store i64 0, ptr %at
  store i64 %last, ptr %end.at
  store i64 %next, ptr %count.at
  ret void
}

define internal i32 @next(ptr %words, ptr %at, i64 %left, i64 %seed, i64 %place, i64 %step, i64 %draw) {
entry:
  %end.at = getelementptr i64, ptr %at, i64 1
  %p = load i64, ptr %at
  %end = load i64, ptr %end.at
  %none = icmp eq i64 %p, %end
  br i1 %none, label %fill, label %take
fill:
  call void @refill(ptr %words, ptr %at, i64 %left, i64 %seed, i64 %place, i64 %step, i64 %draw)
  br label %take
take:
  %now = load i64, ptr %at
  %word.at = getelementptr i32, ptr %words, i64 %now
  %word = load i32, ptr %word.at
  %after = add i64 %now, 1
  store i64 %after, ptr %at
  ret i32 %word
}
""".replace("WINDOW", str(WINDOW))
# Eight numbers at a time as long as each lies in its layer, as 11 of 12 eights do; from the first
# that does not, one number, and on from there.
_NORMAL = """
define void @normal({arguments}) {{
entry:
  %words = alloca [{window} x i32], align 64
  %at = alloca [3 x i64], align 8
  %end.at = getelementptr i64, ptr %at, i64 1
  %count.at = getelementptr i64, ptr %at, i64 2
  br label %steps
steps:
  %s = phi i64 [ 0, %entry ], [ %s1, %stepped ]
  %now = add i64 %step, %s
  %first = mul i64 %s, %N
  store i64 0, ptr %at
  store i64 0, ptr %end.at
  store i64 0, ptr %count.at
  %more = icmp slt i64 %s, %L
  br i1 %more, label %numbers, label %end
numbers:
  %i = phi i64 [ 0, %steps ], [ %i8, %eight ], [ %i1, %taken ]
  %left = sub i64 %N, %i
  %place.of = add i64 %first, %i
  %out.at = getelementptr {kind}, ptr %out, i64 %place.of
  %several = icmp sge i64 %left, 8
  br i1 %several, label %look, label %few
few:
  %any = icmp sgt i64 %left, 0
  br i1 %any, label %candidate, label %stepped
look:
  %p = load i64, ptr %at
  %e = load i64, ptr %end.at
  %there = sub i64 %e, %p
  %enough = icmp sge i64 %there, 8
  br i1 %enough, label %eight.numbers, label %fill
fill:
  call void @refill(ptr %words, ptr %at, i64 %left, i64 %seed, i64 %place, i64 %now, i64 %draw)
  br label %eight.numbers
eight.numbers:
  %q = phi i64 [ %p, %look ], [ 0, %fill ]
  %from = getelementptr i32, ptr %words, i64 %q
  %w = load <8 x i32>, ptr %from, align 4
  %layers32 = and <8 x i32> %w, splat (i32 255)
  %layers = zext <8 x i32> %layers32 to <8 x i64>
  %spots = lshr <8 x i32> %w, splat (i32 9)
  %spotteds = sitofp <8 x i32> %spots to <8 x float>
  %widths.at = getelementptr float, ptr %widths, <8 x i64> %layers
  %wide8 = call {floats}
  %plus8 = fmul <8 x float> %spotteds, %wide8
  %signs = and <8 x i32> %w, splat (i32 256)
  %highest = shl <8 x i32> %signs, splat (i32 23)
  %bits8 = bitcast <8 x float> %plus8 to <8 x i32>
  %signed8 = xor <8 x i32> %bits8, %highest
  %found8 = bitcast <8 x i32> %signed8 to <8 x float>
  %limits.at = getelementptr i32, ptr %inside, <8 x i64> %layers
  %limits = call {integers}
  %under8 = icmp slt <8 x i32> %spots, %limits
  %converted = {convert}
  store <8 x {kind}> %converted, ptr %out.at, align {align}
  %mask8 = bitcast <8 x i1> %under8 to i8
  %mask = zext i8 %mask8 to i64
  %not = xor i64 %mask, 511
  %good = call i64 @llvm.cttz.i64(i64 %not, i1 true)
  %q8 = add i64 %q, %good
  store i64 %q8, ptr %at
  %i8 = add i64 %i, %good
  %all = icmp eq i64 %good, 8
  br i1 %all, label %eight, label %rest
eight:
  br label %numbers
rest:
  %rest.of = add i64 %first, %i8
  %rest.at = getelementptr {kind}, ptr %out, i64 %rest.of
  br label %candidate
candidate:
  %i.of = phi i64 [ %i, %few ], [ %i8, %rest ], [ %i.of, %wedge ]
  %to = phi ptr [ %out.at, %few ], [ %rest.at, %rest ], [ %to, %wedge ]{word0}
  %layer32 = and i32 %w0, 255
  %layer = zext i32 %layer32 to i64
  %signed = and i32 %w0, 256
  %minus = icmp ne i32 %signed, 0
  %spot = lshr i32 %w0, 9
  %spotted = uitofp i32 %spot to float
  %width.at = getelementptr float, ptr %widths, i64 %layer
  %width = load float, ptr %width.at
  %plus = fmul float %spotted, %width
  %negative = fneg float %plus
  %x = select i1 %minus, float %negative, float %plus
  %inside.at = getelementptr i32, ptr %inside, i64 %layer
  %limit = load i32, ptr %inside.at
  %under = icmp ult i32 %spot, %limit
  br i1 %under, label %taken, label %slow
slow:
  %last = icmp eq i64 %layer, 0
  br i1 %last, label %tail, label %cross
cross:{word1}
  %u1 = lshr i32 %w1, 8
  %f1 = uitofp i32 %u1 to float
  %g1 = fmul float %f1, {step}
  %top.at = getelementptr float, ptr %heights, i64 %layer
  %bottom = load float, ptr %top.at
  %above.at = getelementptr float, ptr %top.at, i64 -1
  %top = load float, ptr %above.at
  %high = fsub float %top, %bottom
  %some = fmul float %high, %g1
  %y = fadd float %some, %bottom
  %yd = fpext float %y to double
  %xd = fpext float %x to double
  %half = fmul double %xd, -5.0e-01
  %square = fmul double %half, %xd
  %curve = call double @exp(double %square)
  br label %wedge
wedge:
  %below = fcmp olt double %yd, %curve
  br i1 %below, label %taken, label %candidate
tail:{word2}
  %u2 = lshr i32 %w2, 8
  %f2 = uitofp i32 %u2 to float
  %g2 = fmul float %f2, {step}
  %h2 = fneg float %g2
  %log2 = call float @log1pf(float %h2)
  %xx = fmul float %log2, {inverse}{word3}
  %u3 = lshr i32 %w3, 8
  %f3 = uitofp i32 %u3 to float
  %g3 = fmul float %f3, {step}
  %h3 = fneg float %g3
  %log3 = call float @log1pf(float %h3)
  %yy = fneg float %log3
  %twice = fadd float %yy, %yy
  %squared = fmul float %xx, %xx
  %ok = fcmp ogt float %twice, %squared
  br i1 %ok, label %far, label %tail
far:
  %distant = fadd float %xx, {r}
  %opposite = fneg float %distant
  %side32 = and i32 %spot, 256
  %side = icmp ne i32 %side32, 0
  %tailed = select i1 %side, float %opposite, float %distant
  br label %taken
taken:
  %found = phi float [ %x, %candidate ], [ %x, %wedge ], [ %tailed, %far ]
  %wide = fpext float %found to double
  store {kind} {found}, ptr %to
  %i1 = add i64 %i.of, 1
  br label %numbers
stepped:
  %s1 = add i64 %s, 1
  br label %steps
end:
  ret void
}}
"""

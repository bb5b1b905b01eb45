"""The LLVM text that rounds numbers to the 16 bits of a tape, and reads them again.

Fixed point: [−1, 1] is −32767 to 32767, [0, 1] is twice as fine, and −32768 is NaN. Both ends, and
the 0 of either, are exact, so that a saturated gate has the derivative 0 as before.
"""

from __future__ import annotations

from rnnbp.compiler.short_tapes import Format
from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.groups import ShortField

MOST = 32767
NAN = -32768
MAGIC = {32: 1.5 * 2**23, 64: 1.5 * 2**52}
"""By bits, a number that added to a small one leaves its nearest integer in the lowest bits."""
QUIET = 1 << 6
"""The highest bit of a significand of bfloat16: NaN keeps it."""


def row(t: Text, item: ShortField, wide: str, tape: str, ahead: str) -> None:
    """A field of one row.

    Args:
        wide, tape: the addresses of its numbers. ahead: of the row of the next step.
    """
    field, lanes = item.field, t.lanes
    full = field.count // lanes.n * lanes.n
    ahead = beyond(t, ahead, field.place)
    if full:
        with t.loop(0, full, lanes.n) as loop:
            t.fetch(beyond(t, ahead, loop.index), written=not item.back)
            _some(t, item, (wide, tape), loop.index, lanes.n)
    if field.count > full:
        _some(t, item, (wide, tape), str(full), field.count - full)


def _some(t: Text, item: ShortField, pointers: tuple[str, str], index: str, count: int) -> None:
    """``count`` features from ``index`` on: a vector, or the first of one."""
    mask = None if count == t.lanes.n else t.lanes.mask(count)
    wide, tape = t.at(pointers[0], index), at(t, pointers[1], index)
    if item.back:
        t.store(widen(t, load(t, tape, count), item.field.format), wide, mask)
    else:
        store(t, narrow(t, t.load(wide, mask), item.field.format), tape, count)


def narrow(t: Text, x: str, form: Format) -> str:
    """A vector of 16-bit integers for a vector of numbers, rounded to nearest, ties to even."""
    v, bits = t.lanes, t.lanes.integers
    if form == "bfloat16":
        return _to_bfloat16(t, x)
    size, shift = (2.0 * MOST, -float(MOST)) if form == "unsigned" else (float(MOST), 0.0)
    near = t.fma(x, v.constant(size), v.constant(MAGIC[v.bits] + shift))
    whole = t.put(f"bitcast {v.type} {near} to {bits}")
    is_nan = t.put(f"fcmp uno {v.type} {x}, {x}")
    kind = f"i{v.bits}"
    found = t.put(f"select {v.bools} {is_nan}, {bits} splat ({kind} {NAN}), {bits} {whole}")
    return t.put(f"trunc {bits} {found} to {_kind(t)}")


def widen(t: Text, x: str, form: Format) -> str:
    """The vector of numbers that a vector of 16-bit integers stands for."""
    v, bits, kind = t.lanes, t.lanes.integers, f"i{t.lanes.bits}"
    if form == "bfloat16":
        return _of_bfloat16(t, x)
    whole = t.put(f"sext {_kind(t)} {x} to {bits}")
    is_nan = t.put(f"icmp eq {bits} {whole}, splat ({kind} {NAN})")
    size = MOST
    if form == "unsigned":
        whole, size = t.put(f"add {bits} {whole}, splat ({kind} {MOST})"), 2 * MOST
    number = t.put(f"sitofp {bits} {whole} to {v.type}")
    found = t.op("fmul", number, v.constant(1 / size))
    nan = v.constant(float("nan"))
    return t.put(f"select {v.bools} {is_nan}, {v.type} {nan}, {v.type} {found}")


def load(t: Text, pointer: str, count: int) -> str:
    """A vector of 16-bit integers, of which ``count`` lanes are read; the others are zeros."""
    kind = _kind(t)
    if count == t.lanes.n:
        return t.put(f"load {kind}, ptr {pointer}, align 2")
    # One by one, not by a masked load or store: LLVM 22 stores zeros beyond the mask, of 2 or 4
    # lanes of 16 bits.
    found = "zeroinitializer"
    for k in range(count):
        one = t.put(f"load i16, ptr {at(t, pointer, k)}, align 2")
        found = t.put(f"insertelement {kind} {found}, i16 {one}, i32 {k}")
    return found


def store(t: Text, value: str, pointer: str, count: int) -> None:
    """Store the first ``count`` lanes of a vector of 16-bit integers."""
    kind = _kind(t)
    if count == t.lanes.n:
        t.do(f"store {kind} {value}, ptr {pointer}, align 2")
        return
    for k in range(count):
        one = t.put(f"extractelement {kind} {value}, i32 {k}")
        t.do(f"store i16 {one}, ptr {at(t, pointer, k)}, align 2")


def at(t: Text, pointer: str, index: str | int) -> str:
    """The address of a 16-bit integer of a row."""
    return t.put(f"getelementptr inbounds i16, ptr {pointer}, i64 {index}", "p")


def beyond(t: Text, pointer: str, index: str | int) -> str:
    """The same of an address that may lie outside the array."""
    return t.put(f"getelementptr i16, ptr {pointer}, i64 {index}", "p")


def _to_bfloat16(t: Text, x: str) -> str:
    n = t.lanes.n
    if t.lanes.bits != 32:
        x = t.put(f"fptrunc {t.lanes.type} {x} to <{n} x float>")
    bits, kind = f"<{n} x i32>", f"<{n} x float>"
    # By integers, not by LLVM's fptrunc: the processor's instruction makes subnormals zero.
    whole = t.put(f"bitcast {kind} {x} to {bits}")
    high = t.put(f"lshr {bits} {whole}, splat (i32 16)")
    odd = t.put(f"and {bits} {high}, splat (i32 1)")
    up = t.put(f"add {bits} {whole}, {t.put(f'add {bits} {odd}, splat (i32 32767)')}")
    rounded = t.put(f"lshr {bits} {up}, splat (i32 16)")
    quiet = t.put(f"or {bits} {high}, splat (i32 {QUIET})")
    is_nan = t.put(f"fcmp uno {kind} {x}, {x}")
    found = t.put(f"select {t.lanes.bools} {is_nan}, {bits} {quiet}, {bits} {rounded}")
    return t.put(f"trunc {bits} {found} to {_kind(t)}")


def _of_bfloat16(t: Text, x: str) -> str:
    n = t.lanes.n
    whole = t.put(f"zext {_kind(t)} {x} to <{n} x i32>")
    high = t.put(f"shl <{n} x i32> {whole}, splat (i32 16)")
    found = t.put(f"bitcast <{n} x i32> {high} to <{n} x float>")
    if t.lanes.bits == 32:
        return found
    return t.put(f"fpext <{n} x float> {found} to {t.lanes.type}")


def _kind(t: Text) -> str:
    return f"<{t.lanes.n} x i16>"

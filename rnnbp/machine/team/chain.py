"""A chain: jobs that run one after the other on arrays that stay where they are, by one call.

``threads.do`` writes a job's record anew for each call, as its arrays are those of the caller. Here
the records stay, and a call is a call of one function in machine code: it looks whether what has
been written into the inputs can be used, puts the counters of each job back to 0, and runs it.
"""

from __future__ import annotations

import ctypes
from array import array
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias, final

from rnnbp.machine.compile import Library
from rnnbp.machine.records import Record
from rnnbp.machine.team import handoff, threads
from rnnbp.machine.team.renewing import renewing
from rnnbp.numerics import Array, address
from rnnbp.support.lazy import cached

CHECK = Record(x="ptr", n="i64", kind="i64", limit="i64")
"""Numbers of an input: where they are, how many, what they are, and what integers are below."""
SINGLE, DOUBLE, INTEGER = range(3)
CHAIN = Record(boxes="ptr", others="i64", checks="i64", jobs="i64")
"""The team as ``lead`` takes it; before the checks, and the addresses of the jobs' records."""
_BOXES, _OTHERS = CHAIN.offset["boxes"], CHAIN.offset["others"]
_EXPONENT = {32: 0x7F800000, 64: 0x7FF0000000000000}
"""Bits that are all 1 in infinities and NaN alone."""
Run: TypeAlias = Callable[[ctypes.c_int64], int]

_TEXT = """
declare void @lead(ptr, i64, ptr)

; 0, or 1 more than the number of the input that cannot be used; no job has run then.
define i64 @chain(ptr %chain) {{
entry:
{chain}
  %first.check = getelementptr i64, ptr %chain, i64 {head}
  %check.numbers = mul i64 %checks, {check_size}
  %first.job = getelementptr i64, ptr %first.check, i64 %check.numbers
  br label %next.check
next.check:
  %i = phi i64 [ 0, %entry ], [ %i.next, %good ]
  %more = icmp slt i64 %i, %checks
  br i1 %more, label %check, label %next.job
check:
  %check.before = mul i64 %i, {check_size}
  %record = getelementptr i64, ptr %first.check, i64 %check.before
{check}
  %i.next = add i64 %i, 1
  switch i64 %kind, label %integer [ i64 {single}, label %single i64 {double}, label %double ]
{loops}
good:
  br label %next.check
bad:
  ret i64 %i.next
next.job:
  %j = phi i64 [ 0, %next.check ], [ %j.next, %job ]
  %any = icmp slt i64 %j, %jobs
  br i1 %any, label %job, label %end
job:
  %job.at = getelementptr ptr, ptr %first.job, i64 %j
  %record.of.job = load ptr, ptr %job.at
  call void @renew(ptr %record.of.job)
  call void @lead(ptr %boxes, i64 %others, ptr %record.of.job)
  %j.next = add i64 %j, 1
  br label %next.job
end:
  ret i64 0
}}
"""
_LOOP = """
{name}:
  br label %{name}.next
{name}.next:
  %{name}.k = phi i64 [ 0, %{name} ], [ %{name}.k.next, %{name}.one ]
  %{name}.wrong = phi i1 [ false, %{name} ], [ %{name}.wrong.next, %{name}.one ]
  %{name}.left = icmp slt i64 %{name}.k, %n
  br i1 %{name}.left, label %{name}.one, label %{name}.end
{name}.one:
  %{name}.at = getelementptr i{bits}, ptr %x, i64 %{name}.k
  %{name}.number = load i{bits}, ptr %{name}.at
{test}
  %{name}.wrong.next = or i1 %{name}.wrong, %{name}.is.wrong
  %{name}.k.next = add i64 %{name}.k, 1
  br label %{name}.next
{name}.end:
  br i1 %{name}.wrong, label %bad, label %good
"""
_OF_FLOATS = """\
  %{name}.exponent = and i{bits} %{name}.number, {mask}
  %{name}.is.wrong = icmp eq i{bits} %{name}.exponent, {mask}"""
_OF_INTEGERS = "  %integer.is.wrong = icmp uge i64 %integer.number, %limit"


class Check(NamedTuple):
    """An input that is looked at before anything runs: floats must be finite.

    limit: for integers, what they are below; they are at least 0.
    """

    x: Array
    limit: int = 0

    @property
    def record(self) -> list[int]:
        """The numbers of ``CHECK``."""
        floats = SINGLE if self.x.itemsize == 4 else DOUBLE
        kind = floats if self.x.dtype.kind == "f" else INTEGER
        return [address(self.x), self.x.size, kind, self.limit]


@final
class _Address(ctypes.c_int64):
    """The address of a chain, which keeps what it has addresses of: ``run`` may outlive all else."""

    kept: object


@final
class Chain:
    """Jobs in order; ``run`` does them on what their arrays hold then.

    Args:
        checks: inputs that are looked at first, in C order.
        jobs: records, as ``Job.numbers`` returns them.
        n: the most threads that work on a job.
        kept: what the records have addresses of.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        jobs: Sequence[array[int]],
        n: int = 1,
        kept: object = None,
    ) -> None:
        numbers = [0, 0, len(checks), len(jobs)]
        for check in checks:
            numbers += check.record
        numbers += [job.buffer_info()[0] for job in jobs]
        memory = array("q", numbers)
        # An argument that is C's number already: turning Python's into one takes as long as the call.
        at, call = _Address(memory.buffer_info()[0]), _function()
        at.kept = memory, list(checks), list(jobs), kept
        # By one thread without a frame of Python, which would take a tenth of a small step.
        self.run: Callable[[], int] = (
            partial(call, at) if n == 1 else partial(_together, call, at, memory, n)
        )
        """Do the jobs; 0, or 1 more than the number of the check that failed: then nothing ran."""


def _together(call: Run, at: ctypes.c_int64, numbers: array[int], n: int) -> int:
    """``Chain.run`` by n threads."""
    found = [0]

    def lead(boxes: int, others: int) -> None:
        numbers[_BOXES], numbers[_OTHERS] = boxes, others
        found[0] = call(at)

    threads.together(lead, n)
    return found[0]


def _text() -> str:
    floats = {"single": 32, "double": 64}
    loops = [
        _LOOP.format(
            name=name,
            bits=bits,
            test=_OF_FLOATS.format(name=name, bits=bits, mask=_EXPONENT[bits]),
        )
        for name, bits in floats.items()
    ]
    loops.append(_LOOP.format(name="integer", bits=64, test=_OF_INTEGERS))
    return renewing() + _TEXT.format(
        chain=CHAIN.loads("chain"),
        head=CHAIN.size,
        check=CHECK.loads("record"),
        check_size=CHECK.size,
        single=SINGLE,
        double=DOUBLE,
        loops="".join(loops),
    )


@cached
def _library() -> Library:
    return Library(_text(), {"lead": handoff.library().address("lead")})


@cached
def _function() -> Run:
    """``chain``; Python's lock is released while it runs."""
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    return kind(_library().address("chain"))

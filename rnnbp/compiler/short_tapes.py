"""What a tape of 16 bits keeps of each step: in which format, and which states are made again."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rnnbp.compiler.code import Code
from rnnbp.compiler.forward import Forward, stopping
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import CHEAP, VIEWS
from rnnbp.compiler.step import StepCode
from rnnbp.compiler.storage import Buffer
from rnnbp.graph.layout import Layout

Format: TypeAlias = Literal["signed", "unsigned", "bfloat16"]
"""How 16 bits hold a number: fixed point on [−1, 1] or on [0, 1], or bfloat16."""
Interval: TypeAlias = tuple[float, float]
BYTES = 2
"""Of a number on a tape."""
ALL: Interval = (float("-inf"), float("inf"))
RANGES: dict[str, Interval] = {
    "tanh": (-1.0, 1.0),
    "sign": (-1.0, 1.0),
    "sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "inside": (0.0, 1.0),
    "above": (0.0, 1.0),
    "step": (0.0, 1.0),
}
"""By operation, where its results lie whatever its arguments are."""
OWN = frozenset({"copy", "same", "part", "spread", "repeat"})
"""Operations whose results lie where their argument does."""


@dataclass(frozen=True)
class Field:
    """Features from ``row`` on, ``count`` of them, of a buffer; on the tape from ``place`` on."""

    row: int
    count: int
    place: int
    format: Format


def fields_of(half: Forward) -> dict[Buffer, tuple[Field, ...]]:
    """By buffer that goes into a tape, the fields that backward reads: no other is kept."""
    storage, rows = half.storage, half.code.values.rows
    kept: dict[Buffer, dict[int, Format]] = {}
    for v in storage.kept:
        at, found = storage.location(v), _format(half.code, v)
        formats = kept.setdefault(at.buffer, {})
        for row in range(at.row, at.row + rows(v)):
            formats[row] = found
    return {buffer: tuple(_joined(kept[buffer])) for buffer in storage.buffers if buffer in kept}


def _joined(formats: dict[int, Format]) -> Iterable[Field]:
    """Neighbouring rows of one format as one field."""
    found: list[Field] = []
    for place, row in enumerate(sorted(formats)):
        last = found[-1] if found else None
        if last and row == last.row + last.count and formats[row] == last.format:
            found[-1] = Field(last.row, last.count + 1, last.place, last.format)
        else:
            found.append(Field(row, 1, place, formats[row]))
    return found


def _format(code: Code, v: int) -> Format:
    low, high = _range(code, v)
    if low >= 0 and high <= 1:
        return "unsigned"
    return "signed" if low >= -1 and high <= 1 else "bfloat16"


def _range(code: Code, v: int) -> Interval:
    """An interval in which a value lies, from the operations that compute it."""
    made = code.made.get(v)
    if made is None or v != made.out:
        return ALL
    if made.name in RANGES:
        return RANGES[made.name]
    if made.name in OWN:
        return _range(code, made.args[0])
    if made.name == "scale":
        factor, shift = made.affine
        return _hull(shift + factor * end for end in _range(code, made.args[0]))
    if made.name == "mul":
        one, other = (_range(code, a) for a in made.args)
        return _hull(a * b for a in one for b in other)
    return ALL


def _hull(ends: Iterable[float]) -> Interval:
    """The interval of its ends; all numbers where one of them is not known."""
    found = list(ends)
    finite = all(abs(end) < ALL[1] for end in found)  # NaN is not: 0 · ∞
    return (min(found), max(found)) if finite else ALL


def states_again(step: StepCode) -> tuple[int, ...]:
    """The states that backward makes again from the rest of the tape, as h of an LSTM.

    That is cheap, and needs no earlier step: what cannot be had so stays on the tape as it is. So
    does a state that backward reads after a step, not before it: after the last step it is not made
    again. One state stays always.
    """
    half, found = step.forward, tuple[int, ...]()
    read = _read_after(step)
    for k in sorted(range(len(half.nexts)), key=lambda k: k != half.output_state):
        more = (*found, k)
        if len(more) < len(half.nexts) and _in_place(half, k, read) and _cheap(half, more):
            found = more
    return found


def _read_after(step: StepCode) -> set[Buffer]:
    """Where backward finds what it reads: ``nexts`` of states that it reads after a step."""
    storage = step.backward.storage
    read = {storage.base(v)[0] for op in step.backward.code.ops for v in op.args}
    return {storage.locations[v].buffer for v in read if v in storage.locations}


def _in_place(half: Forward, k: int, read: Container[Buffer]) -> bool:
    """True if the next value of a state is made where the state is, and is not among ``read``.

    Nor is it that of another state too, which would be a copy of one that is not on the tape.
    """
    v, there = half.code.nexts[k], half.nexts[k]
    made = v is not None and v in half.in_place and half.in_place[v].buffer is there
    return made and half.code.nexts.count(v) == 1 and there not in read


def short_bytes(step: StepCode, layout: Layout) -> int | None:
    """What one step more adds to a tape of 16 bits; None where there is no such tape."""
    half = step.forward
    if half.opaque or layout.dtype.kind != "f":
        return None
    again = sum(half.states[k].rows for k in states_again(step))
    counts = [sum(field.count for field in found) for found in fields_of(half).values()]
    item = layout.dtype.itemsize
    rows = sum(numbers(count, item) for count in counts) - again
    states = layout.thin_bytes(2) - layout.thin_bytes(1)
    return layout.batch * item * rows + states


def numbers(count: int, item: int) -> int:
    """Numbers of ``item`` bytes that hold a row of ``count`` 16-bit ones."""
    return -(-BYTES * count // item)


def making(half: Forward, states: Sequence[int], wanted: Sequence[int]) -> Code:
    """The code that makes the next values of the states ``wanted`` from the tape.

    Args:
        states: those that are not on the tape, ``wanted`` among them.
    """
    nexts = half.code.nexts
    rest = {v for k, v in enumerate(nexts) if v is not None and k not in states}
    return stopping(half.code, [nexts[k] for k in wanted], half.storage.kept | rest)


def _cheap(half: Forward, states: Sequence[int]) -> bool:
    """True if ``making`` is pointwise, and reads nothing but the tape and the other states."""
    code = making(half, states, states)
    others = (*half.code.states, *half.code.nexts)
    again = {others[k] for k in (*states, *(len(half.nexts) + k for k in states))}
    there = {*half.storage.kept, *others, *(v for op in code.ops for v in op.outs)} - again
    return all(_allowed(op, half) and there.issuperset(op.args) for op in code.ops)


def _allowed(op: Op, half: Forward) -> bool:
    """True of a cheap operation whose result overwrites nothing that is on the tape."""
    if op.name in VIEWS:
        return True
    taped = half.storage.taped
    return op.name in CHEAP and all(half.storage.location(v).buffer not in taped for v in op.outs)

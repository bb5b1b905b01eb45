"""Where values live: shared memory, how long it lasts, and what goes into the tape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rnnbp.compiler.code import Code
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import GRADIENTS
from rnnbp.support.lazy import cached_property

Scope: TypeAlias = Literal["step", "block", "chunk"]


@dataclass(frozen=True, slots=True)
class Span:
    """How many steps an array has, and which of them belongs to the step at hand.

    A step's own array (B, features) has no axis of steps. One of a block holds the steps that run
    together between two returns to Python's or the kernel's outer loop; one of a chunk holds all
    steps.
    """

    scope: Scope
    later: int = 0
    """1 where a step writes at the index of the next one, as for the state that it hands on."""


@dataclass(frozen=True, slots=True, eq=False)
class Buffer:
    """Rows of memory that values share, one after the other; compared by identity."""

    name: str
    rows: int


@dataclass(frozen=True, slots=True)
class Location:
    """A value's buffer, and its first row there."""

    buffer: Buffer
    row: int = 0


@dataclass(frozen=True, slots=True)
class Held:
    """The array that holds a buffer in one function over a chunk."""

    array: str
    span: Span


@dataclass(frozen=True, eq=False)
class Storage:
    """The locations of all values of a code."""

    code: Code
    order: tuple[Op, ...]
    """The operations, phase after phase, without drawn values, which are there before."""
    locations: Mapping[int, Location]
    """By base value: of a view, see ``location``."""
    given: frozenset[int]
    """Values that lie somewhere before the code runs; views among them have no base."""
    views: Mapping[int, Op]
    buffers: tuple[Buffer, ...]
    """Those that this code needs, apart from those of values that are given."""
    phases: Mapping[Buffer, frozenset[str]]
    """The phases in which the values of a buffer are made or used, given ones included."""
    kept: frozenset[int]
    """Values that backward needs."""
    copies: Mapping[int, tuple[int, ...]]
    """By output of a concat, the arguments copied into it; others are made in their place."""
    gathered: frozenset[int]
    """Outputs of concats that only gradients take: put together for a whole chunk at once."""
    reads: Mapping[int, tuple[tuple[int, int, int], ...]]
    """By base, (position in ``order``, first row, last + 1) of each read; at the end if kept."""

    def base(self, v: int) -> tuple[int, int]:
        """The value that a view is of, and the row where it begins."""
        return base(v, self.views, self.given)

    def location(self, v: int) -> Location:
        """The location of a value, or of the part of one that it is."""
        found, row = self.base(v)
        at = self.locations[found]
        return Location(at.buffer, at.row + row)

    @cached_property
    def taped(self) -> frozenset[Buffer]:
        """The buffers that hold something that backward needs."""
        return frozenset(self.location(v).buffer for v in self.kept)

    def lanes(self, v: int) -> tuple[int, ...]:
        """The values that a value is put together from, where it is not put together in memory."""
        return self.code.made[v].args if v in self.gathered else (v,)


def base(v: int, views: Mapping[int, Op], given: frozenset[int]) -> tuple[int, int]:
    """The value that a view is of, and the row where it begins."""
    row = 0
    while v in views and v not in given:
        op = views[v]
        row += op.rows[0] if op.name == "part" else 0
        v = op.args[0]
    return v, row


def gathered(code: Code) -> frozenset[int]:
    """Outputs of concats that only the gradients of parameters take."""
    users = code.users()
    return frozenset(
        op.out
        for op in code.ops
        if op.name == "concat"
        and users.get(op.out)
        and all(user.name in GRADIENTS for user in users[op.out])
    )


def named(number: int, rows: int) -> Buffer:
    """A buffer of values that no other part of a step names."""
    return Buffer(str(number), rows)


def input_name(k: int) -> str:
    """The name of the array that an input of the cell is read from."""
    return f"x{k or ''}"


def held(
    buffer: Buffer, phases: frozenset[str], *, taped: bool = False, batched: bool = False
) -> Held:
    """The array of a buffer: of the tape, of a block, or of one step.

    Args:
        phases: those in which it is used. taped: whether it goes into a tape. batched: whether all
            steps of a block run at once, so that there is no loop.
    """
    if taped:
        return Held(f"T{buffer.name}", Span("chunk"))
    if batched or phases != {"loop"}:
        return Held(f"B{buffer.name}", Span("block"))
    return Held(f"S{buffer.name}", Span("step"))

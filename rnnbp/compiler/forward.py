"""The forward half of a step: its code in phases, its storage, and what each run needs."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rnnbp.compiler.allocation import allocate_tightly
from rnnbp.compiler.code import Code
from rnnbp.compiler.compile import Codes
from rnnbp.compiler.drawn import DRAWN, Draw, draw_of
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import VIEWS
from rnnbp.compiler.partition import adjusted, partition
from rnnbp.compiler.storage import Buffer, Held, Location, Span, Storage, held, input_name

GIVEN = VIEWS | {DRAWN}
"""Operations whose results lie somewhere already."""


@dataclass(frozen=True, eq=False)
class Forward:
    """The forward half of a step.

    Runs are of several kinds, each a choice of what is done (``output``, ``taped``, ``known``) and
    of how many states are held: all those of a chunk, or with ``rolling`` only those of a block.
    """

    code: Code
    phases: Mapping[int, str]
    """Of each operation, by its id: "before", "loop" or "after"."""
    storage: Storage
    xs: tuple[Buffer, ...]
    """The inputs."""
    states: tuple[Buffer, ...]
    """Before a step."""
    nexts: tuple[Buffer, ...]
    """After it: the arrays of ``states``, a step later."""
    in_place: Mapping[int, Location]
    """The next states that are made where the states are."""
    drawn: Mapping[int, tuple[Buffer, Draw]] = field(default_factory=dict)
    """By value of random numbers, where they lie, and what they are."""
    saved: tuple[int, ...] = ()
    """Outputs of the opaque layers that backward runs: a tape has what these save."""

    @property
    def output_state(self) -> int | None:
        """The state whose next value y is, None if there is none."""
        (first,), states = self.code.others, self.code.nexts
        return states.index(first) if first in states else None

    @property
    def opaque(self) -> tuple[Op, ...]:
        """The layers that run by their own methods."""
        return tuple(op for op in self.code.ops if op.name == "opaque")

    def moves(self) -> list[tuple[int, int]]:
        """(k, value) for each state whose next value is not made where the states are."""
        found, done = [], set()
        for k, v in enumerate(self.code.nexts):
            if v is None:
                continue
            if v in self.in_place and v not in done and self.in_place[v].buffer is self.nexts[k]:
                done.add(v)
            else:
                found.append((k, v))
        return found

    def chosen(
        self, *, output: bool, taped: bool, known: bool
    ) -> tuple[Code, list[Op], Mapping[int, str]]:
        """What a run does: its code, the operations in order, and their phases.

        Args:
            output: whether it computes y. taped: whether it fills a tape. known: whether the states
                of all steps exist, so that no operation waits for the step before.
        """
        wanted: list[int | None] = [*self.code.others] if output else []
        wanted += [*self.storage.kept, *self.saved] if taped else []
        code, nexts = self.code, self.code.nexts
        live = stopping(code, wanted, self.in_place) if known else code.live([*wanted, *nexts])
        present = set(map(id, live.ops))
        ops = [op for op in self.storage.order if id(op) in present]
        return live, ops, dict.fromkeys(self.phases, "before") if known else self.phases

    def drawn_arrays(self) -> dict[Buffer, Held]:
        """The arrays of random numbers, of all steps of a chunk or without an axis of steps."""
        return {
            buffer: Held(buffer.name, Span("step" if draw.still else "chunk"))
            for buffer, draw in self.drawn.values()
        }

    def arrays(self, *, taped: bool, rolling: bool, known: bool) -> dict[Buffer, Held]:
        """The array of each buffer but those of inputs, in a run of a kind."""
        found, kept = dict[Buffer, Held](), self.storage.taped
        now, later = (Span("block" if rolling else "chunk", later) for later in (0, 1))
        for before, after in zip(self.states, self.nexts, strict=True):
            found[before], found[after] = Held(before.name, now), Held(after.name, later)
        found |= self.drawn_arrays()
        for buffer in self.storage.buffers:
            found[buffer] = held(
                buffer, self.storage.phases[buffer], taped=taped and buffer in kept, batched=known
            )
        return found


def forward_half(codes: Codes, *, hoisted: bool, lanes: bool) -> Forward:
    """The forward half of compiled codes.

    Args:
        hoisted: whether what needs no state runs before the loop. lanes: whether pointwise
            operations are fused, and so best stay with those that take their results.
    """
    code = codes.forward
    rows, first = [code.values.rows(v) for v in code.inputs], len(code.inputs) - code.n_states
    xs = tuple(Buffer(input_name(k), n) for k, n in enumerate(rows[:first]))
    states = tuple(Buffer(f"H{k}", n) for k, n in enumerate(rows[first:]))
    nexts = tuple(Buffer(f"H{k}", n) for k, n in enumerate(rows[first:]))
    phases = partition(code, code.states, code.nexts)
    phases = adjusted(code, phases, hoisted=hoisted, lanes=lanes)
    in_place = _in_place(code, nexts)
    given = {v: Location(buffer) for v, buffer in zip(code.inputs, (*xs, *states), strict=True)}
    drawn = _drawn(code)
    given |= {v: Location(buffer) for v, (buffer, _) in drawn.items()}
    storage = allocate_tightly(code, phases, given, in_place, codes.kept)
    return Forward(code, phases, storage, xs, states, nexts, in_place, drawn)


def _drawn(code: Code) -> dict[int, tuple[Buffer, Draw]]:
    """By drawn value, its buffer and what is drawn."""
    found = [op for op in code.ops if op.name == DRAWN]
    return {
        op.out: (Buffer(f"R{k}", code.values.rows(op.out)), draw_of(op))
        for k, op in enumerate(found)
    }


def _in_place(code: Code, nexts: Sequence[Buffer]) -> dict[int, Location]:
    """The next states that can be made where the states are."""
    found: dict[int, Location] = {}
    for v, buffer in zip(code.nexts, nexts, strict=True):
        made = None if v is None else code.made.get(v)
        if v is not None and made is not None and made.name not in GIVEN and v not in found:
            found[v] = Location(buffer)
    return found


def stopping(code: Code, wanted: Sequence[int | None], known: Container[int]) -> Code:
    """What computes the values wanted, from those that are known."""
    needed, kept = {v for v in wanted if v is not None}, []
    for op in reversed(code.ops):
        if not needed.isdisjoint(op.outs) and (
            op.name == "opaque" or not all(v in known for v in op.outs)
        ):
            needed.update(v for v in op.args if v not in known)
            kept.append(op)
    return replace(code, ops=tuple(reversed(kept)))

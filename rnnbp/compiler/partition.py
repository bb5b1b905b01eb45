"""Partition of a code: what runs step by step, and what for many steps before or after."""

from __future__ import annotations

from collections.abc import Iterable

from rnnbp.compiler.code import Code
from rnnbp.compiler.operations import ALL_STEPS, POINTWISE, REPEATED


def partition(code: Code, carried: Iterable[int], leaving: Iterable[int | None]) -> dict[int, str]:
    """By the id of an operation its phase: "before", "loop" or "after".

    Args:
        carried: the inputs that one step hands to the next; what depends on none of them comes
            before the loop.
        leaving: the outputs that are handed on; what none of them depends on comes after it.
    """
    moving = code.depending(carried)
    feeding = {id(op) for op in code.live(leaving, free=False).ops}
    found = {}
    for op in code.ops:
        if op.name in ALL_STEPS:
            found[id(op)] = "after"  # they wait for the whole chunk
            continue
        moves = not moving.isdisjoint(op.args)
        found[id(op)] = "before" if not moves else "loop" if id(op) in feeding else "after"
    return found


def sunk(code: Code, phases: dict[int, str]) -> dict[int, str]:
    """Phases in which pointwise operations that the loop alone needs are done in it."""
    found, users = dict(phases), code.users()
    ends = {v for v in code.outputs if v is not None}

    def takers(v: int) -> set[str]:
        """The phases that take a value, through views of it."""
        phases, waiting = set[str](), [v]
        while waiting:
            v = waiting.pop()
            phases |= {"after"} if v in ends else set()
            for op in users.get(v, []):
                if op.name in ("part", "same"):
                    waiting.append(op.out)
                else:
                    phases.add(found[id(op)])
        return phases

    for op in reversed(code.ops):
        if (
            found[id(op)] == "before"
            and op.name in POINTWISE | REPEATED
            and takers(op.out) == {"loop"}
        ):
            found[id(op)] = "loop"
    return found


def adjusted(code: Code, phases: dict[int, str], *, hoisted: bool, lanes: bool) -> dict[int, str]:
    """The phases without the rule "hoisted", or with pointwise operations fused (``lanes``)."""
    if not hoisted:
        return {key: "loop" if phase == "before" else phase for key, phase in phases.items()}
    return sunk(code, phases) if lanes else phases

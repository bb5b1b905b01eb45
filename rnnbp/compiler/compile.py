"""From a cell to its forward and backward code, with the passes applied."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rnnbp.compiler.code import Code
from rnnbp.compiler.keep import keep
from rnnbp.compiler.lowering import lower
from rnnbp.compiler.maker import Values
from rnnbp.compiler.passes import PASSES, Draft, check_rules
from rnnbp.compiler.rewrite.repeating import repeated, still_values
from rnnbp.graph.cell import Cell
from rnnbp.numerics import Shape


@dataclass(frozen=True)
class Change:
    """What a pass made of a code."""

    rule: str
    before: Code
    after: Code


@dataclass(frozen=True)
class Codes:
    """The codes of a cell, forward and backward, and the forward values that the tape keeps."""

    forward: Code
    backward: Code
    kept: tuple[int, ...]
    changes: tuple[Change, ...] = ()
    """What each rule did, in the order in which they were applied."""


def codes(
    cell: Cell,
    shapes: Sequence[Shape],
    *,
    without: Iterable[str] = (),
    lanes: bool = False,
    training: bool = True,
) -> Codes:
    """The codes of a cell whose values have these feature shapes, without some rules.

    Args:
        lanes: whether pointwise operations stay lane by lane, because whoever runs the code fuses
            them.
        training: False for the code of evaluation mode.
    """
    off, changes = check_rules(without), list[Change]()
    draft = Draft(lower(cell, shapes, Values(), training=training), lanes)
    for one in PASSES:
        if one.rule is None:
            draft = one.run(draft)
        elif one.rule not in off:
            before = one.code(draft)
            draft = one.run(draft)
            changes.append(Change(one.rule, before, one.code(draft)))
    assert draft.written is not None
    whole, deltas = draft.forward, draft.deltas.live()
    still = still_values(whole, draft.written, deltas)
    forward = repeated(whole.live(), still)
    deltas, cheap = repeated(deltas, still), "recomputed" not in off
    backward, kept = keep(forward, deltas, whole, draft.written, cheap=cheap)
    return Codes(forward, backward, kept, tuple(changes))

"""Lengths of the sequences of padded arrays, one for all or for each input, and of lists."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from numpy.typing import ArrayLike

from rnnbp.numerics import Array
from rnnbp.support.nearest import hint
from rnnbp.train.ended_rows import EndedRows
from rnnbp.train.last import TURN, TURNED, lengths_of
from rnnbp.train.several_rows import SeveralRows

LengthsOf: TypeAlias = ArrayLike | dict[str | int, Array] | dict[str, Array] | None
"""Lengths of sequences, or of each input by its name or number."""
Mark: TypeAlias = tuple[int, bytes]
"""T and the bytes of lengths of a series, "" where all have T steps."""


def of_one(given: LengthsOf) -> ArrayLike | None:
    """The lengths of a single input. Raises TypeError for those of several."""
    if not isinstance(given, dict):
        return given
    if len(given) > 1:
        raise TypeError(
            f"Sequences: lengths is a dict of {len(given)}, {', '.join(map(repr, given))}, and x is "
            "one input; give (N,), its steps"
        )
    return next(iter(given.values()), None)


def marks_of(x: SeveralRows, given: LengthsOf, *, batch_first: bool) -> dict[int, Mark]:
    """(T, the lengths) of each series, by number: the same of those of one time axis."""
    series = {k: part for k, part in enumerate(x.parts) if k not in x.static}
    known = {k: part.lengths for k, part in series.items() if isinstance(part, EndedRows)}
    if isinstance(given, dict):
        known |= _by_input(x, given, known, batch_first=batch_first)
    by_steps = dict[int, bytes]()
    for k, own in known.items():
        by_steps.setdefault(series[k].shape[1], own.tobytes())
    return {
        k: (part.shape[1], known[k].tobytes() if k in known else by_steps.get(part.shape[1], b""))
        for k, part in series.items()
    }


def _by_input(
    x: SeveralRows,
    given: Mapping[str, Array] | Mapping[str | int, Array],
    lists: Collection[int],
    *,
    batch_first: bool,
) -> dict[int, Array]:
    """The lengths of inputs by their numbers. Raises ValueError for those of no series."""
    numbers = {x.form.key(k): k for k in range(len(x.parts))}
    found = dict[int, Array]()
    for key, own in given.items():
        k = numbers.get(key, -1)
        if k < 0 or k in x.static or k in lists:
            keys = ", ".join(repr(n) for n, k in numbers.items() if k not in (*x.static, *lists))
            why = "no input of x"
            if k >= 0:
                why = "a list, whose items have theirs" if k in lists else "static, without steps"
            near = hint(key, [n for n in numbers if isinstance(n, str)]) if k < 0 else ""
            raise ValueError(
                f"Sequences: lengths has {key!r}, which is {why}{near}; give those of {keys}"
            )
        part = x.parts[k]
        turn = TURN if batch_first else TURNED
        lead = len(part), int(part.shape[1])
        found[k] = lengths_of(f"Sequences: lengths[{key!r}]", own, lead, turn)
    return found

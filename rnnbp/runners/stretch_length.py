"""Which models run many chunks by one call, and how many."""

from __future__ import annotations

from collections.abc import Container, Sequence

from rnnbp.graph.graph import Node
from rnnbp.graph.model_split import Parts

MOST = 32
"""Chunks of a stretch at most, whose addresses take some 30 kB."""
BYTES = 2**15
"""Of what a stretch holds of rows in addition to its chunks: see ``row_bytes`` of losses."""
WORK = 10**10
"""Operations of the Recurrents of a stretch, forward, at most: a tenth of a second or two, in which
Python sees no interrupt. Chunks of more are not worth a stretch."""
OF_LANES = 3
"""Times as many where Recurrents are lanes, which wait for one another at both ends of a stretch:
at 9 rounds two lanes do nothing for a tenth of the time."""
SYMBOLS = 16
"""Of these, the bytes of a row whose x is symbols: they, and their numbers."""


def most_chunks(
    *, work: int, rows: int, row_bytes: int, lanes: bool, room: int | None = None
) -> int:
    """The most chunks of a stretch, by what it holds in addition to them, and by its work.

    Args:
        work: operations of the Recurrents in a chunk, forward.
        rows: steps of a chunk times batch.
        row_bytes: that the loss holds of each row.
        lanes: whether Recurrents are lanes.
        room: where x is symbols, bytes that are reserved, and that a stretch does without.
    """
    row = row_bytes if room is None else SYMBOLS + row_bytes
    most = WORK * OF_LANES if lanes else WORK
    return min(MOST, (BYTES + (room or 0)) // max(1, rows * row), most // max(1, work))


def in_rounds(parts: Parts, turning: Container[int], *, spelled: int) -> bool:
    """True if a model is a chain of Recurrents and of layers behind them, all of which run so.

    Args:
        turning: the nodes, by number, whose runners prepare rounds.
        spelled: 1 if a layer of symbols is before the Recurrents.
    """
    nodes = [*parts.body, *parts.tail]
    if len(parts.recurrent) + spelled != len(parts.body) or not parts.recurrent:
        return False
    turn = all(node.number in turning for node in nodes[spelled:])
    return turn and _chained(nodes, parts) and not (parts.fixed or parts.widened)


def _chained(nodes: Sequence[Node], parts: Parts) -> bool:
    """True if each node takes the output of the one before alone, the first one x."""
    x = parts.x
    for node in nodes:
        if tuple(node.args) != (x,) or len(node.outs) != 1:
            return False
        x = node.outs[0]
    return parts.outputs == (x,)

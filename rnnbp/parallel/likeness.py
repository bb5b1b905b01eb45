"""What must be the same in all processes: compared by digests, and shown where it differs.

Messages go between the first process and each other one, and not along the tree of sums, which
depends on the number of shards, one of the things that are compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import numpy as np

from rnnbp.numerics import escaped
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.guard import everywhere
from rnnbp.storage import JSON

DIGEST = "digest of "
"""What lines begin with whose values say nothing to a reader."""
SHOWN, LONGEST = 8, 120
"""Lines that an error shows, and characters of each value."""


def check_alike(what: str, lines: Mapping[str, JSON], parallel: Exchange, cure: str) -> None:
    """Raise ValueError in all processes if one has other lines than the first. All call it.

    Args:
        what: the beginning of the error.
        lines: text or other JSON by name.
        cure: its end.
    """
    own = json.dumps(lines).encode()
    digest = np.frombuffer(hashlib.sha256(own).digest(), np.uint8)
    others = range(1, parallel.processes)
    differs = np.zeros(parallel.processes, np.bool_)
    if parallel.rank == 0:
        for rank in others:
            parallel.receive(rank, found := np.empty_like(digest))
            differs[rank] = not np.array_equal(found, digest)
        for rank in others:
            parallel.send(rank, differs)
    else:
        parallel.send(0, digest)
        parallel.receive(0, differs)
    if differs.any():
        number = int(differs.argmax())
        text = _shown(what, number, own, parallel)
        more = int(differs.sum()) - 1
        end = f"; {more} more processes differ from process 0" if more else ""
        raise everywhere(ValueError(f"{text}{end}; {cure}"))


def _shown(what: str, number: int, own: bytes, parallel: Exchange) -> str:
    """In all processes: what process ``number`` has that the first has otherwise."""
    if parallel.rank == number:
        _send(0, own, parallel)
    if parallel.rank:
        return _receive(0, parallel).decode()
    first, other = json.loads(own), json.loads(_receive(number, parallel))
    found = (
        f"{what}: process {number} of {parallel.processes} differs from process 0: "
        + "; ".join(_differing(first, other, number))
    )
    for rank in range(1, parallel.processes):
        _send(rank, found.encode(), parallel)
    return found


def _differing(first: Mapping[str, JSON], other: Mapping[str, JSON], number: int) -> list[str]:
    names = [name for name in {**first, **other} if first.get(name) != other.get(name)]
    found = [
        f"{name.removeprefix(DIGEST)} differs"
        if name.startswith(DIGEST)
        else f"{name} is {_value(first, name)} in process 0, {_value(other, name)} in process "
        f"{number}"
        for name in names[:SHOWN]
    ]
    return found + [f"and {len(names) - SHOWN} lines more"] * (len(names) > SHOWN)


def _value(lines: Mapping[str, JSON], name: str) -> str:
    return escaped(repr(lines[name]), LONGEST) if name in lines else "absent"


def _send(rank: int, text: bytes, parallel: Exchange) -> None:
    parallel.send(rank, np.array([len(text)], np.int64))
    parallel.send(rank, np.frombuffer(text, np.uint8))


def _receive(rank: int, parallel: Exchange) -> bytes:
    parallel.receive(rank, size := np.empty(1, np.int64))
    parallel.receive(rank, found := np.empty(int(size[0]), np.uint8))
    return found.tobytes()

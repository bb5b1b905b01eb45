"""Lanes that are put into one loop compute what they compute one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

import numpy as np
import pytest

if not find_spec("llvmlite"):
    pytest.skip("needs llvmlite", allow_module_level=True)

from rnnbp.compiler.storage import Buffer, Location
from rnnbp.runners.llvm.groups import SPREAD, Group, Lane

ROWS, N, WIDTH = 9, 3, 2
"""Rows of the buffer, features of a lane, lanes of a vector."""
APART = {0, *range(N, ROWS)}


def value(lane: Lane, args: Sequence[np.ndarray]) -> np.ndarray:
    """What a lane computes of some features."""
    return sum(args[1:], args[0]) * 1.5 + 1


def one_by_one(lanes: Sequence[Lane], memory: np.ndarray) -> np.ndarray:
    """Each lane on all features before the next."""
    memory = memory.copy()
    for lane in lanes:
        width = {SPREAD: 1}.get(lane.name, N)
        args = [memory[a.row : a.row + width].copy() for a in lane.args]
        memory[lane.out.row : lane.out.row + N] = value(lane, args)
    return memory


def together(group: Group, memory: np.ndarray) -> np.ndarray:
    """All lanes on a vector of features before the next vector, as ``pointwise.row`` writes them."""
    memory = memory.copy()
    singles = {at: memory[at.row : at.row + 1].copy() for at in group.singles}
    for start in range(0, N, WIDTH):
        stop, present = min(start + WIDTH, N), dict[Location, np.ndarray]()
        for lane in group.lanes:
            loaded = [
                singles[a] if lane.name == SPREAD else
                present.setdefault(a, memory[a.row + start : a.row + stop].copy())
                for a in lane.args
            ]  # fmt: skip
            present[lane.out] = np.broadcast_to(value(lane, loaded), stop - start).copy()
        for at in {lane.out for lane in group.lanes}:
            memory[at.row + start : at.row + stop] = present[at]
    return memory


def drawn(rng: np.random.Generator, buffer: Buffer) -> Lane:
    """A lane of one or two arguments, or one that repeats a feature, anywhere in a buffer."""
    name = rng.choice(["add", "add", "copy", SPREAD])
    args = [Location(buffer, int(rng.integers(ROWS - N + 1))) for _ in range(1 + (name == "add"))]
    single = Location(buffer, int(rng.integers(ROWS)))
    taken = {SPREAD: [single]}.get(name, args)
    return Lane(str(name), tuple(taken), Location(buffer, int(rng.integers(ROWS - N + 1))))


def drawings(rng: np.random.Generator, buffer: Buffer) -> Iterator[Lane]:
    """Lanes that are allocated so that their own result overlaps no argument but in its place."""
    found = (drawn(rng, buffer) for _ in range(6))
    return (lane for lane in found if all(abs(a.row - lane.out.row) in APART for a in lane.args))


def test_lanes_that_a_group_takes_are_those_that_one_loop_may_have() -> None:
    rng, repeated, joined = np.random.default_rng(0), 0, 0
    for _ in range(1500):
        buffer, group = Buffer("0", ROWS), Group(N)
        for lane in filter(lambda lane: group.takes(lane, N), drawings(rng, buffer)):
            group.add(lane)
        memory = rng.normal(size=ROWS)
        found = together(group, memory)
        np.testing.assert_array_equal(found, one_by_one(group.lanes, memory))
        joined += len(group.lanes) > 1
        repeated += len(group.lanes) > 1 and bool(group.singles)
    assert repeated > 100
    assert joined > 400

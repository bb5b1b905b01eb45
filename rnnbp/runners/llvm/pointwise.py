"""A group of pointwise operations as one loop: loaded once, computed in registers, stored once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rnnbp.compiler.storage import Location
from rnnbp.compiler.weights import Vector
from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.groups import SPREAD, Group
from rnnbp.runners.llvm.operations import POINTWISE, SLOW

Apply: TypeAlias = Callable[[str, Text, str, object], str]
"""What puts down a slow operation of one argument, by name, with its attribute."""


def written_out(name: str, t: Text, x: str, attr: object) -> str:
    """The operation's own instructions."""
    return POINTWISE[name].emit(t, [x], attr)


def row(
    t: Text,
    group: Group,
    address: Callable[[Location], str],
    vector: Callable[[Vector], str],
    ahead: Sequence[tuple[str, bool]] = (),
    apply: Apply = written_out,
) -> None:
    """The group on one row.

    Args:
        address: the code of a location's address in the row. vector: of a vector's.
        ahead: the addresses of rows that the next step takes, and whether it writes there: they
            come from memory meanwhile.
        apply: what puts down slow operations, as tanh.
    """
    pointers = {location: address(location) for location in group.locations}
    singles = {location: t.broadcast(address(location)) for location in group.singles}
    vectors = {id(lane): vector(lane.attr) for lane in group.lanes if isinstance(lane.attr, Vector)}
    full = group.n // t.lanes.n * t.lanes.n
    if full:
        with t.loop(0, full, t.lanes.n) as loop:
            for pointer, written in ahead:
                t.fetch(t.beyond(pointer, loop.index), written=written)
            _some(t, group, pointers, singles, vectors, apply, loop.index, None)
    if group.n > full:
        _some(t, group, pointers, singles, vectors, apply, str(full), t.lanes.mask(group.n - full))


def _some(
    t: Text, group: Group, pointers: dict[Location, str], singles: dict[Location, str],
    vectors: dict[int, str], apply: Apply, index: str, mask: str | None,
) -> None:  # fmt: skip
    """A vector of features, from ``index`` on."""
    present: dict[Location, str] = {}
    for lane in group.lanes:
        for location in () if lane.name == SPREAD else lane.args:
            if location not in present:
                present[location] = t.load(t.at(pointers[location], index), mask)
        held = singles if lane.name == SPREAD else present
        args = [held[location] for location in lane.args]
        if id(lane) in vectors:
            args.append(t.load(t.at(vectors[id(lane)], index), mask))
        if lane.name in SLOW:
            present[lane.out] = apply(lane.name, t, args[0], lane.attr)
        else:
            present[lane.out] = POINTWISE[lane.name].emit(t, args, lane.attr)
    for location in filter(group.stored.__contains__, pointers):
        t.store(present[location], t.at(pointers[location], index), mask)

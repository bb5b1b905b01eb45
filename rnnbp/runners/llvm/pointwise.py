"""A group of pointwise operations as one loop over features: loaded once, computed in registers, stored once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from rnnbp.compiler.code import Vector
from rnnbp.compiler.storage import Location
from rnnbp.machine import mathematics
from rnnbp.machine.ir import Text
from rnnbp.runners.llvm.groups import Group, Lane

BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul"}
FUNCTIONS: dict[str, Callable[[Text, str], str]] = {
    "tanh": mathematics.tanh,
    "sigmoid": mathematics.sigmoid,
    "copy": lambda t, x: x,
}
Apply: TypeAlias = Callable[[str, Text, str], str]
"""What puts down a function of ``FUNCTIONS``, by name, of a vector."""


def written_out(name: str, t: Text, x: str) -> str:
    """The function's own instructions."""
    return FUNCTIONS[name](t, x)


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
        address: the code of a spot's address in the row. vector: of a vector's. ahead: the addresses of rows that the
            next step takes, and whether it writes there: they come from memory meanwhile. apply: what puts down tanh
            and sigmoid.
    """
    pointers = {spot: address(spot) for spot in group.spots}
    vectors = {id(lane): vector(lane.attr) for lane in group.lanes if isinstance(lane.attr, Vector)}
    full = group.n // t.lanes.n * t.lanes.n
    if full:
        with t.loop(0, full, t.lanes.n) as loop:
            for pointer, written in ahead:
                t.fetch(t.beyond(pointer, loop.index), written=written)
            _some(t, group, pointers, vectors, apply, loop.index, None)
    if group.n > full:
        _some(t, group, pointers, vectors, apply, str(full), t.lanes.mask(group.n - full))


def _some(
    t: Text, group: Group, pointers: dict[Location, str], vectors: dict[int, str], apply: Apply, index: str,
    mask: str | None,
) -> None:  # fmt: skip
    """A vector of features, from ``index`` on."""
    present: dict[Location, str] = {}
    for lane in group.lanes:
        for spot in lane.args:
            if spot not in present:
                present[spot] = t.load(t.at(pointers[spot], index), mask)
        extra = t.load(t.at(vectors[id(lane)], index), mask) if id(lane) in vectors else ""
        present[lane.out] = _lane(t, lane, [present[spot] for spot in lane.args], extra, apply)
    for spot in filter(group.stored.__contains__, pointers):
        t.store(present[spot], t.at(pointers[spot], index), mask)


def _lane(t: Text, lane: Lane, args: list[str], extra: str, apply: Apply) -> str:
    v = t.lanes
    if lane.name in BINARY:
        return t.op(BINARY[lane.name], *args)
    if lane.name in FUNCTIONS:
        return apply(lane.name, t, args[0])
    if lane.name in ("bias", "gain"):
        return t.op("fadd" if lane.name == "bias" else "fmul", args[0], extra)
    if lane.name == "scale":
        factor, shift = (v.constant(number) for number in lane.attr)
        if lane.attr[0] == -1:
            return t.op("fsub", shift, args[0])
        return t.fma(args[0], factor, shift) if lane.attr[1] else t.op("fmul", args[0], factor)
    if lane.name == "zeros":
        return "zeroinitializer"
    assert lane.name in ("step", "relu"), lane.name
    yes = v.constant(1.0) if lane.name == "step" else args[0]
    above = t.put(f"fcmp ugt {v.type} {args[0]}, zeroinitializer")  # ugt: NaN stays NaN, and passes its delta
    return t.put(f"select {v.bools} {above}, {v.type} {yes}, {v.type} zeroinitializer")

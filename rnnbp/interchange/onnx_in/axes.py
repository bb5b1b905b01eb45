"""Which axes a node of ONNX inserts, removes and cuts, in the forms of all opsets."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement

from rnnbp.interchange.onnx_in.nodes import Call
from rnnbp.interchange.onnx_in.operands import Axes, Axis, count, normal_axis

END = 1 << 30
"""From here on the end of a slice is that of the axis."""

MERGED = 10
"""How doubtful it is that one axis has two roles, more than any size of two axes."""


def axes_to_insert(call: Call, rank: int) -> list[int]:
    """The axes of an Unsqueeze, counted in its output."""
    found = call.ints(1, "axes") or []
    return sorted(normal_axis(a, rank + len(found)) for a in found)


def axes_to_remove(call: Call, axes: Sequence[Axis]) -> list[int]:
    """The axes of a Squeeze: those of size 1, where it names none."""
    found = call.ints(1, "axes")
    if found is None:
        return [k for k, a in enumerate(axes) if a == 1]
    return sorted(normal_axis(a, len(axes)) for a in found)


def slices_of(call: Call, rank: int) -> Iterator[tuple[int, slice]]:
    """The axes that a Slice cuts, each with its range."""
    starts, ends = call.ints(1, "starts") or [], call.ints(2, "ends") or []
    axes = call.ints(3, "axes") or list(range(len(starts)))
    steps = call.ints(4, "steps") or [1] * len(starts)
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        stop = None if end >= END else end
        yield normal_axis(axis, rank), slice(start, stop, step)


def matched(axes: Axes, target: Sequence[int | str], fixed: dict[str, set[int]]) -> Axes | None:
    """The axes that a Reshape makes; None if roles and features would mix.

    Args:
        axes: those of its input.
        target: what it is given: sizes, roles, −1 for what is left.
        fixed: by role, the sizes that the file has for it.
    """
    roles = [(k, role) for k, a in enumerate(axes) if isinstance(a, str) for role in a]
    edges = [0, *[k + 1 for k, _ in roles]]
    pools = [count(axes[a:b]) for a, b in zip(edges, [*edges[1:], len(axes)], strict=True)]
    best: tuple[int, Axes] | None = None
    for places in combinations_with_replacement(range(len(target)), len(roles)):
        found = _placed([role for _, role in roles], places, pools, target, fixed)
        if found is not None and (best is None or found[0] < best[0]):
            best = found
    return None if best is None else best[1]


def _placed(
    roles: list[str],
    places: tuple[int, ...],
    pools: list[int],
    target: Sequence[int | str],
    fixed: dict[str, set[int]],
) -> tuple[int, Axes] | None:
    """The axes with roles at these places of a target, and how doubtful that is; None if not."""
    cost, axes, left, number = 0, list[Axis](), list[int](), 0
    for place, size in [*enumerate(target), (len(target), END)]:
        here = "".join(role for role, at in zip(roles, places, strict=True) if at == place)
        if not here and place < len(target):
            if isinstance(size, str):
                return None
            left.append(size)
            continue
        filled = _filled(left, pools[number])
        doubt = 0 if not here else _doubt(here, size, fixed)
        within = pools[number + 1 : number + len(here)]
        if filled is None or doubt is None or any(n > 1 for n in within):
            return None
        axes += [*filled, here] if here else filled
        number, left = number + len(here), []
        cost += doubt + MERGED * max(0, len(here) - 1)
    return cost, tuple(axes)


def _filled(sizes: list[int], pool: int) -> list[Axis] | None:
    """Sizes whose product is that of a pool, −1 replaced; None if it is not."""
    known = math.prod(n for n in sizes if n != -1)
    if sizes.count(-1) == 1 and known and pool % known == 0:
        return [pool // known if n == -1 else n for n in sizes]
    return list(sizes) if -1 not in sizes and known == pool else None


def _doubt(roles: str, size: int | str, fixed: dict[str, set[int]]) -> int | None:
    """How doubtful it is that a size is that of an axis with roles; None if it is not."""
    if isinstance(size, str):
        return 0 if size == roles else None
    if size == -1:
        return 1
    known = [fixed.get(role, set()) for role in roles]
    total = 1
    for sizes in known:
        if len(sizes) != 1:
            return None
        total *= next(iter(sizes))
    return 2 if total == size else None

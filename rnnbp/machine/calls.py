"""Functions that find their arguments in memory: the tasks of threads.

Numbers that are places say which array it is and how many bytes after its beginning; where arrays begin is told with
each job. So a table of tasks is made once, whatever arrays it is for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from rnnbp.numerics import Array

NUMBERS = 12
"""Of a task: the address of a function; what it takes, at most ten numbers or places; and whether it follows."""
FOLLOWS = 11
"""The number that says whether the thread that does the task before does this one too, after it."""
WHICH = 44
"""Bits of a place that count bytes; those above are the number of the array, of the job's."""


def place(which: int, nbytes: int = 0) -> int:
    """So many bytes after the beginning of an array of the job's."""
    return (which << WHICH) + nbytes


def loads(base: str, names: Sequence[str], kinds: Sequence[str], which: Iterable[int] | None = None) -> str:
    """Numbers that lie one after the other, from an address on; or of these the ones ``which`` are counted."""
    at = range(len(names)) if which is None else which
    lines = [
        f"  %{name}.at_ = getelementptr i64, ptr %{base}, i64 {k}\n  %{name} = load {kind}, ptr %{name}.at_"
        for k, name, kind in zip(at, names, kinds, strict=True)
    ]
    return "\n".join(lines)


def located(base: str, names: Sequence[str], which: Iterable[int] | None = None) -> str:
    """Addresses, from places that lie as ``loads`` has them; ``bases`` is where arrays begin."""
    codes = loads(base, [f"{name}.place" for name in names], ["i64"] * len(names), which)
    return "\n".join([codes, *map(_located, names)])


def _located(name: str) -> str:
    return f"""  %{name}.which = lshr i64 %{name}.place, {WHICH}
  %{name}.begins = getelementptr ptr, ptr %bases, i64 %{name}.which
  %{name}.array = load ptr, ptr %{name}.begins
  %{name}.nbytes = and i64 %{name}.place, {2**WHICH - 1}
  %{name} = getelementptr i8, ptr %{name}.array, i64 %{name}.nbytes"""


def as_task(name: str, arguments: Sequence[str]) -> str:
    """The function ``name.task``, which finds the arguments of another one after the other in memory."""
    kinds, names = zip(*(argument.split(" %") for argument in arguments), strict=True)
    places = [one for kind, one in zip(kinds, names, strict=True) if kind == "ptr"]
    numbers = [f"{one}.place" if one in places else one for one in names]
    call = ", ".join(f"{kind} %{one}" for kind, one in zip(kinds, names, strict=True))
    body = [
        loads("numbers.of.task", numbers, ["i64"] * len(numbers)),
        *map(_located, places),
        f"  call void @{name}({call})",
    ]
    return "\n".join([f"define void @{name}.task(ptr %numbers.of.task, ptr %bases) {{", *body, "  ret void", "}\n"])


def together(outputs: Sequence[Sequence[tuple[int, int, int]]]) -> list[list[int]]:
    """Tasks that one thread must do one after the other, for they add to the same numbers; in their order.

    Args:
        outputs: of each task the parts that it adds to, as (array, first, end).
    """
    leader = list(range(len(outputs)))

    def of(k: int) -> int:
        while leader[k] != k:
            k = leader[k]
        return k

    end: dict[int, tuple[int, int]] = {}
    for array, first, last, k in sorted((*part, k) for k, parts in enumerate(outputs) for part in parts):
        before, other = end.get(array, (first, k))
        if first < before:
            one, two = sorted((of(k), of(other)))
            leader[two] = one
        end[array] = max((last, k), end.get(array, (last, k)))
    found: dict[int, list[int]] = {}
    for k in range(len(outputs)):
        found.setdefault(of(k), []).append(k)
    return list(found.values())


def table(tasks: Sequence[Sequence[int]]) -> Array:
    """(tasks, NUMBERS), of tasks that have as many numbers each, none of which follows another."""
    found = np.zeros((len(tasks), NUMBERS), np.int64)
    if tasks:
        found[:, : len(tasks[0])] = tasks
    return found

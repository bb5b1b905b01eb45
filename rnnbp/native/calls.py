"""Functions that find their arguments in memory: the tasks of threads."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.numerics import Array

NUMBERS = 12
"""Of a task: the address of a function; what it takes, at most ten numbers or addresses; and whether it follows."""
FOLLOWS = 11
"""The number that says whether the thread that does the task before does this one too, after it."""


def loads(base: str, names: Sequence[str], kinds: Sequence[str]) -> str:
    """Numbers that lie one after the other, from an address on."""
    lines = [
        f"  %{name}.at_ = getelementptr i64, ptr %{base}, i64 {k}\n  %{name} = load {kind}, ptr %{name}.at_"
        for k, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]
    return "\n".join(lines)


def as_task(name: str, arguments: Sequence[str]) -> str:
    """The function ``name.task``, which finds the arguments of another one after the other in memory."""
    kinds, names = zip(*(argument.split(" %") for argument in arguments), strict=True)
    call = ", ".join(f"{kind} %{name}" for kind, name in zip(kinds, names, strict=True))
    body = f"{loads('numbers.of.task', names, kinds)}\n  call void @{name}({call})\n  ret void"
    return f"define void @{name}.task(ptr %numbers.of.task) {{\n{body}\n}}\n"


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

"""Tasks: calls of functions in machine code that any thread may do, as rows of numbers.

A row holds the address of a function, its arguments, and whether the row follows the one before.
Arrays among the arguments are places (``records``), so a table of tasks is made once for a shape.
This is the only module that knows the columns of a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, final

import numpy as np

from rnnbp.machine.records import address_of, loads
from rnnbp.numerics import Array

FUNCTION = 0
"""The column with the function's address."""
FIRST = 1
"""The column of the first argument."""
ARGUMENTS = 10
"""Arguments that a row has room for: the most that any function takes, as ``softmax``."""
FOLLOWS = FIRST + ARGUMENTS
"""The column that is 1 if the thread that does the task before must do this one too, after it."""
ROW = FOLLOWS + 1
"""Numbers of a row, all of 64 bits."""
# Rows have one size for all functions: a thread finds the t-th task by a multiplication, and takes
# it by adding 1 to a counter. Rows of their own sizes would need a table of where each begins.

Column: TypeAlias = int | Sequence[int] | Array
"""What a column of a table is filled with: one number for all rows, or a number for each."""


@final
class Signature:
    """The arguments of a function: their names, LLVM types, and columns in a task's row.

    Args:
        arguments: as LLVM writes them, for example "ptr %x" and "i64 %n".
    """

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        kinds, names = zip(*(argument.split(" %") for argument in arguments), strict=True)
        self.kinds, self.names = tuple[str, ...](kinds), tuple[str, ...](names)
        if len(names) > ARGUMENTS:
            raise ValueError(f"a task has room for {ARGUMENTS} arguments, found {len(names)}")
        self.column = {name: FIRST + k for k, name in enumerate(self.names)}
        """By argument, its column in a row."""
        self.columns = slice(FIRST, FIRST + len(names))
        """The columns of all arguments."""

    @property
    def places(self) -> list[int]:
        """The columns of arguments that are places."""
        pairs = zip(self.kinds, self.names, strict=True)
        return [self.column[name] for kind, name in pairs if kind == "ptr"]

    def row(self, function: int, follows: bool, /, **values: int) -> list[int]:
        """One task; each argument is given by its name, a pointer as a place."""
        found = [0] * ROW
        found[FUNCTION], found[FOLLOWS] = function, follows
        for name, column in self.column.items():
            found[column] = values[name]
        return found

    def table(self, rows: int, function: int, /, **values: Column) -> Array:
        """(rows, ROW): tasks of one function, none of which follows another."""
        # Filled column by column: a list of lists of Python integers takes five times the memory.
        found = np.zeros((rows, ROW), np.int64)
        found[:, FUNCTION] = function
        for name, column in self.column.items():
            found[:, column] = values[name]
        return found

    def task(self, name: str) -> str:
        """The LLVM function ``name.task``, which reads the arguments of ``name`` from a row.

        It takes the address of the row's first argument, and ``bases``.
        """
        pointers = [n for kind, n in zip(self.kinds, self.names, strict=True) if kind == "ptr"]
        numbers = [f"{n}.place" if n in pointers else n for n in self.names]
        body = [loads("arguments.of.task", numbers, ["i64"] * len(numbers))]
        body += map(address_of, pointers)
        body.append(f"  call void @{name}({', '.join(self.arguments)})")
        head = f"define void @{name}.task(ptr %arguments.of.task, ptr %bases) {{"
        return "\n".join([head, *body, "  ret void", "}\n"])


def together(outputs: Sequence[Sequence[tuple[int, int, int]]]) -> list[list[int]]:
    """Groups of tasks that one thread must do in order, because they add to the same numbers.

    Args:
        outputs: of each task the parts that it adds to, as (array, start, end).

    Returns:
        The tasks' indices, group by group, in ascending order within each.
    """
    # Union-find over intervals sorted by their start: one that begins before the furthest end so
    # far overlaps the task that has this end, so comparing with that one alone is enough.
    leader = list(range(len(outputs)))

    def root(k: int) -> int:
        while leader[k] != k:
            k = leader[k]
        return k

    furthest: dict[int, tuple[int, int]] = {}
    parts = sorted((*part, k) for k, several in enumerate(outputs) for part in several)
    for array, start, end, k in parts:
        before, other = furthest.get(array, (start, k))
        if start < before:
            low, high = sorted((root(k), root(other)))
            leader[high] = low  # the lowest index leads, so that groups come in the order of tasks
        furthest[array] = max((end, k), furthest.get(array, (end, k)))
    groups: dict[int, list[int]] = {}
    for k in range(len(outputs)):
        groups.setdefault(root(k), []).append(k)
    return list(groups.values())

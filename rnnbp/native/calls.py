"""Functions that find their arguments in memory: the tasks of threads."""

from __future__ import annotations

from collections.abc import Sequence

NUMBERS = 11
"""Of a task: the address of a function, and what it takes, at most ten numbers or addresses."""


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

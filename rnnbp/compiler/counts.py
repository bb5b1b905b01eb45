"""What a pass did, in words: numbers of operations before and after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from rnnbp.compiler.code import Code
from rnnbp.compiler.operations import GRADIENTS, NEGATIVE, VIEWS
from rnnbp.compiler.partition import partition

Count: TypeAlias = Callable[[Code, Code], str]


def counted(noun: str, *names: str) -> Count:
    """How many operations of these names there were, and are; nothing where as many."""

    def did(before: Code, after: Code) -> str:
        first, then = (sum(op.name in names for op in code.ops) for code in (before, after))
        return "" if first == then else f"{some(first, noun)} → {then}"

    return did


def operations(_: Code, after: Code) -> str:
    """How many there are."""
    return some(len(after.ops), "operation")


def products_in_loop(before: Code, after: Code) -> str:
    """Elementwise products in the time loop."""
    first, then = map(_products_in_loop, (before, after))
    return "" if first == then else f"{first} ⊙ in the loop → {then}"


def _products_in_loop(code: Code) -> int:
    phases = partition(code, code.states, code.nexts)
    return sum(op.name == "mul" and phases[id(op)] == "loop" for op in code.ops)


def negative_sigmoids(_: Code, after: Code) -> str:
    """Sigmoids that take −z."""
    count = sum(op.attr == NEGATIVE for op in after.ops)
    return some(count, "sigmoid") if count else ""


def products_and_gradients(before: Code, after: Code) -> str:
    """Of the backward code."""
    parts = [counted("product", "linear"), counted("gradient", *GRADIENTS)]
    return ", ".join(found for part in parts if (found := part(before, after)))


def joined(before: Code, after: Code) -> str:
    """All operations but views and concats."""
    first, then = (
        sum(op.name not in (*VIEWS, "concat") for op in code.ops) for code in (before, after)
    )
    way = "backward" if any(op.name in GRADIENTS for op in before.ops) else "forward"
    return "" if first == then else f"{first} → {then} {way}"


def nothing(_: Code, __: Code) -> str:
    """For what is no pass over code."""
    return ""


def some(n: int, noun: str) -> str:
    """A number of a noun."""
    return f"{n:,} {noun}" + ("" if n == 1 else "es" if noun.endswith("s") else "s")

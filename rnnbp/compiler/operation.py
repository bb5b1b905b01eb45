"""The record of an operation: all that is known of it but a backend's code."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.seams import ATOM, SUM, Deltas, Formula, Formulas
from rnnbp.numerics import Shape

Kind: TypeAlias = Literal[
    "pointwise", "vector", "rowwise", "product", "view", "move", "gradient", "sum", "drawn", "layer"
]
"""How an operation reads its arguments.

"pointwise": an element of each, all of one shape; "vector": an element, and one of a vector of
parameters; "rowwise": all features of a row; "product": all features, and weights; "view" and
"move" compute nothing; "gradient": all steps of a chunk, for the gradient of parameters; "sum": all
steps, for the delta of a static input; "drawn": no arguments, random numbers that are there before
a chunk runs; "layer" is run by a layer's own methods.
"""
Adjoint: TypeAlias = Callable[[Deltas, Op, int], None]
"""Sends the delta of an operation's first result on to its arguments."""
Shapes: TypeAlias = Callable[[tuple[Shape, ...], object], tuple[Shape, ...]]
"""The shapes of results from those of arguments, and the attribute."""
Notation: TypeAlias = Callable[[Formulas, Op], Formula]
Flops: TypeAlias = Callable[[Op, Values], int]


@dataclass(frozen=True)
class Operation:
    """What is known of an operation, apart from the code that a backend has for it."""

    name: str
    kind: Kind
    arity: int | None
    """Arguments; None for any number."""
    flops: int | Flops
    """FLOPs of one step and sequence: by feature of the first result, or in all."""
    notation: Notation | None = None
    """None for what ``Listing`` writes itself."""
    adjoint: Adjoint | None = None
    """None for what occurs in backward code alone, and for layers."""
    shapes: Shapes = lambda shapes, _: shapes[:1]
    symmetric: bool = False
    """Whether arguments may be exchanged."""
    dear: bool = False
    """Whether a pointwise result is kept for backward even where it could be computed again."""
    still: bool = False
    """Whether it reads a value that is the same at every step as it is, next to one of each
    step, where others take a copy for each step; pointwise operations all do."""

    @property
    def primitive(self) -> bool:
        """Whether layers may lower themselves to it."""
        return self.adjoint is not None


def called(name: str) -> Notation:
    """name(a, b)."""
    return lambda to, op: (f"{name}({', '.join(to.arg(v, SUM) for v in op.args)})", ATOM)


def binary(sign: str, left: int, right: int, holds: int) -> Notation:
    """a sign b; what each side and the whole are held together by."""
    return lambda to, op: (f"{to.arg(op.args[0], left)} {sign} {to.arg(op.args[1], right)}", holds)

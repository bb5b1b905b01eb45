"""The names that generated code has for weights, vectors and numbers."""

from __future__ import annotations

from typing import TypeAlias

from rnnbp.compiler.weights import Matrix, Vector, identity_of

Constant: TypeAlias = Matrix | Vector | float


class Constants:
    """Names of what functions take and do not compute, one for what is equal."""

    def __init__(self) -> None:
        self.named: dict[str, Constant] = {}
        self._known: dict[object, str] = {}

    def name(self, value: Constant) -> str:
        """W3 for a matrix, b2 for a vector, c1 for a number."""
        key = identity_of(value)
        if key not in self._known:
            letter = "W" if isinstance(value, Matrix) else "b" if isinstance(value, Vector) else "c"
            self._known[key] = f"{letter}{len(self.named)}"
            self.named[self._known[key]] = value
        return self._known[key]

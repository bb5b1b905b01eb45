"""How the values, weights and costs of code are written for a reader."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from rnnbp.compiler.code import Code
from rnnbp.compiler.maker import Values
from rnnbp.compiler.op import Op
from rnnbp.compiler.operations import GRADIENTS
from rnnbp.compiler.weights import Matrix, Vector


class Notation:
    """The names of values and weights, in the order in which they are asked for.

    Args:
        names: of the values that have one. codes: those whose values may be met.
    """

    def __init__(self, values: Values, names: Mapping[int, str], codes: Iterable[Code]) -> None:
        self.values, self.names = values, dict(names)
        self.weights: dict[str, Matrix | Vector] = {}
        self._known: dict[object, str] = {}
        self._views: dict[int, tuple[int, int]] = {}
        self._count = 0
        elsewhere = set(names)
        for code in codes:
            for op in code.ops:
                if op.name in ("part", "same"):
                    self._views[op.out] = op.args[0], op.rows[0] if op.name == "part" else 0
            self._place(code, elsewhere | self._views.keys())
            elsewhere |= code.made.keys()

    def _place(self, code: Code, elsewhere: Container[int]) -> None:
        """Values that are put together are made in their place."""
        for op in code.ops:
            at = 0
            for v in op.args if op.name == "concat" and not gathered(op, code) else ():
                if (
                    v in code.made
                    and v not in elsewhere
                    and v not in self._views
                    and code.made[v].name != "concat"
                ):
                    self._views[v] = op.out, at
                at += self.values.rows(v)

    def base(self, v: int) -> tuple[int, int]:
        """The value that a value is rows of, and the first of them."""
        row = 0
        while v in self._views:
            v, at = self._views[v]
            row += at
        return v, row

    def is_rows(self, v: int) -> bool:
        """Whether a value is rows of another."""
        return v in self._views

    def __getitem__(self, v: int) -> str:
        """A value as v3, or its rows as v3[0:4]; a new one gets its name."""
        base, row = self.base(v)
        if base not in self.names:
            self._count += 1
            self.names[base] = f"v{self._count}"
        rows = self.values.rows(v)
        return self.names[base] + (
            "" if rows == self.values.rows(base) else f"[{row}:{row + rows}]"
        )

    def weight(self, letter: str, value: Matrix | Vector) -> str:
        """W0 for a stack of weights, b0 for biases, a0 for gains, G0 for gradients."""
        lanes = (
            (*(lane.identity for lane in value.lanes),)
            if isinstance(value, Matrix)
            else value.identity
        )
        if (letter, lanes) not in self._known:
            name = f"{letter}{sum(known[0] == letter for known in self.weights)}"
            self._known[letter, lanes], self.weights[name] = name, value
        return self._known[letter, lanes]


def gathered(op: Op, code: Code) -> bool:
    """Whether values are put together for the gradients of parameters alone."""
    users = [user for user in code.ops if op.out in user.args]
    return bool(users) and all(user.name in GRADIENTS for user in users)

"""The primitive operations that a layer can lower itself to, so that the compiler sees into it."""

from __future__ import annotations

from typing import Protocol

from rnnbp.numerics import Array, Shape


class Primitives(Protocol):
    """Operations on the values of one step, each a number; all give the number of a new value.

    Parameters are named by the dict that holds them and a key, for they are updated in place.
    """

    def shape(self, x: int) -> Shape:
        """The feature shape of a value."""

    def apply(self, name: str, *xs: int, attr: object = None) -> int:
        """The first result of a primitive by its name in ``rnnbp.compiler.operations``.

        Args:
            attr: what the primitive needs apart from values, None for nothing.
        """

    def linear(self, x: int, owner: dict[str, Array], key: str) -> int:
        """W x, x (n,), W (m, n)."""

    def fixed_product(self, w: int, x: int) -> int | None:
        """W x of a W (m, n) that is a function of parameters alone; None for another W."""

    def bias(self, x: int, owner: dict[str, Array], key: str) -> int:
        """x + b, both (n,)."""

    def gain(self, x: int, owner: dict[str, Array], key: str) -> int:
        """x ⊙ w, both (n,)."""

    def add(self, a: int, b: int) -> int:
        """a + b, of one shape."""

    def sub(self, a: int, b: int) -> int:
        """a − b, of one shape."""

    def mul(self, a: int, b: int) -> int:
        """a ⊙ b, of one shape."""

    def scale(self, x: int, factor: float, shift: float = 0.0) -> int:
        """factor · x + shift."""

    def tanh(self, x: int) -> int: ...

    def sigmoid(self, x: int) -> int: ...

    def relu(self, x: int) -> int:
        """max(x, 0), derivative 0 at 0."""

    def part(self, x: int, start: int, stop: int) -> int:
        """Features start to stop − 1 of x (n,)."""

    def concat(self, *xs: int) -> int:
        """Values (n_k,) side by side."""

    def normal(self, x: int, eps: float) -> int:
        """(x − mean x) / √(var x + eps), x (n,)."""

    def softmax(self, x: int) -> int:
        """eˣ / Σ eˣ, x (n,)."""

    def same(self, x: int, shape: Shape) -> int:
        """x in another feature shape, of as many features."""

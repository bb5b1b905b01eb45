"""The primitive operations that a layer can lower itself to, so that the compiler sees into it."""

from __future__ import annotations

from typing import Literal, Protocol, TypeAlias

from rnnbp.numerics import Array, Shape
from rnnbp.rng import Per

Numbers: TypeAlias = Literal["uniform", "normal"]
"""Uniform in [0, 1), or of mean 0 and variance 1."""


class Primitives(Protocol):
    """Operations on the values of one step, each a number; all give the number of a new value.

    Parameters are named by the dict that holds them and a key, for they are updated in place.
    Methods with a body are ``apply`` under another name, and need not be written again.
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
        """a + b, of one shape, or with a last axis of 1."""
        return self.apply("add", a, b)

    def sub(self, a: int, b: int) -> int:
        """a − b, likewise."""
        return self.apply("sub", a, b)

    def mul(self, a: int, b: int) -> int:
        """a ⊙ b, likewise."""
        return self.apply("mul", a, b)

    def times(self, x: int, constants: Array) -> int:
        """x ⊙ a, an array of constants that is repeated to x's shape."""

    def plus(self, x: int, constants: Array) -> int:
        """x + a, likewise."""

    def scale(self, x: int, factor: float, shift: float = 0.0) -> int:
        """factor · x + shift."""
        return x if (factor, shift) == (1, 0) else self.apply("scale", x, attr=(factor, shift))

    def at_least(self, x: int, least: float) -> int:
        """1 where x ≥ ``least``, else 0, of the real part; derivative 0."""
        return self.apply("at_least", x, attr=least)

    def where(self, x: int, least: float, a: int, b: int) -> int:
        """a where x ≥ ``least``, else b; all of one shape, x without a derivative."""
        return self.apply("where", x, a, b, attr=least)

    @property
    def training(self) -> bool:
        """False in evaluation mode, in which a random layer usually draws nothing. The layer is
        lowered in both modes."""

    def random(
        self, numbers: Numbers, like: int | Shape, *, per: Per = "step", draw: int = 0
    ) -> int:
        """Random numbers, those that ``context.uniform`` or ``context.normal`` draw in ``forward``.

        Args:
            numbers: "uniform" in [0, 1), or "normal", of mean 0 and variance 1.
            like: a value whose feature shape they have, or that shape.
            per: "step" for new numbers at every step, "sequence" for the same at all steps.
            draw: 0, 1, ...: each value draws different numbers.
        """

    def penalty(self, x: int, factor: int, l1: float, l2: float) -> int:
        """x; factor ⊙ (l1 · |x| + l2 · x²) is added to the loss. The factor is a value of the run,
        of x's shape, and its delta the sum of what is in brackets."""

    def tanh(self, x: int) -> int:
        return self.apply("tanh", x)

    def sigmoid(self, x: int) -> int:
        return self.apply("sigmoid", x)

    def relu(self, x: int) -> int:
        """max(x, 0), derivative 0 at 0."""
        return self.apply("relu", x)

    def part(self, x: int, start: int, stop: int) -> int:
        """Features start to stop − 1 of x (n,)."""

    def concat(self, *xs: int) -> int:
        """Values (n_k,) side by side."""

    def additive(self, keys: int, query: int, owner: dict[str, Array], key: str) -> int:
        """w · tanh(k + query) of each of S lines k of keys (S · n,), query and w (n,): (S,)."""

    def normal(self, x: int, eps: float) -> int:
        """(x − mean x) / √(var x + eps), x (n,)."""
        return self.apply("normal", x, attr=eps)

    def softmax(self, x: int) -> int:
        """eˣ / Σ eˣ, x (n,)."""
        return self.apply("softmax", x)

    def same(self, x: int, shape: Shape) -> int:
        """x in another feature shape, of as many features."""

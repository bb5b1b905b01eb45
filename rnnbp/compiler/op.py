"""A primitive operation on the values of one step."""

from __future__ import annotations

from dataclasses import dataclass

from rnnbp.compiler.weights import Identity, Matrix, Vector, identity_of
from rnnbp.graph.graph import Node
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape


@dataclass(frozen=True, eq=False)
class Opaque:
    """A node whose layer is run by its own methods."""

    node: Node
    layer: Layer
    shapes: tuple[Shape, ...]
    """Feature shapes of its inputs."""


@dataclass(frozen=True, slots=True, eq=False)
class Op:
    """An operation: its name, the numbers of its arguments and of its results.

    ``attr`` depends on the name, and is read by the property of its kind: ``matrix``, ``vector``,
    ``rows``, ``affine``, ``opaque``; operations of one number have it as it is.
    """

    name: str
    args: tuple[int, ...]
    outs: tuple[int, ...]
    attr: object = None

    def on(self, args: tuple[int, ...]) -> Op:
        """The same operation on other arguments; itself where they are its own."""
        return self if args == self.args else Op(self.name, args, self.outs, self.attr)

    @property
    def out(self) -> int:
        """The first result."""
        return self.outs[0]

    @property
    def identity(self) -> Identity:
        """Equal for operations that compute the same values."""
        return self.name, self.args, identity_of(self.attr)

    @property
    def matrix(self) -> Matrix:
        """The weights of a product, or those whose gradient it is."""
        assert isinstance(self.attr, Matrix), self
        return self.attr

    @property
    def vector(self) -> Vector:
        """The vector of a bias or gain, or the one whose gradient it is."""
        assert isinstance(self.attr, Vector), self
        return self.attr

    @property
    def rows(self) -> tuple[int, int]:
        """Of a part, its first row and that after its last."""
        assert isinstance(self.attr, tuple), self
        start, stop = self.attr
        return start, stop

    @property
    def affine(self) -> tuple[float, float]:
        """Factor and shift of a scale."""
        assert isinstance(self.attr, tuple), self
        factor, shift = self.attr
        return factor, shift

    @property
    def number(self) -> float:
        """The one number of an operation, as eps."""
        assert isinstance(self.attr, float | int), self
        return self.attr

    @property
    def forward(self) -> Op:
        """The operation that runs a layer forward: this one, or the one whose backward it is."""
        return self.attr.forward if isinstance(self.attr, OpaqueBack) else self

    @property
    def opaque(self) -> Opaque:
        """The layer that an operation runs, forward or backward."""
        found = self.forward.attr
        assert isinstance(found, Opaque), self
        return found

    @property
    def present(self) -> tuple[bool, ...]:
        """Of a layer's backward: for each output of the layer, whether it has a delta."""
        assert isinstance(self.attr, OpaqueBack), self
        return self.attr.present


@dataclass(frozen=True, slots=True, eq=False)
class OpaqueBack:
    """The attribute of a layer's backward: its forward operation, and the deltas there are."""

    forward: Op
    present: tuple[bool, ...]

"""The abstract classes of what makes a backend's runners and of what runs layers outside cells."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from rnnbp.graph.layout import Layout
from rnnbp.layers.base import Layer
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Array, Dtype, Saved, Shape
from rnnbp.runners.base import Runner
from rnnbp.runners.bound import BoundCall
from rnnbp.runners.layer_deltas import Into
from rnnbp.runners.runner_sizes import RunnerSizes
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.workspace import Workspace


class LayerRunner(ABC):
    """Runs a layer with an input and an output outside cells: a Dense, a convolution, pooling.

    ``forward`` and ``backward`` keep a table of tasks for the number of rows of x, unless ``once``,
    for a number that hardly comes again.
    """

    @abstractmethod
    def takes(self, *arrays: object) -> bool:
        """True if each of these is an array that it can read: of its dtype, and contiguous."""

    def prepare(self) -> None:  # noqa: B027 (most read parameters as they are)
        """Take the memory that it uses in a whole run, and read the weights as they are now."""

    def renew(self) -> None:  # noqa: B027
        """Read the weights again, if an earlier run has used them."""

    @abstractmethod
    def forward(self, x: Array, *, once: bool = False) -> tuple[Array, Saved]:
        """(y of x, what the layer saves), in memory of their own: as of ``Layer.forward``."""

    def bound(self, x: Array, y: Array) -> BoundCall | None:
        """``forward`` from x to y as a record that runs again and again; None as of runners."""
        return None

    @abstractmethod
    def backward(
        self, saved: Saved, dy: Array, grads: Accumulator, into: Into = (), *, once: bool = False
    ) -> Array:
        """dx from dy, of the shapes of x and y; adds the parameters' gradients to ``grads``.

        Args:
            into: where dx may lie: one array, or None or nothing for memory of its own.
        """


class LayerSizes(ABC):
    """What a ``LayerRunner`` holds and needs, in bytes."""

    in_rounds: ClassVar[bool] = False
    """True if its runner is a ``LayerTurns``."""

    @property
    @abstractmethod
    def weight_bytes(self) -> int:
        """Held for a whole run: packed weights, and a copy of the bias."""

    @abstractmethod
    def task_bytes(self, lead: int, shape: Shape) -> int:
        """The table of tasks that either direction makes, and keeps, for inputs (lead, *shape)."""


class RunnerFactory(ABC):
    """Makes the runners of one model for one backend.

    Args:
        workspace: the memory that its runners share. without: names of the compiler's rules that
            are left out. short: whether tapes are of 16 bits.
    """

    def __init__(
        self, workspace: Workspace, without: frozenset[str] = frozenset(), *, short: bool = False
    ) -> None:
        self.workspace, self.without, self.short = workspace, without, short

    @classmethod
    @abstractmethod
    def sizes(
        cls,
        layout: Layout,
        without: frozenset[str],
        symbols: Symbols | None,
        *,
        short: bool = False,
    ) -> RunnerSizes | None:
        """The sizes of the runner of a cell; None where this backend cannot run it.

        Args:
            without, short: as of the factory.
            symbols: the layer whose output, and nothing else, is the cell's x; None where x comes
                from elsewhere.
        """

    @abstractmethod
    def runner(self, layout: Layout, symbols: Symbols | None) -> Runner | None:
        """The runner of a cell; arguments and None as for ``sizes``."""

    @classmethod
    def layer_sizes(cls, layer: Layer, dtype: Dtype) -> LayerSizes | None:
        """The sizes of what runs a layer outside cells; None where its own methods run it."""
        return None

    def layer(self, layer: Layer, dtype: Dtype, *, brief: bool) -> LayerRunner | None:
        """What runs a layer outside cells, None as for ``layer_sizes``.

        Args:
            brief: True if its output does not outlive the action that makes it.
        """
        return None

    @classmethod
    def threads(cls) -> int:
        """The threads that its runners may use now."""
        return 1

    def pack(self) -> None:  # noqa: B027 (most have none to pack)
        """Pack the weights of all runners that were prepared or renewed since the last call."""

"""Chains of layers."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Self, SupportsIndex, TypeAlias, overload

from rnnbp.graph.attention import Attention
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Application, Input, Value
from rnnbp.layers import __all__ as layer_names
from rnnbp.layers.base import Layer
from rnnbp.naming import with_name
from rnnbp.numerics import ShapeError, shown
from rnnbp.wording.of_torch import instead_of_torch

FAR = 25
"""Chains in one another that are pickled by recursion, of four calls each."""
Item: TypeAlias = Layer | Graph | Recurrent | OverTime
"""What a chain is made of."""
Reduced: TypeAlias = tuple[object, ...]
"""What objects are pickled as: what makes them, its arguments, their attributes."""


def _built(block: object) -> str:
    """What to do instead of giving a Sequential something that is no layer."""
    if isinstance(block, (list, tuple)):
        return "give them one by one, Sequential(*layers)"
    if isinstance(block, Attention) or block is Attention:
        return "it looks up a memory by a query: call it on values, in a Cell or a Graph"
    name = getattr(block, "__name__", "")
    known = {each.casefold(): each for each in layer_names}
    return f"give {known[name.casefold()]}()" if name.casefold() in known else "build it first"


class Sequential(Graph):
    """Layers, Recurrents and graphs in a chain, each applied to the output of the one before.

    Args:
        blocks: layers, Recurrents and graphs of one input and one output, and Last, MeanOverTime
            or MaxOverTime, after which all is static.
        name: the first part of its parameters' paths in a network that holds it.

    >>> import rnnbp as rb
    >>> encoder = rb.LSTM(3, 4, bias=False, name="encoder")
    >>> list(rb.Sequential(encoder, rb.Tanh(), rb.Dense(4, 2)).params)
    ['encoder.weight_ih', 'encoder.weight_hh', '2.weight', '2.bias']

    ``model[0]`` is a layer, ``model[1:]`` a chain of the same layers with the same parameters.
    """

    def __init__(self, *blocks: Item, name: str | None = None) -> None:
        if not blocks:
            raise ValueError("Sequential is empty; give it at least one layer")
        x = value = Input()
        for k, block in enumerate(blocks):
            if not isinstance(block, (Layer, Network, OverTime)):
                found = instead_of_torch(block) or f"{shown(block)}, not a layer; {_built(block)}"
                raise TypeError(f"Sequential: item {k} is {found}")
            if isinstance(block, Graph) and len(block.input_shapes) != 1:
                cure = "join them in a Graph"
                if block.suffixes:  # a Cell
                    cure = "a Cell is one step: give Recurrent(cell), which runs it over the steps"
                raise TypeError(
                    f"Sequential: item {k}, {block}, has {len(block.input_shapes)} inputs; {cure}"
                )
            try:
                value = block(value)
            except ShapeError as error:
                raise ShapeError(f"Sequential, item {k}: {error}") from None
            if not isinstance(value, Value):
                found = f"Sequential: item {k}, {block}, has several outputs"
                raise ShapeError(f"{found}; use Graph to say where each goes")
        self.blocks = blocks
        super().__init__(x, value, name=name)

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> Sequential: ...
    def __getitem__(self, at: int | slice) -> Item:
        """A layer by its place, or a chain of some of them, which share their parameters."""
        try:
            found = self.blocks[at]
        except (IndexError, TypeError) as error:
            count = len(self.blocks)
            raise type(error)(
                f"Sequential: layers have the numbers 0 to {count - 1}, found {shown(at)}"
            ) from None
        return Sequential(*found) if isinstance(found, tuple) else found

    def _children(self, uses: Iterable[Application]) -> Iterable[tuple[str, Layer | Network]]:
        return [
            (str(k), block)
            for k, block in enumerate(self.blocks)
            if isinstance(block, Layer | Network)
        ]

    def __repr__(self) -> str:
        found, waiting = list[str](), list[object]([self])
        while waiting:  # no recursion, because chains may be nested hundreds deep
            item = waiting.pop()
            if isinstance(item, Sequential):
                inner = [part for block in item.blocks for part in (", ", block)][1:]
                end = with_name("Sequential( )", item.name).removeprefix("Sequential( ")
                waiting += [end, *reversed(inner), "Sequential("]
            else:
                found.append(item if isinstance(item, str) else repr(item))
        return "".join(found)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        chains, waiting = list[Sequential](), list[Sequential]([self])
        while waiting:
            chains.append(chain := waiting.pop())
            waiting += [b for b in chain.blocks if isinstance(b, Sequential) and id(b) not in memo]
        for inner in reversed(chains[1:]):  # the innermost first: those within it are copied then
            copy.deepcopy(inner, memo)
        return super().__deepcopy__(memo)

    def __reduce_ex__(self, protocol: SupportsIndex) -> Reduced:
        """As objects are pickled, but chains far within come first: pickle recurses no deeper."""
        found = super().__reduce_ex__(protocol)
        assert isinstance(found, tuple)
        how, given, *rest = found
        first = self._far_within()
        return (_restored, (first, how, given), *rest) if first else (how, given, *rest)

    def _far_within(self) -> list[Sequential]:
        """The chains within, each ``FAR`` chains above the next, the innermost first."""
        below: dict[int, tuple[int, Sequential]] = {}
        waiting = [(self, False)]
        while waiting:
            chain, ready = waiting.pop()
            inner = [block for block in chain.blocks if isinstance(block, Sequential)]
            if ready:
                below[id(chain)] = 1 + max((below[id(b)][0] for b in inner), default=-1), chain
            elif id(chain) not in below:
                waiting += [(chain, True), *((b, False) for b in inner)]
        every = [chain for depth, chain in below.values() if depth and depth % FAR == 0]
        return [chain for chain in every if chain is not self]


def _restored(_: list[Sequential], how: Callable[..., Sequential], given: Reduced) -> Sequential:
    """Rebuilds a chain from a pickle, after those far within."""
    return how(*given)

"""A sweep before its graph is written."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple, TypeAlias, final

from rnnbp.graph.graph import Node
from rnnbp.sweeps.stage import Ending, Source

Key: TypeAlias = tuple[int, bool | None]
"""A number of a node or of a value, and whether in the reverse direction; None if it is no series."""


class Instance(NamedTuple):
    """A node of the network that runs in a sweep, in a direction if its values are series."""

    node: Node
    reverse: bool | None

    @property
    def key(self) -> Key:
        """What tells it from others of the sweep."""
        return self.node.number, self.reverse


@final
class Draft:
    """A sweep before its graph is written: what runs, what it takes, what becomes of its values."""

    def __init__(self, level: int, axis: str) -> None:
        self.level, self.axis = level, axis
        self.instances: dict[Key, Instance] = {}
        self.sources: dict[Source, None] = {}
        self.endings: dict[Key, Ending] = {}
        self.aliases: dict[int, int] = {}
        """By number of a value that is not computed here, that of a value equal to it."""

    def source(self, source: Source) -> None:
        """Add an input, unless it is there."""
        self.sources.setdefault(source)

    def end(
        self,
        value: int,
        *,
        reverse: bool,
        edge: bool = False,
        result: bool = False,
        reduction: Node | None = None,
    ) -> None:
        """Add to what becomes of a value."""
        known = self.endings.get((value, reverse), Ending(value, reverse))
        more = () if reduction is None else (reduction,)
        self.endings[value, reverse] = replace(
            known,
            edge=known.edge or edge,
            result=known.result or result,
            reductions=(*known.reductions, *more),
        )

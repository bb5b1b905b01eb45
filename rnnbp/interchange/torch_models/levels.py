"""Recurrent layers as one module of PyTorch, several as one with ``num_layers``."""

from __future__ import annotations

from typing import NamedTuple

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Item, Sequential
from rnnbp.interchange.torch_models.recurrent import CELLS
from rnnbp.layers import Dropout
from rnnbp.layers.random_layer import RandomLayer

NOT_THERE = {
    "peepholes": False,
    "layer_norm": False,
    "coupled": False,
    "reset_after": True,
    "leak": 1.0,
}
"""Options that PyTorch has not, with the value that its cells have."""


class Level(NamedTuple):
    """What ``nn.LSTM`` and the like take, of one level; levels of one module differ in n_in alone.

    Attributes:
        kind: "LSTM", "GRU" or "RNN".
        n_in, n, projection: features of x, units, and features of h where they are others, else 0.
        both: True for both directions.
        bias, activation: as here.
    """

    kind: str
    n_in: int
    n: int
    projection: int
    both: bool
    bias: bool
    activation: str

    @property
    def width(self) -> int:
        """Features of the output."""
        return (self.projection or self.n) * (1 + self.both)


def level_of(block: Item) -> Level | str:
    """The level that a block is; else what PyTorch does not have of it."""
    if isinstance(block, Bidirectional):
        first, second = _direction(block.forward), _direction(block.backward)
        if isinstance(first, str) or isinstance(second, str):
            return first if isinstance(first, str) else str(second)
        if block.merge != "concat":
            return f"merge={block.merge!r}"
        return first._replace(both=True) if first == second else "directions that differ"
    assert isinstance(block, Recurrent)
    return "reverse=True without the other direction" if block.reverse else _direction(block)


def levels_of(chain: Graph) -> tuple[list[Level], float] | None:
    """The levels and the rate of Dropout of a Sequential that is one module of PyTorch, or None.

    They have no names, as their weights are numbered, and between them is Dropout, or nothing.
    """
    blocks = [*chain.blocks] if isinstance(chain, Sequential) else []
    recurrent = [block for block in blocks if isinstance(block, Recurrent | Bidirectional)]
    between = [block for block in blocks if isinstance(block, Dropout)]
    several = len({id(block) for block in recurrent}) == len(recurrent) > 1
    if not several or any(block.name for block in recurrent):
        return None
    rates = {block.p for block in between if block.per == "step"}
    if blocks != _woven(recurrent, between) or len(rates) != bool(between):
        return None
    levels = [level for block in recurrent if not isinstance(level := level_of(block), str)]
    alike = {level._replace(n_in=levels[0].width) for level in levels[1:]}
    if len(levels) < len(recurrent) or alike != {levels[0]._replace(n_in=levels[0].width)}:
        return None
    fits = all(level.n_in == levels[0].width for level in levels[1:])
    return (levels, next(iter(rates), 0.0)) if fits else None


def _woven(recurrent: list[Recurrent | Bidirectional], between: list[Dropout]) -> list[Item]:
    """One of the others behind each recurrent layer but the last, or none."""
    if len(between) not in (0, len(recurrent) - 1):
        return []
    found: list[Item] = []
    for k, block in enumerate(recurrent):
        found += [block, *between[k : k + 1]]
    return found


def _direction(block: Recurrent) -> Level | str:
    made = block.cell.made
    if made is None or made.kind not in CELLS:
        return "a cell that is not RNN, LSTM or GRU"
    options = made.options
    for key, usual in NOT_THERE.items():
        if options.get(key) not in (None, usual):
            return f"{key}={options[key]!r}"
    if block.initial:
        return "initial='learned'"
    for layer in block.cell.layers:
        if isinstance(layer, RandomLayer):
            return f"{layer.name} within its cell"
    size, bias = int(options.get("projection") or 0), bool(options["bias"])
    activation = str(options.get("activation", "tanh"))
    return Level(made.kind, made.n_in, made.n, size, False, bias, activation)

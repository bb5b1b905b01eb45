"""Recurrent layers that PyTorch does not have, though names of their weights may be the same."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.graph.network import Network
from rnnbp.graph.recurrent import Recurrent
from rnnbp.train.torch_names import NUMBERED
from rnnbp.ways.way import BUILT_IN

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
"""Of the cells that PyTorch has, the vectors that ``weight_ih`` stacks."""


def check_counterparts(place: str, model: object, *, reads: bool = False) -> None:
    """Raise ValueError for a cell that PyTorch has not, whose weights would stand for another's.

    Args:
        reads: True where weights are read: then a GRU(reset_after=False) is left to the check of
            names, whose error has more to say.
    """
    for cell in _cells(model):
        if "weight_hm" in cell.params:
            if not reads:
                cure = "build it with reset_after=True, or give a dict of names"
                raise ValueError(
                    f"{place}: GRU(reset_after=False) has no counterpart in PyTorch; {cure}"
                )
        elif not _is_torchs(cell):
            raise ValueError(
                f"{place}: {cell} has no counterpart in PyTorch; give rename a dict of names, or "
                "leave it out"
            )


def _cells(model: object) -> Iterator[Recurrent]:
    """The cells of the library whose parameters have names that PyTorch has too."""
    if isinstance(model, Recurrent):
        named = {"weight_ih", "weight_hh"} <= {*model.params}
        if named and model.cell.name.partition("(")[0] in BUILT_IN.split():
            yield model
    elif isinstance(model, Network):
        for layer in model.layers:
            yield from _cells(layer)


def _is_torchs(cell: Recurrent) -> bool:
    params, kind = cell.params, cell.cell.name.partition("(")[0]
    units = params.get("weight_hr", params["weight_hh"]).shape[-1]
    others = params.keys() - {*NUMBERED, *cell.initial}
    return not others and GATES.get(kind, 0) * units == len(params["weight_ih"])

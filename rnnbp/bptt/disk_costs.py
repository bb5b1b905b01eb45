"""The seconds that checkpoints on disk take, measured in the folder where they will be."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np

from rnnbp.bptt.measuring import timed
from rnnbp.bptt.slots import Slots
from rnnbp.inputs.states import States
from rnnbp.ledger import Ledger
from rnnbp.planning.costs import Costs
from rnnbp.storage import PathLike


def with_disk(costs: Costs, slot: int, folder: PathLike | None, repeats: int = 5) -> Costs:
    """``costs`` with medians of writing and reading a checkpoint of ``slot`` bytes on disk."""
    if {"write", "read"} <= costs.fixed.keys():
        return costs
    states = ((np.zeros(max(1, slot), np.uint8),),)
    taken: dict[str, list[float]] = {"write": [], "read": []}
    with closing(Slots(Ledger(), folder)) as slots:
        for n in range(repeats):
            taken["write"].append(timed(partial(_written, slots, n, states))[0])
            taken["read"].append(timed(partial(slots.load, n))[0])
            slots.drop(n)
    return replace(
        costs, fixed=costs.fixed | {kind: median(found) for kind, found in taken.items()}
    )


def _written(slots: Slots, n: int, states: States) -> None:
    slots.store(n, states, "disk")
    slots.release_written()

"""Parameter values that Recurrents take: read once a run, and their deltas summed over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.compiler.leaves import key_of, owners
from rnnbp.graph.cell import Cell
from rnnbp.graph.model_split import Parts
from rnnbp.graph.recurrent import Recurrent
from rnnbp.layers.parameter import PARAMETER
from rnnbp.numerics import Array
from rnnbp.runners.base import Runner


def leaves(parts: Parts) -> Iterator[tuple[int, Cell, dict[int, int]]]:
    """By node that has some: its number, its cell, and by input of that the value of the model."""
    for node in parts.recurrent if parts.fixed else ():
        block = node.block
        assert isinstance(block, Recurrent)
        found = {at: k for at, k in enumerate(node.args) if block.cell.pers[at] == "run"}
        if found:
            yield node.number, block.cell, found


def give_leaves(parts: Parts, programs: Mapping[int, Runner], values: Mapping[int, Array]) -> None:
    """Let runners read them, before weights are packed."""
    for number, _, found in leaves(parts):
        programs[number].take({at: values[k] for at, k in found.items()})


def drop_leaves(parts: Parts, programs: Mapping[int, Runner]) -> None:
    """Let runners that wait for another run hold none."""
    for number, _, _ in leaves(parts):
        programs[number].take({})


def place_leaves(parts: Parts, grads: Accumulators) -> None:
    """Let runners that read them as parameters add to the sums of their deltas.

    Those of a parameter as it is are the sums of its gradient.
    """
    for k, layer in parts.direct.items():
        grads.fixed[k] = grads.at(layer.params, PARAMETER)
    for _, cell, found in leaves(parts):
        for at, k in found.items():
            if k in grads.fixed:
                grads.place(owners.of(cell), key_of(at), grads.fixed[k])

"""The kernels of a cell for inputs of some shapes, made once, and their sizes."""

from __future__ import annotations

import math
from typing import TypeAlias
from weakref import ref

from rnnbp.compiler.lowering import tied
from rnnbp.compiler.step import step_code
from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.runners.llvm.cell import KernelCell
from rnnbp.runners.llvm.sizes import KernelSizes
from rnnbp.support.memo import Recent
from rnnbp.support.prepared import Remembered

UNLIKE = frozenset({"scaled tanh"})
"""Rules that kernels do without: their sigmoid takes half the time of their tanh."""


Key: TypeAlias = tuple[object, ...]

_known = Remembered[Cell, Recent[Key, KernelCell | None]](lambda cell: Recent(16))


def kernel_sizes(
    layout: Layout,
    without: frozenset[str] = frozenset(),
    symbols: int = 0,
    *,
    short: bool = False,
) -> KernelSizes | None:
    """The sizes of a cell's kernels, made once; None where a layer runs as Python, or if complex.

    Args:
        symbols: how many there are where x is the vectors of symbols alone. They are looked up
            where the cell takes x by one product, and the table is no larger than its weights: no
            more symbols than inputs and states.
        short: whether tapes are of 16 bits.
    """
    rows = sum(map(math.prod, layout.x_shapes)) + sum(map(math.prod, layout.cell.state_shapes))
    known, alone = _known.of(layout.cell), layout.cell.n_inputs == 1
    looks_up = alone and 0 < symbols <= rows
    key = layout.x_shapes, layout.dtype, without, looks_up, tied(layout.cell), layout.draws, short
    make = _looking_up if looks_up else _kernels
    found = known.get(key, lambda: make(layout, without, short))
    return None if found is None else KernelSizes(layout, found, symbols * found.symbols)


def _kernels(layout: Layout, without: frozenset[str], short: bool) -> KernelCell | None:
    step = step_code(
        layout.cell, layout.x_shapes, without | UNLIKE, lanes=True, training=layout.draws
    )
    opaque = step.forward.opaque or layout.dtype.kind != "f"
    return None if opaque else KernelCell(step, layout.dtype, ref(layout.cell), short=short)


def _looking_up(layout: Layout, without: frozenset[str], short: bool) -> KernelCell | None:
    """Kernels with a table, if the cell takes x by one product, else without."""
    plain = kernel_sizes(layout, without, short=short)
    if plain is None or not plain.cell.by_product:
        return None if plain is None else plain.cell
    made = KernelCell(plain.step, layout.dtype, ref(layout.cell), symbols=True, short=short)
    return made if len(KernelSizes(layout, made, 1).tables) == 1 else plain.cell

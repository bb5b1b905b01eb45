"""The kernels of cells, compiled once for the same shapes and options."""

from __future__ import annotations

import math
from typing import TypeAlias
from weakref import ref

from rnnbp.compiler.lowering import tied
from rnnbp.compiler.step import step_code
from rnnbp.graph.cell import Cell
from rnnbp.graph.layout import Layout
from rnnbp.machine import bfloat16
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
    pairs: bool = False,
    short: bool = False,
) -> KernelSizes | None:
    """The sizes of a cell's kernels, made once; None where a layer runs as Python, or if complex.

    Args:
        symbols: how many there are where x is the vectors of symbols alone. They are looked up
            where the cell takes x by one product, and the table is no larger than its weights: no
            more symbols than inputs and states.
        pairs: whether products are of numbers rounded to bfloat16. short: whether tapes are of 16
            bits.
    """
    rows = sum(map(math.prod, layout.x_shapes)) + sum(map(math.prod, layout.cell.state_shapes))
    known, alone = _known.of(layout.cell), layout.cell.n_inputs == 1
    looks_up = alone and 0 < symbols <= rows
    native = pairs and bfloat16.native()
    key = (
        layout.x_shapes, layout.dtype, without, looks_up, tied(layout.cell), layout.draws, pairs,
        native, short,
    )  # fmt: skip

    def make() -> KernelCell | None:
        how = {"pairs": pairs, "native": native, "short": short}
        return (_looking_up if looks_up else _kernels)(layout, without, **how)

    found = known.get(key, make)
    return None if found is None else KernelSizes(layout, found, symbols * found.symbols)


def _kernels(
    layout: Layout, without: frozenset[str], *, pairs: bool, native: bool, short: bool
) -> KernelCell | None:
    step = step_code(
        layout.cell, layout.x_shapes, without | UNLIKE, lanes=True, training=layout.draws
    )
    if step.forward.opaque or layout.dtype.kind != "f":
        return None
    return KernelCell(step, layout.dtype, ref(layout.cell), pairs=pairs, native=native, short=short)


def _looking_up(
    layout: Layout, without: frozenset[str], *, pairs: bool, native: bool, short: bool
) -> KernelCell | None:
    """Kernels with a table, if the cell takes x by one product, else without."""
    plain = kernel_sizes(layout, without, pairs=pairs, short=short)
    if plain is None or not plain.cell.by_product:
        return None if plain is None else plain.cell
    given, of = (plain.step, layout.dtype), ref(layout.cell)
    made = KernelCell(*given, of, symbols=True, pairs=pairs, native=native, short=short)
    return made if len(KernelSizes(layout, made, 1).tables) == 1 else plain.cell

"""A cell explained: what the compiler makes of it, and what threads share of a step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from rnnbp.compiler.explain import asked, explained, layout_of
from rnnbp.compiler.explanation import Explanation
from rnnbp.compiler.once import within
from rnnbp.graph.layout import Layout
from rnnbp.graph.recurrent import Recurrent
from rnnbp.machine.availability import installed
from rnnbp.numerics import Shape
from rnnbp.runners.backend import kernels
from rnnbp.wording.arguments import takes


@takes()
def explain(
    cell: object,
    *,
    batch: int = 1,
    x_shape: Shape | Mapping[str, Shape] | None = None,
    without: Iterable[str] = (),
) -> Explanation:
    """The code that the compiler makes for a cell, to read: ``print(rb.explain(rb.LSTM(2, 3)))``.

    It lists each rule and what it did, the operations forward and backward, what is kept for
    backward, bytes and floating-point operations of a step, and what threads share of it. Cells
    that show the same program run the same code.

    Args:
        cell: a Recurrent, a Cell, or a network with one Recurrent.
        batch: B, for the sums.
        x_shape: feature shape of the input of ``cell``, () for symbols; of several inputs a dict by
            name, of those that do not say their shape. None if the cell declares it.
        without: rules to leave out, by the names in the text.

    Returns:
        An ``Explanation``.

    Raises ShapeError for an unknown shape of x, TypeError for a model without a cell, ValueError
    for an unknown rule, or for several Recurrents.

    >>> import rnnbp as rb
    >>> found = rb.explain(rb.LSTM(64, 128))
    >>> found.dtype, found.opaque
    ('float32', ())
    """
    found, shapes, rows, off = asked(cell, batch, x_shape, without)
    layout = layout_of(found, within(Recurrent(found), shapes), rows)
    return replace(explained(found, shapes, rows, off), units_up_to=_units_up_to(layout, off))


def _units_up_to(layout: Layout, off: frozenset[str]) -> tuple[int, int] | None:
    """As of ``Explanation``."""
    found = kernels().sizes(layout, off, None) if installed() else None
    return None if found is None else (found.units_up_to(), found.units_up_to(back=True))

"""Cells that run as Python though "llvm" was named in the call: one warning for each.

``rnnbp.explain`` says the same. Without a name nothing is warned of: the choice was the library's.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from rnnbp.compiler.opaque import python_layers
from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.layout import layouts
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.layers.base import Layer
from rnnbp.numerics import Shape
from rnnbp.runners.backend import Backend
from rnnbp.support.callers import outside
from rnnbp.support.prepared import Remembered

_looked = Remembered[Cell, bool](lambda cell: False)
"""Whether a cell has been looked at: a run of known cells costs one look-up for each."""
_told = Remembered[Layer, bool](lambda layer: False)
"""Whether a layer has been named in a warning: cells are written anew for rows that end or reset."""


def warn_of_python(
    model: Graph, shapes: Sequence[Shape], backend: Backend, *, training: bool
) -> None:
    """Warn once of each cell that has layers without ``lower``, where kernels were named.

    Args:
        model: as it is run.
        shapes: feature shapes of its inputs.
        backend: as it was passed in the call, by name or as a ``Backend``.
        training: the mode that layers are lowered for.
    """
    if backend.name != "llvm" or not backend.named:
        return
    if all(_looked.get(block.cell) for block in recurrent_blocks(model)):
        return
    dtype = model.dtype or np.dtype(np.float32)
    for layout in layouts(model, shapes, 1, dtype, training=training).values():
        if not _looked.get(layout.cell):
            _looked.put(layout.cell, True)
            found = python_layers(layout.cell, layout.shapes, training=layout.draws)
            if any(not _told.get(layer) for layer in found):
                _warn(layout.cell, tuple(dict.fromkeys(map(repr, found))))
            for layer in found:
                _told.put(layer, True)


def _warn(cell: Cell, found: tuple[str, ...]) -> None:
    runs, its = ("runs", "its") if len(found) == 1 else ("run", "their")
    warnings.warn(
        f"{cell}: backend 'llvm' was named, and NumPy runs this cell, which is slower, as "
        f"{', '.join(found)} {runs} as Python; write {its} lower, see help(rnnbp.Layer), or move "
        "what needs no state out of the cell, before or after it",
        RuntimeWarning,
        stacklevel=outside(),
    )

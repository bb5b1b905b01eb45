"""What a backend that rounds refuses, as it must not round otherwise unseen."""

from __future__ import annotations

import numpy as np

from rnnbp.compiler.opaque import python_layers
from rnnbp.graph.layout import Layout
from rnnbp.graph.network import Network
from rnnbp.machine import PRECISION
from rnnbp.numerics import DtypeError
from rnnbp.runners.backend import Backend
from rnnbp.runners.rounding import SHORT

SHORTENS = f"tape_bits={SHORT} rounds the tapes of"
ROUNDS = "precision='bfloat16' rounds the products of"


def check_rounded(model: Network, backend: Backend) -> None:
    """Raise DtypeError for a model that is not of float32, where products are of bfloat16."""
    dtype = model.dtype
    if backend.precision != "bfloat16" or dtype is None or dtype == np.float32:
        return
    raise DtypeError(
        f"{ROUNDS} models of float32, and the parameters of this one are {dtype}; use "
        f"model.astype('float32'), or leave precision out and {PRECISION} unset"
    )


def unrounded(layout: Layout, backend: Backend) -> ValueError:
    """The error for a cell that kernels cannot run."""
    found = python_layers(layout.cell, layout.shapes, training=layout.draws)
    layers = ", ".join(dict.fromkeys(map(repr, found))) or str(layout.dtype)
    rounds = backend.precision == "bfloat16"
    what, option = (ROUNDS, "precision") if rounds else (SHORTENS, "tape_bits")
    option += " and tape_bits" * (rounds and backend.short_tapes)
    return ValueError(
        f"{layout.cell}: {what} cells that run as machine code, and this one does not, by "
        f"{layers}; write lower of such a layer, see help(rnnbp.Layer), move it out of the cell, "
        f"or leave {option} out"
    )

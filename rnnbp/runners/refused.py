"""Cells whose kernels LLVM refuses: NumPy runs their models, unless "llvm" was named."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from rnnbp.graph.cell import Cell
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.machine import CompileError, refuse
from rnnbp.runners.backend import Backend, BackendLike, as_backend
from rnnbp.runners.precision import check_rounded
from rnnbp.support.callers import outside
from rnnbp.support.prepared import Remembered

P = ParamSpec("P")
R = TypeVar("R")

_refused = Remembered[Cell, bool](lambda cell: False)


def backend_for(model: Graph, backend: BackendLike) -> Backend:
    """The backend that runs a model: NumPy where "llvm" was not named and LLVM refused a cell."""
    found = as_backend(backend)
    check_rounded(model, found)
    if not _refused.used or found.named or found.name != "llvm":
        return found
    refused = any(_refused.get(block.cell) for block in recurrent_blocks(model))
    return Backend("numpy", found.without) if refused else found


def by_numpy_where_refused(function: Callable[P, R]) -> Callable[P, R]:
    """Run ``function`` again by NumPy, with one warning, where LLVM refuses a cell or its code.

    The CompileError is raised where the backend "llvm" was asked for by name, and where an argument
    is an iterator, which has been read.
    """

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        while True:
            try:
                return function(*args, **kwargs)
            except CompileError as error:
                backend = kwargs.get("backend")
                # What else it may be has been refused before anything was compiled.
                assert backend is None or isinstance(backend, str | Backend)
                if as_backend(backend).named or not _noted(error):
                    raise
                if any(hasattr(given, "__next__") for given in (*args, *kwargs.values())):
                    error.add_note(
                        "NumPy will run it: call again, with a new iterator, "
                        "as this one has been read"
                    )
                    raise

    return run


def _noted(error: CompileError) -> bool:
    """Whether it is news that LLVM refuses this; then a warning says so."""
    cell = None if error.cell is None else error.cell()
    if not isinstance(cell, Cell):
        return refuse(str(error))
    if _refused.get(cell):
        return False
    _refused.put(cell, True)
    text = (
        f"{cell}: NumPy runs models of this cell, which is slower, as {error}; "
        "RNNBP_BACKEND=numpy makes that a choice"
    )
    warnings.warn(text, RuntimeWarning, stacklevel=outside())
    return True

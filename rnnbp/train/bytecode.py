"""Code as text: a library's by its name and version, the user's by its bytecode."""

from __future__ import annotations

import dis
import functools
import sys
import types

LIBRARIES = frozenset({*sys.stdlib_module_names, "rnnbp"})
INSTALLED = ("site-packages", "dist-packages")
"""Folders of libraries, whose code is known by its version."""


@functools.lru_cache(256)
def is_library(module: str | None) -> bool:
    root = (module or "").split(".")[0]
    file = getattr(sys.modules.get(root), "__file__", None) or ""
    return root in LIBRARIES or any(folder in file for folder in INSTALLED)


FILED = {
    "rnnbp.bptt.evaluation": "rnnbp.bptt.inference",
    "rnnbp.bptt.without_time": "rnnbp.bptt.inference",
    "rnnbp.compare.rows": "rnnbp.compare.table",
    "rnnbp.gradcheck.check": "rnnbp.gradcheck",
    "rnnbp.gradcheck.result": "rnnbp.derivatives",
    "rnnbp.graph.cell": "rnnbp.cell",
    "rnnbp.graph.cells.gru": "rnnbp.cells",
    "rnnbp.graph.cells.lstm": "rnnbp.cells",
    "rnnbp.graph.cells.projections": "rnnbp.cells",
    "rnnbp.graph.cells.rnn": "rnnbp.cells",
    "rnnbp.graph.graph": "rnnbp.graph",
    "rnnbp.graph.recurrent": "rnnbp.recurrent",
    "rnnbp.graph.sequential": "rnnbp.graph",
    "rnnbp.graph.values": "rnnbp.values",
    "rnnbp.layers.declared": "rnnbp.layers.base",
    "rnnbp.layers.concat": "rnnbp.layers.merge",
    "rnnbp.layers.flatten": "rnnbp.layers.reshape",
    "rnnbp.layers.identity": "rnnbp.layers.pointwise",
    "rnnbp.layers.linear": "rnnbp.layers.pointwise",
    "rnnbp.layers.one_hot": "rnnbp.layers.embedding",
    "rnnbp.layers.params": "rnnbp.layers.base",
    "rnnbp.layers.rectifiers": "rnnbp.layers.pointwise",
    "rnnbp.layers.slice": "rnnbp.layers.split",
    "rnnbp.layers.smooth_rectifiers": "rnnbp.layers.pointwise",
    "rnnbp.layers.sums": "rnnbp.layers.merge",
    "rnnbp.layers.symbols": "rnnbp.layers.embedding",
    "rnnbp.losses.as_loss": "rnnbp.losses.function",
    "rnnbp.losses.binary_cross_entropy": "rnnbp.losses.elementwise",
    "rnnbp.losses.no_loss": "rnnbp.losses.base",
    "rnnbp.losses.regression": "rnnbp.losses.elementwise",
    "rnnbp.losses.squared": "rnnbp.losses.elementwise",
    "rnnbp.memory_pool": "rnnbp.reuse",
    "rnnbp.numerics.errors": "rnnbp.numerics",
    "rnnbp.optim.adagrad": "rnnbp.optim.adaptive",
    "rnnbp.optim.plateau": "rnnbp.optim.learning_rates",
    "rnnbp.optim.rated": "rnnbp.optim.learning_rates",
    "rnnbp.optim.rmsprop": "rnnbp.optim.adaptive",
    "rnnbp.planning.budget": "rnnbp.bptt.budget",
    "rnnbp.planning.costs": "rnnbp.bptt.costs",
    "rnnbp.planning.forecast": "rnnbp.bptt.forecast",
    "rnnbp.bptt.forecast_call": "rnnbp.bptt.forecast",
    "rnnbp.planning.plan": "rnnbp.bptt.planner",
    "rnnbp.runners.backend": "rnnbp.bptt.backend",
    "rnnbp.runners.explained": "rnnbp.compiler.explain",
    "rnnbp.schedules.sized": "rnnbp.schedules.unsized",
    "rnnbp.schedules.simulation": "rnnbp.simulation",
    "rnnbp.schedules.timeline": "rnnbp.compare.timeline",
    "rnnbp.support.figures": "rnnbp.figures",
    "rnnbp.train.evaluation": "rnnbp.train.public",
    "rnnbp.train.examples": "rnnbp.train.data",
    "rnnbp.train.prediction": "rnnbp.train.public",
}
"""Modules of this library that have moved, and the names that snapshots have for them."""


def of_library(kind: type) -> bool:
    """True if a class is a library's."""
    # the module that it names may be abc: that of a class by type(name, bases, ...) of an ABC
    name = kind.__qualname__.split(".")[0]
    return is_library(kind.__module__) and (
        "<locals>" in kind.__qualname__ or hasattr(sys.modules.get(kind.__module__), name)
    )


def library_name(what: type | types.FunctionType) -> str:
    """Module, name and the library's version."""
    root = (what.__module__ or "").split(".")[0]
    version = "" if root in LIBRARIES else getattr(sys.modules.get(root), "__version__", "")
    return f"{FILED.get(what.__module__, what.__module__)}.{what.__qualname__} {version}".strip()


def code_text(code: types.CodeType) -> str:
    """What a function does, without names of files and numbers of lines."""
    values = code.co_consts[1:] if _documented(code) else code.co_consts
    constants = [code_text(c) if isinstance(c, types.CodeType) else _constant(c) for c in values]
    names = code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars
    counts = code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags
    return repr((code.co_code.hex(), constants, names, counts))


def _documented(code: types.CodeType) -> bool:
    """True if the first constant is a docstring."""
    if sys.version_info >= (3, 13) and not code.co_flags & 0x4000000:  # CO_HAS_DOCSTRING
        return False
    # until Python 3.13 a text there is nothing else in a def
    return not code.co_name.startswith("<") and isinstance(next(iter(code.co_consts), None), str)


def _constant(value: object) -> str:
    return (
        repr(sorted(map(repr, value)))
        if isinstance(value, frozenset)
        else f"{type(value).__name__} {value!r}"
    )


def global_names(code: types.CodeType) -> set[str]:
    """The global names that a function, or one within it, reads."""
    inner = (global_names(c) for c in code.co_consts if isinstance(c, types.CodeType))
    found = {
        str(i.argval)
        for i in dis.get_instructions(code)
        if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")
    }
    return found.union(*inner)

"""What runs the cells of a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from rnnbp.compiler.passes import RULES, check_rules
from rnnbp.machine import ALIASES, VARIABLE, failure, installed, loading, warn_of_numpy
from rnnbp.numerics import shown
from rnnbp.runners.factory import RunnerFactory
from rnnbp.support.lazy import cached
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import Named

BACKENDS = ("numpy", "llvm", "interpreter")


@dataclass(frozen=True, init=False)
class Backend(Named):
    """What runs the cells of a model.

    Args:
        name: "llvm", kernels in machine code ("numba" is an alias; a cell with a layer that runs as
            Python runs by "numpy", with a warning where a call names "llvm"); "numpy", compiled
            step programs; or "interpreter", which walks the graph. None for the value of the
            environment variable RNNBP_BACKEND, else "llvm" if llvmlite works, else "numpy", with
            one RuntimeWarning in a process. If LLVM refuses a cell, NumPy runs it, with a
            RuntimeWarning; if "llvm" is named, here or in the environment, that is a CompileError,
            a RuntimeError.
        without: rules that the compiler leaves out, as ``("joined",)``;
            ``print(rnnbp.explain(cell))`` lists them and what each does.

    Raises ValueError for an unknown name or rule, or for rules of the interpreter, which has none;
    ImportError for "llvm" without an llvmlite that works, with the cause.

    >>> import rnnbp as rb
    >>> rb.Backend("numpy").name
    'numpy'
    """

    name: str
    without: tuple[str, ...]
    """In the order in which rules are applied."""
    named: bool = field(default=True, compare=False, repr=False)
    """Whether it was named, by an argument or by RNNBP_BACKEND."""

    def __init__(self, name: str | None = None, without: Iterable[str] = ()) -> None:
        given = name if name is not None else os.environ.get(VARIABLE)
        object.__setattr__(self, "named", bool(given) or name is not None)
        name = given or (_usual() if name is None else name)
        if name not in (*BACKENDS, *ALIASES):
            known = ", ".join(map(repr, BACKENDS))
            raise ValueError(
                f"backend {shown(name)} is unknown{hint(name, BACKENDS)}; "
                f"use one of {known}, or None"
            )
        name = ALIASES.get(name, name)
        if name == "llvm" and not installed():
            cause = f": {found}" if (found := failure()) else ""
            raise ImportError(
                "backend 'llvm' needs llvmlite; "
                f"run python -m pip install llvmlite, or use backend='numpy'{cause}"
            )
        if name == "llvm":
            kernels()
        off = check_rules(without)
        if off and name == "interpreter":
            raise ValueError(
                f"Backend: the interpreter has no rules, found without={sorted(off)}; leave it out"
            )
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "without", tuple([rule for rule in RULES if rule in off]))

    @property
    def compiles(self) -> bool:
        """Whether cells are compiled."""
        return self.name != "interpreter"


@cached
def kernels() -> type[RunnerFactory]:
    """The backend "llvm": the one place that imports it, and llvmlite with it.

    All of it at once, and under a lock that forks take, so that no fork finds an import that is
    half done.
    """
    with loading:
        from rnnbp.runners.llvm.factory import KernelFactory
    return KernelFactory


def _usual() -> str:
    """The backend where none is named."""
    if installed():
        return "llvm"
    warn_of_numpy()
    return "numpy"


BackendLike: TypeAlias = str | Backend | None
"""A Backend, its name, or None for the one that is used if none is named."""


def as_backend(backend: BackendLike) -> Backend:
    """The Backend of a name. Raises ValueError for one that is not known.

    RuntimeError in a finaliser while Python shuts down, when modules can no longer be imported and
    threads stand still.
    """
    if sys.is_finalizing():
        raise RuntimeError(
            "Python is shutting down, and nothing can be run any more; run it before, as by atexit"
        )
    if isinstance(backend, Backend):
        return backend
    named = type(backend) is str or backend is None
    key = (backend, None if backend else os.environ.get(VARIABLE))
    if named and key in _known and installed():
        return _known[key]
    found = Backend(backend)
    if named and found.name == "llvm":
        _known[key] = found
    return found


_known: dict[tuple[str | None, str | None], Backend] = {}
"""Backends that are "llvm", by their name and that in the environment: every run asks."""

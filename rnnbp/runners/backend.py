"""What runs the cells of a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from rnnbp.compiler.passes import RULES, check_rules
from rnnbp.machine import ALIASES, PRECISION, VARIABLE, failure, installed, loading, warn_of_numpy
from rnnbp.numerics import shown
from rnnbp.runners.factory import RunnerFactory
from rnnbp.support.lazy import cached
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import Named

BACKENDS = ("numpy", "llvm", "interpreter")
PRECISIONS = ("float32", "bfloat16")
Precision: TypeAlias = Literal["float32", "bfloat16"]


@dataclass(frozen=True, init=False, repr=False)
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
        precision: "float32", operands of products as they are (the default, also of models of
            float64); or "bfloat16", for models of float32 by the backend "llvm": weights and inputs
            of the products of cells and Dense layers, forward and backward, are rounded to
            bfloat16 (nearest even; NaN stays NaN, subnormal numbers are 0), and multiplied by
            ``vdpbf16ps`` where the processor has it, elsewhere with the same bits by float32
            operations, which is slower than float32. Sums, states, deltas, gradients, parameters
            and updates stay float32. See docs/kernels.md for its errors. None for the default;
            where no name is given, for the value of the environment variable RNNBP_PRECISION.

    Raises ValueError for an unknown name, rule or precision, for rules of the interpreter, which
    has none, or for bfloat16 by a backend that does not have it; ImportError for "llvm" without an
    llvmlite that works, with the cause. A run with bfloat16 raises DtypeError for a model that is
    not of float32, ValueError for a cell that kernels cannot run.

    >>> import rnnbp as rb
    >>> rb.Backend("numpy").name
    'numpy'
    >>> rb.Backend("numpy", precision="float32")
    Backend(name='numpy', without=())
    """

    name: str
    without: tuple[str, ...]
    """In the order in which rules are applied."""
    precision: Precision
    named: bool = field(default=True, compare=False, repr=False)
    """Whether it was named, by an argument or by RNNBP_BACKEND."""

    def __init__(
        self,
        name: str | None = None,
        without: Iterable[str] = (),
        precision: Precision | None = None,
    ) -> None:
        given = name if name is not None else os.environ.get(VARIABLE)
        default = _default_precision() if name is None else "float32"
        rounds = (precision or default) != "float32"
        object.__setattr__(self, "named", bool(given) or name is not None or rounds)
        name = given or (_usual() if name is None else name)
        name = _checked(name)
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
        rounding = _checked_precision(default if precision is None else precision, name)
        object.__setattr__(self, "precision", rounding)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "without", tuple([rule for rule in RULES if rule in off]))

    def __repr__(self) -> str:
        more = "" if self.precision == "float32" else f", precision={self.precision!r}"
        return f"Backend(name={self.name!r}, without={self.without!r}{more})"

    @property
    def compiles(self) -> bool:
        """Whether cells are compiled."""
        return self.name != "interpreter"


def _checked(name: str) -> str:
    """The name of a backend, without aliases. Raises ValueError for one that is unknown."""
    if name not in (*BACKENDS, *ALIASES):
        known = ", ".join(map(repr, BACKENDS))
        raise ValueError(
            f"backend {shown(name)} is unknown{hint(name, BACKENDS)}; use one of {known}, or None"
        )
    return ALIASES.get(name, name)


def _checked_precision(precision: object, name: str) -> object:
    """A precision. Raises ValueError for one that is unknown, or that a backend does not have."""
    if precision not in PRECISIONS:
        known = " or ".join(map(repr, PRECISIONS))
        raise ValueError(
            f"Backend: precision {shown(precision)} is unknown{hint(precision, PRECISIONS)}; "
            f"use {known}, as an argument or as the value of {PRECISION}"
        )
    if precision == "bfloat16" and name != "llvm":
        raise ValueError(
            f"Backend: precision='bfloat16' is of the backend 'llvm', found {name!r}; "
            "use name='llvm', or leave precision out"
        )
    if precision == "bfloat16" and sys.platform == "win32":
        raise ValueError(
            "Backend: precision='bfloat16' does not run on Windows, where code cannot take the "
            "room on the stack that it needs; leave precision out"
        )
    return precision


@cached
def kernels(precision: str = "float32") -> type[RunnerFactory]:
    """The backend "llvm": the one place that imports it, and llvmlite with it.

    All of it at once, and under a lock that forks take, so that no fork finds an import that is
    half done.
    """
    with loading:
        from rnnbp.runners.llvm.factory import KernelFactory, RoundedFactory
    return RoundedFactory if precision == "bfloat16" else KernelFactory


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
    key = (backend, None if backend else (os.environ.get(VARIABLE), _default_precision()))
    if named and key in _known and installed():
        return _known[key]
    found = Backend(backend)
    if named and found.name == "llvm":
        _known[key] = found
    return found


_known: dict[tuple[str | None, tuple[str | None, str] | None], Backend] = {}
"""Backends that are "llvm", by their name and what the environment says: every run asks."""
_chosen: ContextVar[str] = ContextVar("precision", default="")
"""That of the training that runs."""


def _default_precision() -> str:
    """The precision where no backend is named."""
    return _chosen.get() or os.environ.get(PRECISION) or "float32"


@contextmanager
def precision_of(precision: Precision | None) -> Iterator[None]:
    """Within it, what names no backend runs with this precision; None changes nothing."""
    token = _chosen.set(precision or _chosen.get())
    try:
        yield
    finally:
        _chosen.reset(token)

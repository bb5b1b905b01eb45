"""What runs the cells of a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from rnnbp.compiler.passes import RULES, check_rules
from rnnbp.machine import (
    ALIASES,
    PRECISION,
    TAPE_BITS,
    VARIABLE,
    failure,
    installed,
    loading,
    warn_of_numpy,
)
from rnnbp.numerics import shown
from rnnbp.runners.factory import RunnerFactory
from rnnbp.runners.rounding import (
    PRECISIONS,
    SHORT,
    Precision,
    default_precision,
    default_tape_bits,
    rounding_text,
    said_of_rounding,
)
from rnnbp.support.lazy import cached
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import Named

BACKENDS = ("numpy", "llvm", "interpreter")


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
        tape_bits: bits of a number that backward needs of a step: None for those of the dtype, or
            16, with which tapes take about half of the bytes, and gradients are not exact. Gates
            are then rounded to fixed point, by at most 2⁻¹⁶ (tanh) or 2⁻¹⁷ (sigmoid), other numbers
            to bfloat16, by at most 2⁻⁹ of themselves; states and checkpoints are not rounded.
            Backward always reads the rounded numbers, so that schedules and threads change no bit.
            The output of the last Recurrent, and so the loss, is made from them too where that
            is cheap, as h = o · tanh(c) of an LSTM. It needs "llvm". Where no backend is named,
            the environment variable RNNBP_TAPE_BITS says it.

    Raises ValueError for an unknown name, rule or precision, for rules of the interpreter, which
    has none, for bfloat16 or 16-bit tapes by a backend that does not have them; ImportError for
    "llvm" without an llvmlite that works, with the cause. A run with bfloat16 raises DtypeError for
    a model that is not of float32, ValueError for a cell that kernels cannot run.

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
    tape_bits: int | None = None
    named: bool = field(default=True, init=False, compare=False, repr=False)
    """Whether it was named, by an argument or by RNNBP_BACKEND."""

    def __init__(
        self,
        name: str | None = None,
        without: Iterable[str] = (),
        precision: Precision | None = None,
        *,
        tape_bits: int | None = None,
    ) -> None:
        given = name if name is not None else os.environ.get(VARIABLE)
        default = default_precision() if name is None else "float32"
        tape_bits = default_tape_bits() if name is None and tape_bits is None else tape_bits
        said = default if precision is None else precision
        rounds = not isinstance(said, str) or said != "float32" or tape_bits is not None
        object.__setattr__(self, "named", bool(given) or name is not None or rounds)
        name = given or (_usual() if name is None else name)
        name = _checked(name)
        if name == "llvm":
            _need_llvmlite()
            kernels()
        off = check_rules(without)
        if off and name == "interpreter":
            raise ValueError(
                f"Backend: the interpreter has no rules, found without={sorted(off)}; leave it out"
            )
        rounding = _checked_precision(said, name)
        object.__setattr__(self, "precision", rounding)
        object.__setattr__(self, "tape_bits", _checked_bits(tape_bits, name))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "without", tuple([rule for rule in RULES if rule in off]))

    def __repr__(self) -> str:
        more = "" if self.precision == "float32" else f", precision={self.precision!r}"
        more += f", tape_bits={SHORT}" if self.short_tapes else ""
        return f"Backend(name={self.name!r}, without={self.without!r}{more})"

    @property
    def short_tapes(self) -> bool:
        """Whether tapes are of 16 bits."""
        return self.tape_bits == SHORT

    @property
    def rounding(self) -> str:
        """What is not exact, in words; "" where all is."""
        return rounding_text(self.precision, self.tape_bits)

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


def _need_llvmlite() -> None:
    if not installed():
        cause = f": {found}" if (found := failure()) else ""
        raise ImportError(
            "backend 'llvm' needs llvmlite; "
            f"run python -m pip install llvmlite, or use backend='numpy'{cause}"
        )


def _checked_bits(tape_bits: object, name: str) -> int | None:
    """``tape_bits`` of a backend."""
    if tape_bits is None:
        return None
    if type(tape_bits) is not int or tape_bits != SHORT:
        raise ValueError(
            f"Backend: tape_bits must be None or {SHORT}, found {shown(tape_bits)}; leave it out "
            "to keep what backward needs exactly"
        )
    if name != "llvm":
        raise ValueError(
            f"Backend: tape_bits={SHORT} needs machine code, found the backend {name!r}; use "
            f"'llvm', or leave tape_bits out and {TAPE_BITS} unset"
        )
    return tape_bits


def _checked_precision(precision: object, name: str) -> object:
    """A precision. Raises ValueError for one that is unknown, or that a backend does not have."""
    if not isinstance(precision, str) or precision not in PRECISIONS:
        known = " or ".join(map(repr, PRECISIONS))
        raise ValueError(
            f"Backend: precision {shown(precision)} is unknown{hint(precision, PRECISIONS)}; "
            f"use {known}, as an argument or as the value of {PRECISION}"
        )
    if precision == "bfloat16" and name != "llvm":
        raise ValueError(
            f"Backend: precision='bfloat16' is of the backend 'llvm', found {name!r}; "
            f"use name='llvm', or leave precision out and {PRECISION} unset"
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
    key = (backend, None if backend else _environment())
    if named and key in _known and installed():
        return _known[key]
    found = Backend(backend)
    if named and found.name == "llvm":
        _known[key] = found
    return found


def _environment() -> tuple[str | None, str, str | None]:
    """What decides the backend where none is named."""
    return os.environ.get(VARIABLE), *said_of_rounding()


_known: dict[tuple[str | None, tuple[str | None, str, str | None] | None], Backend] = {}
"""Backends that are "llvm", by their name and what the environment says: every run asks."""

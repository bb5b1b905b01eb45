"""What runs the cells of a model."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from rnnbp.compiler.passes import RULES, check_rules
from rnnbp.machine import ALIASES, TAPE_BITS, VARIABLE, failure, installed, loading, warn_of_numpy
from rnnbp.numerics import shown
from rnnbp.runners.factory import RunnerFactory
from rnnbp.support.lazy import cached
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import Named

SHORT = 16
"""Bits of a number on a tape that is rounded."""
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
        tape_bits: bits of a number that backward needs of a step: None for those of the dtype, or
            16, with which tapes take about half of the bytes, and gradients are not exact. Gates
            are then rounded to fixed point, by at most 2⁻¹⁶ (tanh) or 2⁻¹⁷ (sigmoid), other numbers
            to bfloat16, by at most 2⁻⁹ of themselves; states and checkpoints are not rounded.
            Backward always reads the rounded numbers, so that schedules and threads change no bit.
            The output of the last Recurrent, and so the loss, is made from them too where that
            is cheap, as h = o · tanh(c) of an LSTM. It needs "llvm". Where no backend is named,
            the environment variable RNNBP_TAPE_BITS says it.

    Raises ValueError for an unknown name or rule, for rules of the interpreter, which has none, for
    other tape_bits, or 16 without "llvm"; ImportError for "llvm" without an llvmlite that works,
    with the cause.

    >>> import rnnbp as rb
    >>> rb.Backend("numpy").name
    'numpy'
    >>> rb.Backend("numpy")
    Backend(name='numpy', without=())
    """

    name: str
    without: tuple[str, ...]
    """In the order in which rules are applied."""
    tape_bits: int | None = None
    named: bool = field(default=True, compare=False, repr=False)
    """Whether it was named, by an argument or by RNNBP_BACKEND."""

    def __init__(
        self,
        name: str | None = None,
        without: Iterable[str] = (),
        *,
        tape_bits: int | None = None,
    ) -> None:
        given = name if name is not None else os.environ.get(VARIABLE)
        tape_bits = _of_environment() if name is None and tape_bits is None else tape_bits
        named = bool(given) or name is not None or tape_bits is not None
        object.__setattr__(self, "named", named)
        name = given or (_usual() if name is None else name)
        if name not in (*BACKENDS, *ALIASES):
            known = ", ".join(map(repr, BACKENDS))
            raise ValueError(
                f"backend {shown(name)} is unknown{hint(name, BACKENDS)}; "
                f"use one of {known}, or None"
            )
        name = ALIASES.get(name, name)
        if name == "llvm":
            _need_llvmlite()
            kernels()
        off = check_rules(without)
        if off and name == "interpreter":
            raise ValueError(
                f"Backend: the interpreter has no rules, found without={sorted(off)}; leave it out"
            )
        object.__setattr__(self, "tape_bits", _checked(tape_bits, name))
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "without", tuple([rule for rule in RULES if rule in off]))

    def __repr__(self) -> str:
        more = f", tape_bits={SHORT}" if self.short_tapes else ""
        return f"Backend(name={self.name!r}, without={self.without!r}{more})"

    @property
    def short_tapes(self) -> bool:
        """Whether tapes are of 16 bits."""
        return self.tape_bits == SHORT

    @property
    def compiles(self) -> bool:
        """Whether cells are compiled."""
        return self.name != "interpreter"


def _of_environment() -> int | None:
    """The ``tape_bits`` that the environment names."""
    given = os.environ.get(TAPE_BITS, "")
    if given not in ("", str(SHORT)):
        raise ValueError(f"{TAPE_BITS} must be {SHORT} or empty, found {given!r}; unset it")
    return SHORT if given else None


def _checked(tape_bits: object, name: str) -> int | None:
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
            "'llvm', or leave tape_bits out"
        )
    return tape_bits


def _need_llvmlite() -> None:
    if not installed():
        cause = f": {found}" if (found := failure()) else ""
        raise ImportError(
            "backend 'llvm' needs llvmlite; "
            f"run python -m pip install llvmlite, or use backend='numpy'{cause}"
        )


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
    key = (backend, None if backend else (os.environ.get(VARIABLE), os.environ.get(TAPE_BITS)))
    if named and key in _known and installed():
        return _known[key]
    found = Backend(backend)
    if named and found.name == "llvm":
        _known[key] = found
    return found


_known: dict[tuple[str | None, tuple[str | None, str | None] | None], Backend] = {}
"""Backends that are "llvm", by their name and what the environment says: every run asks."""

"""LLVM's compiler for this machine's processor (llvmlite): text in, addresses of functions out.

llvmlite is loaded here and nowhere else, by ``binding``, when something is compiled or loaded first:
every module of the package can be imported without it.
"""

from __future__ import annotations

import ctypes
import hashlib
import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol, TypeAlias, final
from weakref import ref

from rnnbp.machine import cache
from rnnbp.machine.errors import CompileError
from rnnbp.support import forks
from rnnbp.support.aside import aside
from rnnbp.support.bars import note
from rnnbp.support.lazy import cached

WIDTHS = (("avx512f", 64), ("avx2", 32))
"""Bytes of the widest vectors, by the feature that has them; 16 elsewhere (SSE2, NEON)."""
# Vectors of 64 bytes also where a processor computes them in two halves (Zen 4): they come with
# twice the registers, and so with larger blocks in products. SVE is not used: its width is not
# known when the text is written, and the layout of packed weights depends on it.

OPTIMIZATION = 2
"""LLVM's level for instruction selection and scheduling."""
# LLVM's passes over the text itself are not run before: it is written as it should run, with its
# loops, blocks of registers and vectors as they are.

Function: TypeAlias = Callable[..., None]
"""A function in machine code, of integers and addresses."""


class _Engine(Protocol):
    """llvmlite, which has no types: what holds machine code in memory."""

    def get_function_address(self, name: str) -> int: ...


class _Generator(Protocol):
    """llvmlite, which has no types: a code generator."""

    def emit_object(self, module: object) -> bytes: ...


Binding: TypeAlias = Any
"""The module ``llvmlite.binding``: llvmlite has no types, and nobody has written stubs."""


@cached
def binding() -> Binding:
    """llvmlite's interface to LLVM. Raises what its import raises."""
    import llvmlite.binding as llvm

    # A fork copies a lock as it is: held by a thread that the child does not have, it stays held. So
    # the lock of llvmlite, which each of its calls takes, is held over a fork by the thread that
    # forks. LLVM has locks of its own, which are free while nobody is in a call. The attributes are
    # private: a version of llvmlite without them has no lock to be held.
    lock = getattr(getattr(llvm.ffi.lib, "_lock", None), "_lock", None)
    if lock is not None:
        forks.hold(lock)
    return llvm


_DEFINED = re.compile(r"^define (?!internal|private)[^@\n]*@([\w.]+)\(", re.MULTILINE)
"""The names of functions that others may call."""


def target() -> _Generator:
    """A code generator for this processor and all its features; the library that takes it owns it."""
    llvm, (name, features) = binding(), processor()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    found: _Generator = llvm.Target.from_default_triple().create_target_machine(
        cpu=name,
        features=features,
        opt=OPTIMIZATION,
        jit=True,
    )
    return found


@lru_cache
def processor() -> tuple[str, str]:
    """The processor's name and features for LLVM; both empty where LLVM cannot tell.

    Code is then for what all processors of this kind have.
    """
    llvm = binding()
    try:
        name, features = aside(lambda: (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()))
    except RuntimeError:
        return "", ""
    # A name without features is not used: LLVM would take those that the name promises, and a
    # virtual machine may hide some of them.
    return (name, features) if features else ("", "")


@lru_cache
def triple() -> str:
    """LLVM's name of the kind of processor and system."""
    found: str = aside(binding().get_default_triple)
    return found


@lru_cache
def machine() -> tuple[str, ...]:
    """What code depends on apart from its text: the processor, its features, and the compiler."""
    return triple(), *processor(), repr(binding().llvm_version_info)


@lru_cache
def vector_bytes() -> int:
    """Bytes of this processor's widest vectors that are used."""
    # A set of whole names: "+avx512f" is not to be found within "+avx512fp16".
    features = processor()[1].split(",")
    return next((width for name, width in WIDTHS if f"+{name}" in features), 16)


@final
class Library:
    """Functions in machine code, by name; compiled, or read from the cache on disk.

    Args:
        text: LLVM's language. given: addresses of functions that the text declares.

    Raises CompileError.
    """

    def __init__(self, text: str, given: Mapping[str, int] | None = None) -> None:
        # The key covers all that the object file depends on, and nothing else: addresses of
        # functions that it calls differ from process to process, and are linked in afterwards.
        key = hashlib.sha256("\n".join([*machine(), text]).encode()).hexdigest()
        code = cache.read(key)
        if code is None:
            # Only where somebody waits: at a prompt (Python has sys.ps1 nowhere else), or a terminal.
            if hasattr(sys, "ps1") or (sys.stderr is not None and sys.stderr.isatty()):
                _announce(cache.folder())
            code = aside(lambda: _compiled(text))
            cache.write(key, code)
        try:
            self._addresses = aside(lambda: _loaded(self, code, text, given or {}))
        except RuntimeError as error:
            raise _refusal("load", error) from error
        self._functions: dict[str, Function] = {}

    def address(self, name: str) -> int:
        """Where a function is; it stays there as long as the library."""
        return self._addresses[name]

    def function(self, name: str, n: int) -> Function:
        """A function of n integers or addresses; Python's lock is released while it runs."""
        if name not in self._functions:
            kind = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * n)
            self._functions[name] = kind(self.address(name))
        return self._functions[name]


def _compiled(text: str) -> bytes:
    """The object file of a text. Raises CompileError."""
    # Not by the engine's own cache, which would call back into Python: an interrupt there is lost.
    try:
        module, generator = binding().parse_assembly(text), target()
        return bytes(generator.emit_object(module))
    except RuntimeError as error:
        raise _refusal("compile", error) from error


def _refusal(what: str, error: Exception) -> CompileError:
    """LLVM's words on one line."""
    version = ".".join(map(str, binding().llvm_version_info))
    return CompileError(f"LLVM {version} does not {what}: {' '.join(str(error).split())}")


_engines: dict[ref[Library], _Engine] = {}
"""By library, what holds its code."""
_abandoned: SimpleQueue[ref[Library]] = SimpleQueue()
"""Libraries that are gone. Their engines are freed when the next library is loaded."""
# Not at once, in the callback of the weak reference: an exception there, as Ctrl-C, is printed and
# forgotten, and the engine's lock could stay held.


def _loaded(owner: Library, code: bytes, text: str, given: Mapping[str, int]) -> dict[str, int]:
    """The addresses of a text's functions, by name, linked with the functions ``given``."""
    while not _abandoned.empty():
        with suppress(Empty, KeyError):  # another thread was faster
            del _engines[_abandoned.get_nowait()]
    # The engine needs a module to begin with; an object file brings no declarations, so those of
    # the functions at given addresses stand in this one, to be mapped.
    llvm = binding()
    module = llvm.parse_assembly("\n".join(f"declare void @{name}()" for name in given))
    engine = llvm.create_mcjit_compiler(module, target())
    for name, address in given.items():
        engine.add_global_mapping(module.get_function(name), address)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines[ref(owner, _abandoned.put)] = engine
    return {name: int(engine.get_function_address(name)) for name in _DEFINED.findall(text)}


@lru_cache
def _announce(place: Path | None) -> None:
    """Say that compiling takes a moment, once for each folder where code is kept."""
    kept = "for this process alone" if place is None else f"once for each cell of other sizes; they are kept in {place}"
    note(None, f"rnnbp: compiling kernels for this processor, {kept}")

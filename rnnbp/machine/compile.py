"""This machine's processor, and LLVM's compiler for it (llvmlite): text in, addresses of functions out."""

from __future__ import annotations

import ctypes
import hashlib
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from weakref import ref

import llvmlite.binding as llvm

from rnnbp.machine import CompileError, cache
from rnnbp.support import forks
from rnnbp.support.aside import aside
from rnnbp.support.bars import note

WIDTHS = (("avx512f", 64), ("avx2", 32))
"""Bytes of the widest vectors, by the feature that has them; 16 elsewhere (SSE2, NEON)."""


# llvmlite's own lock, which each of its calls takes; LLVM has others within, which are free while this one is
if (_lock := getattr(getattr(llvm.ffi.lib, "_lock", None), "_lock", None)) is not None:
    forks.hold(_lock)


_DEFINED = re.compile(r"^define (?!internal|private)[^@\n]*@([\w.]+)\(", re.MULTILINE)
"""The names of functions that others may call."""


def target() -> Any:
    """A code generator for this processor and all its features; the library that takes it owns it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    found = llvm.Target.from_default_triple()
    return found.create_target_machine(cpu=processor()[0], features=processor()[1], opt=2, jit=True)


@lru_cache
def processor() -> tuple[str, str]:
    """Its name and its features; both empty, for what all of its kind have, where LLVM cannot tell."""
    try:
        name, features = aside(lambda: (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()))
    except RuntimeError:
        return "", ""
    return (name, features) if features else ("", "")


@lru_cache
def machine() -> tuple[str, ...]:
    """What code depends on apart from its text: the processor, its features, and the compiler."""
    return aside(llvm.get_default_triple), *processor(), repr(llvm.llvm_version_info)


@lru_cache
def vector_bytes() -> int:
    """Bytes of a vector."""
    features = processor()[1].split(",")
    return next((width for name, width in WIDTHS if f"+{name}" in features), 16)


class Library:
    """Functions in machine code, by name.

    Args:
        text: LLVM's language. given: addresses of functions that the text declares.

    Raises CompileError.
    """

    def __init__(self, text: str, given: Mapping[str, int] | None = None) -> None:
        key = hashlib.sha256("\n".join([*machine(), text]).encode()).hexdigest()
        code = cache.read(key)
        if code is None:
            if hasattr(sys, "ps1") or (sys.stderr is not None and sys.stderr.isatty()):
                _tell(cache.folder())
            code = aside(lambda: _compiled(text))
            cache.write(key, code)
        try:
            self._addresses = aside(lambda: _loaded(self, code, text, given or {}))
        except RuntimeError as error:
            raise _refusal("load", error) from error
        self._functions: dict[str, Any] = {}

    def address(self, name: str) -> int:
        """Where a function is; it stays there as long as the library."""
        return self._addresses[name]

    def function(self, name: str, n: int) -> Any:
        """A function of n integers or addresses, to be called without the interpreter's lock."""
        if name not in self._functions:
            self._functions[name] = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * n)(self.address(name))
        return self._functions[name]


def _compiled(text: str) -> bytes:
    """The object file of a text.

    Not by the engine's own cache, which would call back into Python: an interrupt there is lost.
    """
    try:
        module, generator = llvm.parse_assembly(text), target()
        return bytes(generator.emit_object(module))
    except RuntimeError as error:
        raise _refusal("compile", error) from error


def _refusal(what: str, error: Exception) -> CompileError:
    """LLVM's words on one line."""
    return CompileError(
        f"LLVM {'.'.join(map(str, llvm.llvm_version_info))} does not {what}: {' '.join(str(error).split())}"
    )


_engines: dict[ref[Library], Any] = {}
"""By library; what holds the code."""
_abandoned: SimpleQueue[ref[Library]] = SimpleQueue()
"""Libraries that are no more. Their engines go when the next one comes: in a callback Ctrl-C would be lost."""


def _loaded(owner: Library, code: bytes, text: str, given: Mapping[str, int]) -> dict[str, int]:
    """The addresses of a text's functions, by name, once its object file is linked with those at addresses given."""
    while not _abandoned.empty():
        with suppress(Empty, KeyError):  # another thread was faster
            del _engines[_abandoned.get_nowait()]
    module = llvm.parse_assembly("\n".join(f"declare void @{name}()" for name in given))
    engine = llvm.create_mcjit_compiler(module, target())
    for name, address in given.items():
        engine.add_global_mapping(module.get_function(name), address)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines[ref(owner, _abandoned.put)] = engine
    return {name: int(engine.get_function_address(name)) for name in _DEFINED.findall(text)}


@lru_cache
def _tell(place: Path | None) -> None:
    kept = "for this process alone" if place is None else f"once for each cell of other sizes; they are kept in {place}"
    note(None, f"rnnbp: compiling kernels for this processor, {kept}")

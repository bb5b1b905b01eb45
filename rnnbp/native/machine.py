"""This machine's processor, and LLVM's compiler for it (llvmlite): text in, addresses of functions out."""

from __future__ import annotations

import ctypes
import hashlib
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm
from tqdm import tqdm

from rnnbp.native import cache

WIDTHS = (("avx512f", 64), ("avx2", 32))
"""Bytes of the widest vectors, by the feature that has them; 16 elsewhere (SSE2, NEON)."""


def target() -> Any:
    """A code generator for this processor and all its features; the library that takes it owns it."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    found = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features().flatten()
    return found.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features, opt=2, jit=True)


@lru_cache
def machine() -> tuple[str, ...]:
    """What code depends on besides its text: the processor, its features, and the compiler."""
    features = llvm.get_host_cpu_features().flatten()
    return llvm.get_default_triple(), llvm.get_host_cpu_name(), features, repr(llvm.llvm_version_info)


@lru_cache
def vector_bytes() -> int:
    """Bytes of a vector."""
    features = llvm.get_host_cpu_features()
    return next((width for name, width in WIDTHS if features.get(name)), 16)


class Library:
    """Functions in machine code, by name.

    Args:
        text: LLVM's language. given: addresses of functions that the text declares.
    """

    def __init__(self, text: str, given: Mapping[str, int] | None = None) -> None:
        key = hashlib.sha256("\n".join([*machine(), text]).encode()).hexdigest()
        module = llvm.parse_assembly(text)
        self._engine = llvm.create_mcjit_compiler(module, target())
        self._engine.set_object_cache(lambda _, code: cache.write(key, code), lambda _: _known(key))
        for name, address in (given or {}).items():
            self._engine.add_global_mapping(module.get_function(name), address)
        self._engine.finalize_object()
        self._functions: dict[str, Any] = {}
        self._addresses: dict[str, int] = {}

    def address(self, name: str) -> int:
        """Where a function is; it stays there as long as the library."""
        if name not in self._addresses:
            self._addresses[name] = int(self._engine.get_function_address(name))
        return self._addresses[name]

    def function(self, name: str, n: int) -> Any:
        """A function of n integers or addresses, to be called without the interpreter's lock."""
        if name not in self._functions:
            self._functions[name] = ctypes.CFUNCTYPE(None, *[ctypes.c_int64] * n)(self.address(name))
        return self._functions[name]


def _known(key: str) -> bytes | None:
    """The code of a key, if another process has compiled it; else a person who waits is told."""
    found = cache.read(key)
    if found is None and (hasattr(sys, "ps1") or (sys.stderr is not None and sys.stderr.isatty())):
        _tell(cache.folder())
    return found


@lru_cache
def _tell(place: Path | None) -> None:
    kept = "for this process alone" if place is None else f"once; they are kept in {place}"
    tqdm.write(f"rnnbp: compiling kernels for this processor, {kept}", file=sys.stderr)

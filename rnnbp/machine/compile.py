"""Libraries of functions in machine code: LLVM's text in, addresses of functions out."""

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
from typing import Protocol, TypeAlias, final
from weakref import ref

from rnnbp.machine import cache
from rnnbp.machine.cache_folder import folder
from rnnbp.machine.errors import CompileError
from rnnbp.machine.target import binding, generator, machine
from rnnbp.support.aside import aside
from rnnbp.support.late_bars import note

Function: TypeAlias = Callable[..., None]
"""A function in machine code, of integers and addresses."""


class _Engine(Protocol):
    """llvmlite, which has no types: what holds machine code in memory."""

    def get_function_address(self, name: str) -> int: ...


_DEFINED = re.compile(r"^define (?!internal|private)[^@\n]*@([\w.]+)\(", re.MULTILINE)
"""The names of functions that others may call."""


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
            # Only where somebody waits: at a prompt (sys.ps1 is nowhere else), or a terminal.
            if hasattr(sys, "ps1") or (sys.stderr is not None and sys.stderr.isatty()):
                _announce(folder())
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
        module = binding().parse_assembly(text)
        return bytes(generator().emit_object(module))
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
    engine = llvm.create_mcjit_compiler(module, generator())
    for name, address in given.items():
        engine.add_global_mapping(module.get_function(name), address)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines[ref(owner, _abandoned.put)] = engine
    return {name: int(engine.get_function_address(name)) for name in _DEFINED.findall(text)}


@lru_cache
def _announce(place: Path | None) -> None:
    """Say that compiling takes a moment, once for each folder where code is kept."""
    kept = (
        "for this process alone"
        if place is None
        else f"once for each cell of other sizes; they are kept in {place}"
    )
    note(None, f"rnnbp: compiling kernels for this processor, {kept}")

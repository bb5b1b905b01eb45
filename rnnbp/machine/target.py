"""The processor that code is compiled for, and llvmlite, the way to LLVM's compiler.

llvmlite is loaded here and nowhere else, by ``binding``, when something is compiled or loaded
first: every module of the package can be imported without it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol, TypeAlias

from rnnbp.support import forks
from rnnbp.support.aside import aside
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


class Generator(Protocol):
    """llvmlite, which has no types: a code generator."""

    def emit_object(self, module: object) -> bytes: ...


Binding: TypeAlias = Any  # any: llvmlite has no types, and nobody has written stubs
"""The module ``llvmlite.binding``."""


@cached
def binding() -> Binding:
    """llvmlite's interface to LLVM. Raises what its import raises."""
    import llvmlite.binding as llvm

    # A fork copies a lock as it is: held by a thread that the child does not have, it stays held.
    # So the lock of llvmlite, which each of its calls takes, is held over a fork by the thread that
    # forks. LLVM has locks of its own, which are free while nobody is in a call. The attributes are
    # private: a version of llvmlite without them has no lock to be held.
    lock = getattr(getattr(llvm.ffi.lib, "_lock", None), "_lock", None)
    if lock is not None:
        forks.hold(lock)
    return llvm


@lru_cache
def processor() -> tuple[str, str]:
    """The processor's name and features for LLVM; both empty where LLVM cannot tell.

    Code is then for what all processors of this kind have.
    """
    llvm = binding()
    try:
        name, features = aside(
            lambda: (llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
        )
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


def generator() -> Generator:
    """A code generator for this processor and its features, owned by the library that takes it."""
    llvm, (name, features) = binding(), processor()
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    found: Generator = llvm.Target.from_default_triple().create_target_machine(
        cpu=name,
        features=features,
        opt=OPTIMIZATION,
        jit=True,
    )
    return found

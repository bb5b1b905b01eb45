"""Programs of kernels by themselves; needs llvmlite."""

from __future__ import annotations

from typing import Any

from rnnbp.graph.layout import Layout
from rnnbp.machine.team import threads
from rnnbp.runners.llvm.factory import KernelFactory
from rnnbp.runners.workspace import Workspace


def kernels(layout: Layout, without: frozenset[str]) -> Any:
    return KernelFactory(Workspace(threads=threads.count()), without).runner(layout, None)

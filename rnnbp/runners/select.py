"""What runs a Recurrent, by backend: kernels, a step program, or the interpreter; and its bytes."""

from __future__ import annotations

from typing import Any

from rnnbp.graph.layout import Layout
from rnnbp.runners.backend import Backend
from rnnbp.runners.interpreter.run import Interpreter
from rnnbp.runners.numpy.program import Program, sizes_of
from rnnbp.runners.numpy.sizes import ProgramSizes
from rnnbp.runners.workspace import Workspace


def runner(layout: Layout, workspace: Workspace, backend: Backend, spelled: Any = None) -> Any:
    """What runs the cell of a layout; all that run take memory from one workspace.

    Args:
        spelled: the node of the layer that gives its input from symbols, as ``Parts.spelled`` has it.
    """
    if not backend.compiles:
        return Interpreter(layout)
    if (found := _kernels(layout, backend, spelled)) is not None:
        from rnnbp.runners.llvm.program import KernelProgram

        return KernelProgram(found, workspace, None if spelled is None else spelled.block)
    return Program(layout, workspace, frozenset(backend.without))


def dense(layer: Any, dtype: Any, workspace: Workspace, backend: Backend, *, brief: bool) -> Any:
    """What runs a Dense outside cells, ``brief`` as in ``DenseKernel``; None for NumPy, and other layers."""
    if backend.name != "llvm":
        return None
    from rnnbp.runners.llvm.dense import DenseKernel, fits

    return DenseKernel(layer, dtype, workspace, brief=brief) if fits(layer, dtype) else None


def threads_of(backend: Backend) -> int:
    """The threads that kernels may use now."""
    if backend.name != "llvm":
        return 1
    from rnnbp.machine.team import threads

    return threads.count()


def pack(weights: list[Any], n: int) -> None:
    """Pack the weights that kernels have asked for, by n threads."""
    if weights:
        from rnnbp.runners.llvm.packing import fill

        fill(weights, n)


def dense_bytes(layer: Any, dtype: Any, backend: Backend) -> int | None:
    """What that holds for a whole run; None where there is none."""
    if backend.name != "llvm":
        return None
    from rnnbp.runners.llvm import dense as kernels

    return kernels.dense_bytes(layer, dtype) if kernels.fits(layer, dtype) else None


def job_bytes(rows: int) -> int:
    """What each of its two jobs, forward and backward, takes on this many rows."""
    from rnnbp.runners.llvm import affine

    return affine.job_bytes(rows)


def sizes(layout: Layout, backend: Backend, spelled: Any = None) -> Layout | ProgramSizes:
    """What that holds and needs; ``spelled`` as there."""
    if not backend.compiles:
        return layout
    found: ProgramSizes | None = _kernels(layout, backend, spelled)
    return sizes_of(layout, frozenset(backend.without)) if found is None else found


def _kernels(layout: Layout, backend: Backend, spelled: Any = None) -> Any:
    """The sizes of a cell's kernels; None for another backend, or a cell with a layer that runs as Python."""
    if backend.name != "llvm":
        return None
    from rnnbp.runners.llvm.sizes import kernel_sizes

    return kernel_sizes(layout, frozenset(backend.without), 0 if spelled is None else spelled.block.n_symbols)

"""The error of a text that LLVM does not compile."""

from __future__ import annotations

from collections.abc import Callable


class CompileError(RuntimeError):
    """LLVM refuses a text, or its code cannot be loaded.

    Args:
        text: what LLVM says.
        cell: returns the cell that the text was made of, if it still lives; None for functions that
            all cells use.
    """

    def __init__(self, text: str, cell: Callable[[], object] | None = None) -> None:
        super().__init__(text)
        self.cell = cell

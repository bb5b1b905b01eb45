"""A block of code that is measured: what ``measure`` and ``high_water`` return."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, ContextDecorator
from types import TracebackType
from typing import Generic, NoReturn, TypeVar

from rnnbp.support.nearest import unknown

T_co = TypeVar("T_co", covariant=True)


class Measuring(AbstractContextManager[T_co], ContextDecorator, Generic[T_co]):
    """Measures the block of a ``with``, whose figures are of what the ``with`` returns.

    Args:
        begin: the context manager of a block; called again where a function that this decorates is.
        name: of the function that returned it, for errors.
    """

    def __init__(self, begin: Callable[[], AbstractContextManager[T_co]], name: str) -> None:
        self._begin, self._name, self._block = begin, name, begin()

    def _recreate_cm(self) -> Measuring[T_co]:
        return type(self)(self._begin, self._name)

    def __enter__(self) -> T_co:
        return self._block.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        return self._block.__exit__(kind, error, traceback)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # as copies ask for, of an object that has no attribute yet
            raise AttributeError(name)
        text = f"; {self._cure(name)}"
        raise unknown(f"{self._name}() has no attribute {name!r}", text, name, self)

    def __repr__(self) -> str:
        return f"<{self._name}(): {self._cure()}>"

    def _cure(self, name: str = "") -> str:
        what = f"used.{name}" if name else "print(used)"
        return f"it measures a block: with rnnbp.memory.{self._name}() as used: ..., then {what}"

"""Of several processes that ``mpiexec`` started, the first one speaks."""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Iterator

from rnnbp.support.launched import launched


def prefix() -> str:
    """Of a message: which process prints it, unless it is the first or only one."""
    rank = launched().rank
    return f"process {rank}: " if rank else ""


@contextlib.contextmanager
def only_first_prints() -> Iterator[None]:
    """Of several processes only the first prints and warns in a block; errors are no prints."""
    if not launched().rank:
        yield
        return
    with _silent_stdout(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def only_first_refuses(argv: list[str]) -> Iterator[None]:
    """While arguments of ``rnnbp train`` are read: help and errors are of the first process alone.

    The others end with status 0 then, because Open MPI ends all once one has failed, and the first
    would not get to its message.
    """
    if not launched().rank or argv[:1] != ["train"]:
        yield
        return
    try:
        with _silent_stdout(), contextlib.redirect_stderr(sys.stdout):
            yield
    except SystemExit:
        raise SystemExit(0) from None


@contextlib.contextmanager
def _silent_stdout() -> Iterator[None]:
    with open(os.devnull, "w", encoding="utf-8") as nowhere, contextlib.redirect_stdout(nowhere):
        yield

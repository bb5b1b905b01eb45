"""Threads of a command: of BLAS and of kernels alike."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from rnnbp.cli.errors import CommandError
from rnnbp.cli.options import whole
from rnnbp.machine import MOST_THREADS, THREADS
from rnnbp.runners.backend import as_backend
from rnnbp.runners.select import threads_of


def add_threads(group: argparse._ArgumentGroup) -> None:
    """The option ``--threads``."""
    group.add_argument(
        "--threads",
        type=whole(1, MOST_THREADS + 1),
        metavar="N",
        help="threads of matrix products; by default all with kernels, where results are the same "
        "to the bit by any number of them, and one with NumPy",
    )


def usual() -> int:
    """All threads for kernels, whose bits do not depend on them; one for NumPy, whose bits do.

    Raises CommandError if the environment names an impossible number of threads or backend.
    """
    try:
        return threads_of(as_backend(None))
    except (ValueError, ImportError) as error:
        raise CommandError(str(error)) from None


@contextmanager
def limited(n: int | None) -> Iterator[None]:
    """Limit the threads to n, whatever the environment says; None for the usual number."""
    n, before = n or usual(), os.environ.get(THREADS)
    try:
        _set(str(n))
        with threadpool_limits(n, user_api="blas"):
            yield
    finally:
        try:
            _set(before)
        except KeyboardInterrupt:  # a second one
            _set(before)
            raise


def _set(n: str | None) -> None:
    if n is None:
        os.environ.pop(THREADS, None)
    else:
        os.environ[THREADS] = n

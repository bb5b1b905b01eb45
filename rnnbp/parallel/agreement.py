"""Errors that all processes raise where one of them does."""

from __future__ import annotations

import json
from typing import NoReturn

import numpy as np

from rnnbp.numerics import NonFiniteError
from rnnbp.parallel.exchange import Exchange
from rnnbp.parallel.gathering import of_each, texts
from rnnbp.parallel.guard import elsewhere

NUMERICAL = (FloatingPointError, NonFiniteError)
"""Errors of numbers that are not finite."""


class ProcessError(RuntimeError):
    """Another process has raised an error, which is shown there; so no process goes on."""


def check_all(error: Exception | None, parallel: Exchange) -> None:
    """Raise in all processes if one of them has an error. All call it.

    Raises as ``raise_in_all`` does.
    """
    failed = of_each(np.array([error is not None]), parallel)
    if failed.any():
        raise_in_all(error, parallel)


def raise_in_all(error: Exception | None, parallel: Exchange) -> NoReturn:
    """Raise the own error, or where another process has one a ``ProcessError`` that names it.

    All processes call it, of which one at least has an error. Where all errors are of numbers that
    are not finite, so is that of the others, a FloatingPointError.
    """
    if error is not None and parallel.processes == 1:
        raise error
    known = None if error is None else f"{type(error).__name__}: {error}"
    found = [json.loads(each) for each in texts(_as_text(error, known), parallel)]
    rank = next(k for k, (_, text) in enumerate(found) if text is not None)
    where = f"in process {rank} of {parallel.processes}"
    if error is not None:
        error.add_note(f"in process {parallel.rank} of {parallel.processes}")
        raise error if parallel.rank == rank else elsewhere(error)
    numerical = all(kind for kind, text in found if text is not None)
    text = f"{where}: {found[rank][1]}"
    raise elsewhere(FloatingPointError(text) if numerical else ProcessError(text))


def _as_text(error: Exception | None, text: str | None) -> str:
    return json.dumps([isinstance(error, NUMERICAL), text])

"""Which of the tests of networks over time are run every time, and by what."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

T = TypeVar("T")


FEW = 5
"""One in this many of a long test's parameters runs in CI, all of them by ``-m long``."""


def quickly(names: Iterable[T], *chosen: T, few: int = FEW) -> list[Any]:
    """Parameters of a test: of all names those that are chosen, the others where long ones run.

    Of these one in ``few`` is left in CI.
    """
    every = list(names)
    unknown = [name for name in chosen if name not in every]
    assert not unknown, f"{unknown} are not among {every}"
    long, grid = pytest.mark.long, pytest.mark.grid
    marks = [[long] if k % few == 0 else [long, grid] for k in range(len(every))]
    return [
        pytest.param(name, marks=[] if name in chosen else mark)
        for name, mark in zip(every, marks, strict=True)
    ]

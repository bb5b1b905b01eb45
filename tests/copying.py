"""Every way by which an object is copied or pickled, for tests."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from io import BytesIO
from typing import Any

import joblib
import pytest


def by_joblib(given: Any, **options: Any) -> Any:
    """Through a file of joblib, whose pickler writes each array wherever it meets it."""
    file = BytesIO()
    joblib.dump(given, file, **options)
    file.seek(0)
    return joblib.load(file)


def by_pickle(protocol: int) -> Callable[[Any], Any]:
    return lambda given: pickle.loads(pickle.dumps(given, protocol))


WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    **{f"pickle {protocol}": by_pickle(protocol) for protocol in range(6)},
    "joblib": by_joblib,
    "joblib, compressed": lambda given: by_joblib(given, compress=1),
}
FIRST = ("deepcopy", "pickle 0", "pickle 5", "joblib")
"""Protocols 0 and 1, and those from 2, have one way each; the others are tried in long runs."""
OTHERS = [pytest.param(way, marks=pytest.mark.long) for way in WAYS.keys() - {*FIRST}]
ways = pytest.mark.parametrize("way", [*FIRST, *sorted(OTHERS, key=str)])

"""Runs cases, writes what they find to a file, and compares two files of findings."""

from __future__ import annotations

import json
import os
import re
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from threadpoolctl import threadpool_limits

import rnnbp as rb
from tests.corpus.case import Case
from tests.corpus.digests import Found

Findings: TypeAlias = dict[str, Found]


KEPT = re.compile(
    r"\d+\.actions|peak_bytes|peak_bytes_by_kind\..*|steps_(run|rerun|rebuilt)|output_bytes"
)
"""Names of what is kept for every machine; the rest would be long, or is an estimate of Python's own objects."""


def portable(found: Found) -> Found:
    """Of what a portable case finds, what is kept in a file for every machine."""
    return {name: value for name, value in found.items() if KEPT.fullmatch(name)}


@contextmanager
def environment(**values: str) -> Iterator[None]:
    """Variables of the environment for a while."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def found_by(case: Case) -> Found:
    """What a case finds, with no memory left by the case before; of one that fails, the error."""
    rb.release_memory()
    variables = environment(RNNBP_BACKEND=case.backend, RNNBP_NUM_THREADS=str(case.threads))
    with variables, threadpool_limits(case.threads), warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings(
            "ignore", "mask of shape"
        )  # a small one may look like lengths by chance
        try:
            return case.what.run()
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}


def write(path: Path, surroundings: dict[str, str], findings: Findings) -> None:
    """Write findings, a line for each case; no surroundings are those of every machine."""
    cases = [
        f"{json.dumps(name)}: {json.dumps(found, sort_keys=True)}"
        for name, found in findings.items()
    ]
    head = f'{{"surroundings": {json.dumps(surroundings)}, "cases": {{\n'
    path.write_text(head + ",\n".join(cases) + "\n}}\n", encoding="utf-8")


def read(path: Path) -> tuple[dict[str, str], Findings]:
    held: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return held["surroundings"], held["cases"]


def differences(before: Found, after: Found, leave_out: Iterable[str] = ()) -> list[str]:
    """A line for each name whose value differs; names whose path has a part to be left out are not compared."""
    left = set(leave_out)
    names = [name for name in {**before, **after} if not left & set(name.split("."))]
    none = "nothing"
    return [
        f"{name}: {before.get(name, none)} before, {after.get(name, none)} now"
        for name in names
        if before.get(name) != after.get(name)
    ]

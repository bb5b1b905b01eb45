"""A case: what is run, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from tests.corpus.digests import Found


class What(Protocol):
    """What a case runs."""

    def run(self) -> Found: ...


@dataclass(frozen=True)
class Case:
    """A run under a backend of the environment and a number of threads."""

    name: str
    what: What
    backend: str = "llvm"
    threads: int = 1
    portable: bool = False
    """Whether what it finds is the same on every machine."""

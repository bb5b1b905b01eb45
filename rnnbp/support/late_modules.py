"""Modules that are imported when they are first named."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from typing import NoReturn


def importing(
    package: str, modules: Collection[str], otherwise: Callable[[str], NoReturn]
) -> Callable[[str], object]:
    """The ``__getattr__`` of a package: these modules of it, and for all else ``otherwise``."""

    def found(name: str) -> object:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        return otherwise(name)

    return found

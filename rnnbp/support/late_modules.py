"""Modules, and functions of modules, that are imported when they are first named."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection, Mapping
from typing import NoReturn


def importing(
    package: str,
    modules: Collection[str],
    members: Mapping[str, str],
    otherwise: Callable[[str], NoReturn],
) -> Callable[[str], object]:
    """The ``__getattr__`` of a package: modules of it, and members of others, by their module.

    For all else it is ``otherwise``.
    """

    def found(name: str) -> object:
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name in members:
            return getattr(importlib.import_module(f"{package}.{members[name]}"), name)
        return otherwise(name)

    return found


def late(module: str, name: str) -> Callable[..., object]:
    """A function of a module that is imported when it is first called, as those that draw."""

    def called(*args: object, **options: object) -> object:
        return getattr(importlib.import_module(module), name)(*args, **options)

    return called

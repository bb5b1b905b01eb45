"""Libraries that are imported when a function needs them."""

from __future__ import annotations

import importlib
from types import ModuleType


def needed(module: str, extra: str, function: str) -> ModuleType:
    """The module of another library. Raises ImportError, which names the extra that installs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f"{function} needs {module.partition('.')[0]}, which cannot be imported ({error}): "
            f"python -m pip install 'rnnbp[{extra}]'"
        ) from error

"""Files of tests that need what may not be installed, and are one skip without it."""

from __future__ import annotations

from importlib.util import find_spec

import pytest


def need(*packages: str, extra: str) -> None:
    """Skip the file of tests that calls this, unless these are installed; imports none of them."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        pytest.skip(
            f"not installed: {', '.join(missing)}; pip install 'rnnbp[{extra}]'",
            allow_module_level=True,
        )

"""Keras that is not installed, or is too old: an error that names the extra."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

import rnnbp as rb

pytestmark = pytest.mark.alike


@pytest.mark.parametrize("name", ["from_keras", "to_keras"])
def test_an_error_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ImportError, match=rf"{name} needs Keras 3 .*'rnnbp\[keras\]'.*torch"):
        getattr(rb.interchange, name)(rb.LSTM(3, 4))


def test_keras_2_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    old = ModuleType("keras")
    monkeypatch.setattr(old, "__version__", "2.15.0", raising=False)
    monkeypatch.setitem(sys.modules, "keras", old)
    with pytest.raises(ImportError, match=r"needs Keras 3, found 2.15.0; .*'rnnbp\[keras\]'"):
        rb.interchange.to_keras(rb.LSTM(3, 4))


def test_an_unknown_argument_is_refused_before_keras_is_imported() -> None:
    with pytest.raises(TypeError, match=r"to_keras: unknown option 'modell' .did you mean 'model'"):
        rb.interchange.to_keras(modell=rb.LSTM(3, 4))


@pytest.mark.quick
def test_the_module_does_not_import_keras() -> None:
    code = "import sys, rnnbp; rnnbp.interchange.from_keras; assert 'keras' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""Values of objects, for as long as the objects live."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from rnnbp.support.weak import WeakKeys


class Model:
    """Something that can be a key."""


@pytest.mark.quick
def test_a_value_that_holds_another_key_is_cleared_without_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    errors: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", errors.append)
    first, second = Model(), Model()
    known: WeakKeys[Model, Model] = WeakKeys()
    known[first] = second
    known[second] = Model()
    del second  # the first value alone holds it
    known.clear()
    assert len(known) == 0
    assert errors == []

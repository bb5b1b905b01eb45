"""Methods of a person's own layers that return something of another kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.lying_layers import BATCH, SIZE, Says, every_backend, gradients


class Returns(Says):
    """Gives what it is told from one of its methods."""

    def __init__(self, method: str, given: Any) -> None:
        super().__init__()
        setattr(self, method, lambda *_: given)


METHODS: list[tuple[str, Any, str]] = [
    ("forward", None, r"forward must return \(y, saved\), found NoneType"),
    (
        "forward",
        np.zeros((3, BATCH, SIZE), np.float32),
        r"forward must return \(y, saved\), found ndarray",
    ),
    (
        "forward",
        (np.zeros((3, BATCH, SIZE), np.float32), None),
        "forward must save a tuple of arrays, found NoneType",
    ),
    ("backward_inputs", None, "backward_inputs must return a tuple of 1 deltas, found NoneType"),
    (
        "backward_inputs",
        (None, None),
        "backward_inputs must return a tuple of 1 deltas, found 2 deltas",
    ),
    ("backward_params", None, "backward_params must return a dict of arrays, found NoneType"),
    ("backward_params", {}, r"backward_params must return \['scale'\], found \[\]"),
    (
        "backward_params",
        {"scale": 0, "more": 0},
        r"backward_params must return \['scale'\], found \['scale', 'more'\]",
    ),
]


@every_backend
@pytest.mark.parametrize(("method", "given", "message"), METHODS)
def test_a_method_that_gives_something_else(
    method: str, given: Any, message: str, backend: str
) -> None:
    with pytest.raises(TypeError, match=rf"^Returns\(\): {message}"):
        gradients(Returns(method, given), backend)

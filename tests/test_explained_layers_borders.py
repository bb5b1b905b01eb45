"""Layers that keep a cell from machine code are named by ``explain``, with a cure."""

from __future__ import annotations

from typing import Any

import pytest

import rnnbp as rb
from tests.plain_layers import Plain

LAYERS = [
    Plain(),
]


def explained(activation: Any, *, inside: bool) -> str:
    x, h = rb.Input(3), rb.State(4, "h")
    z = rb.Dense((3, 4), 4)(x, h)
    new = activation(z) if inside else rb.Tanh()(z)
    return str(rb.explain(rb.Cell(x, {h: new}, new)))


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_it_is_named_with_the_way_around(layer: Any) -> None:
    text = " ".join(explained(layer, inside=True).split())
    assert (
        f"runs by NumPy under every backend that compiles, because {layer} runs as Python" in text
    )
    assert (
        "(before or after the cell, in a Sequential, such a layer does not keep the cell from "
        "running" in text
    )


def test_outside_the_cell_it_does_not() -> None:
    text = explained(rb.Tanh(), inside=False)
    assert "runs as machine code under the backend llvm" in text
    assert "runs as Python" not in text

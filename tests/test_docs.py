"""What ``help`` says."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

import rnnbp as rb
from rnnbp.graph import cells

UNITS = [n for n in rb.layers.__all__ if n not in ("Layer", "Keeps")] + [
    *(n for n in cells.__all__ if n != "Options"),
    "Recurrent",
]
KERNELS = (Path(__file__).parents[1] / "docs/kernels.md").read_text(encoding="utf-8")
OPAQUE = [
    kind.__name__
    for kind in vars(rb.layers).values()
    if isinstance(kind, type) and issubclass(kind, rb.Layer) and kind.lower is rb.Layer.lower
]
"""Layers that run as Python in a cell."""


@pytest.mark.parametrize("name", rb.__all__)
def test_every_public_name_has_a_docstring_of_its_own(name: str) -> None:
    """Inherited ones, and the signature that a dataclass makes, do not count."""
    value = getattr(rb, name)
    text = vars(value).get("__doc__") if inspect.isclass(value) else value.__doc__
    assert text
    assert not text.startswith(f"{name}(")


DESCRIBED = {**vars(rb.optim), **vars(rb.losses)}
ALIASES = {"Schedule"}  # of a type: help shows what it stands for


@pytest.mark.parametrize("name", sorted({*rb.optim.__all__, *rb.losses.__all__} - ALIASES))
def test_so_have_optimisers_and_losses(name: str) -> None:
    assert DESCRIBED[name].__doc__
    assert not DESCRIBED[name].__doc__.startswith(f"{name}(")


@pytest.mark.parametrize("name", UNITS)
def test_help_gives_shapes(name: str) -> None:
    assert "Shapes: " in inspect.cleandoc(getattr(rb, name).__doc__ or "")


def listed(text: str, begin: str, end: str) -> set[str]:
    """The words of a list of layers that stands in a text."""
    return set(re.findall(r"\w+", text.partition(begin)[2].partition(end)[0])) & {*UNITS, "Layer"}


def test_the_page_on_kernels_names_the_layers_that_run_as_python() -> None:
    found = listed(KERNELS, "a layer that is Python code (", ", or a layer of your own")
    assert found == {*OPAQUE} - {"Layer"}


def test_help_of_a_cell_names_the_layers_that_run_as_python() -> None:
    found = listed(rb.Cell.__doc__ or "", "its layers runs as Python: ", "and a custom layer")
    assert found == {*OPAQUE} - {"Layer"}

"""What ``help`` says."""

from __future__ import annotations

import inspect

import pytest

import rnnbp as rb

UNITS = [n for n in rb.layers.__all__ if n not in ("Layer", "Keeps")] + [
    "RNN",
    "LSTM",
    "GRU",
    "Recurrent",
]


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

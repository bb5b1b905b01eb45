"""Docstrings of public names: their examples run, and every argument has a line of its own."""

from __future__ import annotations

import doctest
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import rnnbp as rb

MODULES = (
    "",
    ".actions",
    ".compare",
    ".initializers",
    ".layers",
    ".losses",
    ".memory",
    ".optim",
    ".schedules",
    ".train",
)
RESULTS = {f"rb.compare.{name}" for name in ("Comparison", "LeftOut", "Row", "Timeline")}
RESULTS |= {f"rb.actions.{name}" for name in rb.actions.__all__} | {
    "rb.memory.HighWater",
    "rb.optim.LBFGSResult",
}
RESULTS |= {"rb.Explanation", "rb.Forecast", "rb.Plan", "rb.Stats", "rb.schedules.Foreign"}
"""What is returned, not built; what needs others' packages; actions, shown by their module."""


def public() -> Iterator[tuple[str, object]]:
    """(name, object) of all public classes and functions, each once."""
    seen: set[int] = set()
    for place in MODULES:
        module = importlib.import_module(f"rnnbp{place}")
        for name in module.__all__:
            value = getattr(module, name)
            if (inspect.isclass(value) or inspect.isfunction(value)) and id(value) not in seen:
                seen.add(id(value))
                yield f"rb{place}.{name}", value


PUBLIC = dict(public())
ERRORS = [
    name
    for name, value in PUBLIC.items()
    if inspect.isclass(value) and issubclass(value, Exception)
]
ERRORS += ["rb.Options"]  # whose keys have lines, checked with its cells
ROOT = Path(rb.__file__).parent
WITH_EXAMPLES = sorted(
    path for path in ROOT.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")
)
"""Modules with examples, of public names and others."""


def arguments(value: object) -> list[str]:
    """The names of the arguments of a class or function."""
    return [
        name
        for name in inspect.signature(value).parameters
        if name[0] != "_" and name not in ("args", "kwargs")
    ]  # type: ignore[arg-type]


@pytest.mark.long
@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_examples_run(path: Path) -> None:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    found = doctest.testmod(importlib.import_module(".".join(parts).removesuffix(".__init__")))
    assert found.failed == 0 < found.attempted


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - set(ERRORS) - RESULTS))
def test_there_is_an_example(name: str) -> None:
    assert ">>> " in (inspect.getdoc(PUBLIC[name]) or "")


@pytest.mark.parametrize("name", sorted(set(PUBLIC) - set(ERRORS)))
def test_every_argument_has_a_line(name: str) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    described = re.findall(r"^    ((?:\w+, )*\w+): ", text, re.MULTILINE)
    assert set(arguments(PUBLIC[name])) - set(", ".join(described).split(", ")) == set()
    assert not re.findall(r"^    \w+: .*\. \w+: .*", text, re.MULTILINE)


@pytest.mark.parametrize(
    "name", [name for name, value in PUBLIC.items() if inspect.isfunction(value)]
)
def test_functions_say_what_they_return(name: str) -> None:
    nothing = inspect.signature(PUBLIC[name]).return_annotation in ("None", None)  # type: ignore[arg-type]
    assert nothing or "Returns:\n" in (inspect.getdoc(PUBLIC[name]) or "")


@pytest.mark.parametrize("name", ["LSTM", "GRU", "RNN"])
def test_help_of_recurrent_layers_lists_their_options(name: str) -> None:
    described = re.findall(
        r"^    ((?:\w+, )*\w+): ", inspect.getdoc(getattr(rb, name)) or "", re.MULTILINE
    )
    assert set(rb.Options.__annotations__) <= set(", ".join(described).split(", "))

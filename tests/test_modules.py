"""How the library's modules are written: short, of short functions, with types that say something."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import rnnbp

pytestmark = pytest.mark.alike

HERE = Path(rnnbp.__file__).parent
LONGEST, USUAL, FUNCTION = 300, 120, 30
"""Lines of a module at most, of most modules, and of a function at most."""
UNKNOWN = 114
"""``Any`` in the whole package at most, the lines that import it included."""


@cache
def texts() -> dict[str, str]:
    """The text of each module, by its path in the package."""
    return {
        str(path.relative_to(HERE)): path.read_text(encoding="utf-8")
        for path in sorted(HERE.rglob("*.py"))
    }


def lengths() -> dict[str, int]:
    """The lines of each module."""
    return {name: len(text.splitlines()) for name, text in texts().items()}


def own_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """The lines of a function without its docstring."""
    assert function.end_lineno is not None
    lines = function.end_lineno - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return lines
    assert first.end_lineno is not None
    return lines - (first.end_lineno - first.lineno + 1)


@pytest.mark.quick
def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    assert {name: count for name, count in lengths().items() if count > LONGEST} == {}


def test_most_modules_are_short() -> None:
    long = [name for name, count in lengths().items() if count > USUAL]
    assert 3 * len(long) < len(lengths())


@pytest.mark.quick
def test_functions_are_short() -> None:
    found = {
        f"{name}: {node.name}": own_lines(node)
        for name, text in texts().items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: count for name, count in found.items() if count > FUNCTION} == {}


def test_few_types_say_nothing() -> None:
    words = [word for text in texts().values() for word in re.findall(r"\bAny\b", text)]
    assert len(words) <= UNKNOWN


def test_lines_are_at_most_100_columns_but_for_a_few() -> None:
    lines = [line for text in texts().values() for line in text.splitlines()]
    assert 100 * sum(len(line) > 100 for line in lines) < len(lines)

"""How tests are written: short files, no branches, nothing that pins the inside of an object."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.alike

HERE = Path(__file__).parent
LONGEST = 300
LOOPS = ast.For | ast.While
BRANCH = r"^\s+(if|match)\b"
"""A line that may begin a branch: nothing can stand before it, or between it and its words."""
CHAIN = r"\._(?!_)\w+[\s\\]*[.\[(]"
"""A private attribute of which something is taken."""
RUNS = r"\b(?:bptt|predict|evaluate|fit|check_grads|forecast|plan|sample)\(|[b]ackend|[k]ernel"
"""What may run a model; in brackets what this file itself would be found by."""


@cache
def texts() -> dict[str, str]:
    """The text of each file of tests and helpers, by name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(HERE.glob("*.py"))}


def nodes(where: str) -> Iterator[tuple[str, ast.AST]]:
    """(name, node) of all nodes of the files whose text has what the pattern says.

    To read the syntax of all of them takes many times as long as to look for a pattern.
    """
    for name, text in texts().items():
        if re.search(where, text, re.MULTILINE):
            yield from ((name, node) for node in ast.walk(ast.parse(text)))


def functions(where: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """(place, function) of each test in these files."""
    for name, node in nodes(where):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield f"{name}: {node.name}", node


def is_private(name: str) -> bool:
    """True if a name begins with one underscore."""
    return name.startswith("_") and not name.startswith("__")


def owner(node: ast.Attribute) -> ast.expr:
    """What an attribute is taken from: of ``a[0]`` or ``a()``, ``a``."""
    found = node.value
    while isinstance(found, ast.Subscript | ast.Call):
        found = found.value if isinstance(found, ast.Subscript) else found.func
    return found


def chains(found: Iterable[ast.AST]) -> Iterator[str]:
    """Private attributes of private attributes, as ``a._b._c``."""
    for node in found:
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            of = owner(node)
            if isinstance(of, ast.Attribute) and is_private(of.attr):
                yield ast.unparse(node)


def test_no_file_is_longer_than_can_be_read_at_once() -> None:
    lengths = {
        path.name: len(path.read_text(encoding="utf-8").splitlines()) for path in HERE.rglob("*.py")
    }
    assert {name: count for name, count in lengths.items() if count > LONGEST} == {}


def test_no_test_has_a_branch() -> None:
    """A test that does two things is two tests, or has a parameter with what is expected."""
    assert [
        f"{place}, line {node.lineno}"
        for place, test in functions(BRANCH)
        for node in ast.walk(test)
        if isinstance(node, ast.If | ast.Match)
    ] == []


def test_no_test_is_skipped_in_a_loop() -> None:
    """What follows would not be run, though the test passes for those before."""
    assert [
        f"{place}, line {node.lineno}"
        for place, test in functions(r"\bskip\b")
        for loop in ast.walk(test)
        if isinstance(loop, LOOPS)
        for node in ast.walk(loop)
        if isinstance(node, ast.Attribute) and node.attr == "skip"
    ] == []


def test_no_test_pins_private_chains() -> None:
    found = [f"{name}: {chain}" for name, node in nodes(CHAIN) for chain in chains([node])]
    assert found == []


def test_no_file_takes_what_another_test_file_defines() -> None:
    """What several share is in a helper module, so that it is found where it is looked for."""
    assert [
        f"{name}, line {node.lineno}"
        for name, node in nodes(r"^\s*from\s+tests\.test_")
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.test_")
    ] == []


def test_no_file_runs_a_model_that_says_it_is_alike_without_machine_code() -> None:
    alike = {
        name: text for name, text in texts().items() if "pytestmark = pytest.mark.alike" in text
    }
    assert len(alike) > 5
    assert {name: found for name, text in alike.items() if (found := re.findall(RUNS, text))} == {}


def test_these_checks_see_what_they_look_for() -> None:
    tree = ast.parse("a._b._c; a._b[0]._c; a._b()._c; a._b.c; a.__b__._c; _a._b")
    assert list(chains(ast.walk(tree))) == ["a._b._c", "a._b[0]._c", "a._b()._c"]


@pytest.mark.parametrize(
    ("line", "where"),
    [
        ("    if x: pass", BRANCH),
        ("    if(x): pass", BRANCH),
        ("        match x:", BRANCH),
        ("a._b._c", CHAIN),
        ("a._b[0]._c", CHAIN),
        ("a._b()._c", CHAIN),
        ("(a._b\n ._c)", CHAIN),
        ("a._b\\\n ._c", CHAIN),
    ],
)
def test_no_file_is_passed_over_that_has_what_they_look_for(line: str, where: str) -> None:
    assert re.search(where, f"def test() -> None:\n    pass\n{line}\n", re.MULTILINE)

"""How tests are written: short files, no branches, nothing that pins the inside of an object."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
LONGEST = 300
LOOPS = ast.For | ast.While


@cache
def trees() -> dict[str, ast.Module]:
    """The syntax of each file of tests and helpers, by name."""
    files = sorted(HERE.glob("*.py"))
    return {path.name: ast.parse(path.read_text(encoding="utf-8")) for path in files}


@cache
def nodes() -> dict[str, list[ast.AST]]:
    """All nodes of each file, by name."""
    return {name: list(ast.walk(tree)) for name, tree in trees().items()}


def functions() -> Iterator[tuple[str, ast.FunctionDef]]:
    """(place, function) of each test."""
    for name, found in nodes().items():
        for node in found:
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
        for place, test in functions()
        for node in ast.walk(test)
        if isinstance(node, ast.If | ast.Match)
    ] == []


def test_no_test_is_skipped_in_a_loop() -> None:
    """What follows would not be run, though the test passes for those before."""
    assert [
        f"{place}, line {node.lineno}"
        for place, test in functions()
        for loop in ast.walk(test)
        if isinstance(loop, LOOPS)
        for node in ast.walk(loop)
        if isinstance(node, ast.Attribute) and node.attr == "skip"
    ] == []


def test_no_test_pins_private_chains() -> None:
    assert [f"{name}: {chain}" for name, found in nodes().items() for chain in chains(found)] == []


def test_no_file_takes_what_another_test_file_defines() -> None:
    """What several share is in a helper module, so that it is found where it is looked for."""
    assert [
        f"{name}, line {node.lineno}"
        for name, found in nodes().items()
        for node in found
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("tests.test_")
    ] == []


def test_these_checks_see_what_they_look_for() -> None:
    tree = ast.parse("a._b._c; a._b[0]._c; a._b()._c; a._b.c; a.__b__._c; _a._b")
    assert list(chains(ast.walk(tree))) == ["a._b._c", "a._b[0]._c", "a._b()._c"]

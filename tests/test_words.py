"""No text that a user reads has a word that this project's style rejects."""

from __future__ import annotations

import argparse
import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import rnnbp as rb
from rnnbp.cli.main import build_parser

ROOT = Path(rb.__file__).parent
REJECTED = {
    r"foret(?:ell|old)\w*": "predict",
    r"besides?": "next to, apart from, as well as",
    r"so many": "N, that many",
    r"by (?:it|them)sel(?:f|ves)": "alone, each separately",
    r"(?:is|are|was|were) none": "does not exist, is not a",
    r"[,;:] for (?:it|they|there|these|nothing|nobody|he|such)": "because",
    r"(?:told|asked|asks)": "passed, requested, called",
    r"(?:gives|gave)": "returns, has, sets",
    r"(?:is|are|was|were|be|of|has|have|had|with|by) another": "a different, a second",
    r"(?:is|are|was|were|be|has|have|had) others?(?=[;:,.]|$)": "differs",
    r"will do": "works too",
    r"would do": "is enough",
    r"(?:in|by) turns?": "alternately",
    r"makes? of (?:it|a|the)": "computes from",
    r"nobody": "no thread, no caller",
    r"[Oo]f that \w+\.": "a whole sentence",
}
"""What is rejected, and what is written instead."""
PATTERN = re.compile("|".join(rf"(?<!\w){word}(?!\w)" for word in REJECTED))
CODE = re.compile(r"%\w+ = ")
"""Text of LLVM, which is not prose."""
PARTS = (
    rb,
    rb.losses,
    rb.optim,
    rb.schedules,
    rb.initializers,
    rb.memory,
    rb.parallel,
    rb.compare,
    rb.estimators,
    rb.actions,
    rb.layers,
)
PACKAGES = sorted({path.parent for path in ROOT.rglob("*.py")})


def rejected(text: str) -> list[str]:
    """The rejected words in ``text``, with the words around them."""
    flat = re.sub(r"\s+", " ", text)
    return [flat[max(0, m.start() - 30) : m.end() + 30] for m in PATTERN.finditer(flat)]


def documented(module: ModuleType) -> Iterator[tuple[str, str]]:
    """(name, docstring) of a public module, its public names, and its classes' members."""
    yield module.__name__, inspect.getdoc(module) or ""
    for name in getattr(module, "__all__", vars(module)):
        value = getattr(module, name)
        if getattr(value, "__module__", "").startswith("rnnbp."):
            yield f"{module.__name__}.{name}", inspect.getdoc(value) or ""
            yield from members(f"{module.__name__}.{name}", value)


def members(name: str, owner: object) -> Iterator[tuple[str, str]]:
    """(name, docstring) of the public methods and properties of a class."""
    for key, member in vars(owner).items() if inspect.isclass(owner) else ():
        if not key.startswith("_") and (callable(member) or isinstance(member, property)):
            yield f"{name}.{key}", member.__doc__ or ""


def literals(path: Path) -> Iterator[tuple[str, str]]:
    """(place, text) of a module's string literals but docstrings: errors, warnings, reprs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare:
            yield f"{path.name}:{node.lineno}", node.value


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A parser, then those of its commands."""
    yield parser
    for action in parser._actions:
        choices = action.choices if isinstance(action, argparse._SubParsersAction) else {}
        for command in choices.values():
            yield from commands(command)


@pytest.mark.quick
@pytest.mark.parametrize("module", PARTS, ids=lambda module: module.__name__)
def test_public_docstrings(module: ModuleType) -> None:
    assert {name: words for name, text in documented(module) if (words := rejected(text))} == {}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT.parent)))
def test_errors_and_warnings(package: Path) -> None:
    texts = (each for path in package.glob("*.py") for each in literals(path))
    assert {
        place: words for place, text in texts if not CODE.search(text) and (words := rejected(text))
    } == {}


def test_help_of_commands() -> None:
    assert {
        parser.prog: words
        for parser in commands(build_parser())
        if (words := rejected(parser.format_help()))
    } == {}


def test_readme() -> None:
    assert rejected((ROOT.parent / "README.md").read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "the bytes that are foretold",
        "  beside\n it",
        "it is\nanother",
        "its batch and loss are others; plan",
        "told",
    ],
)
def test_rejected_words_are_found(text: str) -> None:
    assert len(rejected(text)) == 1


@pytest.mark.parametrize(
    "text",
    ["one after another", "give another mask", "x has other values", "not holding its folder"],
)
def test_other_words_are_not(text: str) -> None:
    assert rejected(text) == []

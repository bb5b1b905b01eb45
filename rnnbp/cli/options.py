"""How options are parsed and shown: ranges, defaults in the help, errors in one line."""

from __future__ import annotations

import argparse
import difflib
import math
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn

from rnnbp.cli.encodings import known
from rnnbp.support.nearest import hint, meant

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


WIDEST = 100
"""Columns beyond which lines of words are hard to read."""

_NEXT = "; it learns to predict the next byte, which a model that reads backward would have seen: "
_OWN = "; its model is of bytes, of --cell, --layers and --units: "
ELSEWHERE = {
    ("train", "--bidirectional"): f"{_NEXT}in Python rnnbp.Bidirectional and rnnbp.fit",
    ("train", "--model"): f"{_OWN}for one of your own call rnnbp.fit in Python",
}
"""By command and unknown option, what to do in its place."""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and that notes the options that were passed."""

    def __init__(self, **options: Any) -> None:  # Any: argparse's own, each of its type
        super().__init__(
            formatter_class=lambda prog: _Help(prog, max_help_position=32, width=_columns()),
            allow_abbrev=False,
            **options,
        )
        self.register("action", None, _Noted)
        self.register("action", "store", _Noted)

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}; see {self.prog} --help\n")

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """argparse's own check of choices, whose error names the nearest one too."""
        if action.choices is not None and value not in action.choices:
            found = f"invalid choice: {value!r}{hint(value, [*map(str, action.choices)])}"
            known = ", ".join(map(repr, action.choices))
            raise argparse.ArgumentError(action, f"{found} (choose from {known})")

    def _print_message(self, message: str, file: SupportsWrite[str] | None = None) -> None:
        """Write a message; argparse's own ignores that stdout, as of --help, cannot be written."""
        if file is not None and file is sys.stdout:
            file.write(message)
        else:
            super()._print_message(message, file)

    def parse_all(self, argv: list[str] | None) -> argparse.Namespace:
        """The options of a command line. An unknown one ends the program with the nearest name."""
        for word in argv or ():
            if "\0" in word:  # a shell cannot pass one, a program can
                self.error(f"the argument {word!r} has a character NUL; leave it out")
        options, unknown = self.parse_known_args(argv)
        if unknown:
            command: Parser = vars(options).get("parser", self)
            near = difflib.get_close_matches(
                unknown[0].split("=")[0], command.option_names(), n=1, cutoff=0.7
            )
            way = ELSEWHERE.get((command.prog.split()[-1], unknown[0].split("=")[0]), "")
            found = meant(near[0]) if near and not way else way
            command.error(f"unknown argument {unknown[0]}{found}")
        return options

    def option_names(self) -> list[str]:
        """Every option's name, as --units."""
        return [name for action in self._actions for name in action.option_strings]


def _columns() -> int:
    """Columns of the help: those of the terminal, 80 in a pipe, and at most 100."""
    return max(40, min(WIDEST, shutil.get_terminal_size().columns))


class _Noted(argparse.Action):
    """Stores a value, and records that it was passed."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        setattr(namespace, self.dest, values)
        namespace.given = given(namespace) | {self.dest}


def given(options: argparse.Namespace) -> set[str]:
    """The names of the options that were passed."""
    found: set[str] = vars(options).get("given", set())
    return found


class _Help(argparse.HelpFormatter):
    """Appends the default to the help of an option, unless it is empty, or a list in words."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        shown = not isinstance(action.default, bool | list | tuple) and action.default not in (
            None,
            argparse.SUPPRESS,
            "",
        )
        return f"{action.help} (default: %(default)s)" if shown else action.help


def whole(least: int, below: float = math.inf) -> Callable[[str], int]:
    """Reads an integer in [least, below)."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a whole number, found {text!r}") from None
        if not least <= value < below:
            limits = (
                f"at least {least}"
                if below == math.inf
                else f"at least {least} and below {below:.4g}"
            )
            raise argparse.ArgumentTypeError(f"must be {limits}, found {value}")
        return value

    return read


def number(least: float, below: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """Reads a float in [least, below), or in (least, below) if ``above``."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a number, found {text!r}") from None
        if not (least < value if above else least <= value) or not value < below:
            limits = f"{'above' if above else 'at least'} {least:g} and "
            limits += "finite" if below == math.inf else f"below {below:g}"
            raise argparse.ArgumentTypeError(f"must be {limits}, found {text}")
        return value

    return read


def encoding(text: str) -> str:
    """Reads the name of an encoding of texts."""
    try:
        return known(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def checkpoint(text: str) -> str | int:
    """Reads all, sqrt or a number of chunks."""
    if text in ("all", "sqrt"):
        return text
    try:
        return whole(1)(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"must be all, sqrt or a number of chunks from 1, found {text!r}"
        ) from None

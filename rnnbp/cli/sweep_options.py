"""The options of ``rnnbp train`` as a file names them."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from contextlib import chdir
from pathlib import Path

from rnnbp.cli import train_options
from rnnbp.cli.errors import CommandError
from rnnbp.cli.options import Parser
from rnnbp.cli.own_training import check_function
from rnnbp.numerics import shown
from rnnbp.storage import JSON
from rnnbp.support.nearest import hint
from rnnbp.trials.config import Config
from rnnbp.trials.launch import Launch

OWN = {
    "out": "each run has a folder in that of the sweep",
    "resume": "run the same sweep again, and it goes on",
    "override": "resume that run alone, with rnnbp train --resume",
    "quiet": "what runs print is in their output.txt",
    "help": "rnnbp train --help lists the options",
}
"""Options that a sweep does not take, and why."""
FIGURES = ("bits_per_character", "steps", "seconds")
"""What ``rnnbp train`` reports of a run."""


def check(config: Config) -> None:
    """Raise CommandError for an option that there is not, or a value that it does not take."""
    if config.function is not None:
        with chdir(config.path.parent):
            check_function(config.function, dict.fromkeys(_names(config)))
        return
    known = actions()
    for table, name, value in _values(config):
        where = f"{config.path}: [{table}] {name}"
        if name in OWN:
            raise CommandError(f"{where} is not for a sweep: {OWN[name]}")
        if name == "seed" and table != "train":
            raise CommandError(f"{where} is not for a sweep: give [sweep] seeds = [0, 1, 2]")
        if name not in known:
            raise CommandError(
                f"{config.path}: [{table}] has {name!r}, which is no option of rnnbp train"
                f"{hint(name, known)}; rnnbp train --help lists them"
            )
        _check_value(where, known[name], value)
    if {"epochs", "steps"} <= {*_names(config)}:
        raise CommandError(f"{config.path}: epochs and steps are both given; leave out one")
    figure = (config.sort_by or FIGURES[0]).removeprefix("-")
    if figure not in FIGURES:
        raise CommandError(
            f"{config.path}: [sweep] sort_by: rnnbp train reports no {figure!r}"
            f"{hint(figure, FIGURES)}; use one of {', '.join(FIGURES)}"
        )


def check_texts(config: Config, launches: Iterable[Launch]) -> None:
    """Raise CommandError for a text that is not there: one error, and not one of each run."""
    if config.function is not None:
        return
    found = (launch.task["options"] for launch in launches)
    texts = {str(each["text"]) for each in found if isinstance(each, dict) and "text" in each}
    for text in texts:
        if not Path(text).is_file():
            near = hint(Path(text).name, [p.name for p in config.path.parent.iterdir()])
            raise CommandError(
                f"{config.path}: the text {text} is not there{near}; paths are from the folder of "
                "this file"
            )


def actions() -> dict[str, argparse.Action]:
    """The options of ``rnnbp train``, by name."""
    parser = Parser(prog="rnnbp train")
    train_options.add_options(parser)
    return {action.dest: action for action in parser._actions}


def absolute(config: Config, options: dict[str, JSON]) -> dict[str, JSON]:
    """Options of a run, with the path of a text as a process elsewhere needs it."""
    text = options.get("text")
    if config.function is not None or not isinstance(text, str):
        return options
    return options | {"text": str(config.path.parent / text)}


def _names(config: Config) -> Iterator[str]:
    yield from config.fixed
    yield from config.grid
    yield from config.random
    yield from ["seed"] if config.seeds else []


def _values(config: Config) -> Iterator[tuple[str, str, JSON]]:
    """(table, name, value) of each; of a distribution its limits, or what it chooses from."""
    for name, value in config.fixed.items():
        yield "train", name, value
    for name, values in config.grid.items():
        yield from (("grid", name, value) for value in values)
    for name, each in config.random.items():
        yield from (("random", name, value) for value in each.values)
        if each.kind in ("uniform", "log-uniform"):  # whose limits may be whole, and draws are not
            yield "random", name, 0.123456
    yield from (("train", "seed", seed) for seed in config.seeds)


def _check_value(where: str, action: argparse.Action, value: JSON) -> None:
    """Raise CommandError for a value of the wrong type, or that the option does not take."""
    if isinstance(value, bool | list | dict):
        raise CommandError(f"{where} must be a number or a text, found {shown(value)}")
    try:
        found = action.type(str(value)) if callable(action.type) else value
        if action.choices is not None and type(found) is type(value):
            Parser(prog="rnnbp train")._check_value(action, value)
    except (argparse.ArgumentTypeError, argparse.ArgumentError) as error:
        why = error.message if isinstance(error, argparse.ArgumentError) else str(error)
        raise CommandError(f"{where}: {why}") from None
    if isinstance(value, str) and isinstance(found, int | float) and action.dest != "checkpoint":
        raise CommandError(
            f"{where} must be a number, found the text {value!r}; leave out the quotes"
        )
    if isinstance(found, str | Path) and not isinstance(value, str):
        raise CommandError(f"{where} must be a text, found {shown(value)}; write it in quotes")

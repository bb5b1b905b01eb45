"""A training function of your own, which a sweep calls with options and a folder."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from rnnbp.cli.errors import CommandError
from rnnbp.cli.importing import imported, of_user
from rnnbp.cli.runs import write_json
from rnnbp.cli.threads import limited
from rnnbp.numerics import shown
from rnnbp.storage import JSON
from rnnbp.support.nearest import hint
from rnnbp.trials.outcome import RESULT, plain

OPTION = "[sweep] function"
FOLDER = "folder"


def check_function(text: str, names: Iterable[str]) -> None:
    """Raise CommandError unless the function takes a folder and the options of these names."""
    found = imported(OPTION, text)
    if not callable(found):
        raise CommandError(f"{OPTION}: {text} is {shown(found)}, no function")
    parameters = inspect.signature(found).parameters.values()
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return
    known = {p.name: p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
    passed = [FOLDER, *names]
    for name in passed:
        if name not in known:
            raise CommandError(f"{OPTION}: {text} takes no {name!r}{hint(name, known)}")
    for name, parameter in known.items():
        if parameter.default is parameter.empty and name not in passed:
            raise CommandError(f"{OPTION}: {text} needs {name!r}; give it in [train] or [grid]")


def train_own(text: str, folder: Path, options: Mapping[str, JSON]) -> None:
    """Call the function and write the figures that it returns.

    Its exceptions propagate. Raises CommandError for anything but figures.
    """
    found, began = imported(OPTION, text), time.monotonic()
    if not callable(found):
        raise CommandError(f"{OPTION}: {text} cannot be called")
    with of_user(OPTION, text), limited(1):
        returned = found(folder=folder, **options)
    figures = _figures(text, returned)
    seconds = {"seconds": round(time.monotonic() - began, 1)}
    write_json(folder / RESULT, {**figures, **({} if "seconds" in figures else seconds)})


def _figures(text: str, returned: object) -> dict[str, float | str]:
    """The figures by name; a number alone is the "value"."""
    found = returned if isinstance(returned, Mapping) else {"value": returned}
    figures: dict[str, float | str] = {}
    for name, value in found.items():
        try:
            if not isinstance(name, str) or not name:
                raise TypeError
            figures[name] = plain(float(np.asarray(value)))
        except (TypeError, ValueError):
            raise CommandError(
                f"{text} returned {shown(returned)}; return a number, or a dict of numbers by name"
            ) from None
    if not figures:
        raise CommandError(f"{text} returned no figures; return at least one number")
    return figures

"""The figures that a run can monitor, by name: the loss and metrics, of training and validation."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from rnnbp.numerics import shown
from rnnbp.support.nearest import hint
from rnnbp.train.averages import Metric
from rnnbp.train.best import VALIDATION
from rnnbp.train.metrics import OTHER_NAMES
from rnnbp.train.monitor import HISTORYS, LOSS, Mode, Monitor

MODES: tuple[Mode, ...] = ("auto", "min", "max")
PREFIX = re.compile("(?:(?P<validation>val|valid|validation|eval|test|dev)|train|training)[-_/ ]")
"""How other libraries begin the names of figures."""
KNOWN: dict[str, Mode] = {"accuracy": "max", "mse": "min", "mae": "min"}
"""Which way is better, of the library's metrics."""


def as_monitor(
    given: object, mode: object, metrics: Sequence[Metric], losses: Sequence[str] = ()
) -> Monitor:
    """The figure that ``given`` names: the loss, that of an output, or one of the ``metrics``.

    Raises TypeError unless it is text, ValueError for an unknown name or mode.
    """
    asked = next((each for each in MODES if each == mode), None)
    if not isinstance(mode, str) or asked is None:
        ways = ", ".join(map(repr, MODES))
        raise ValueError(f"Trainer: mode is one of {ways}, found {shown(mode)}{hint(mode, MODES)}")
    if not isinstance(given, str):
        cure = (
            "name it: metrics=[f], monitor='val_f'"
            if callable(given)
            else "as 'val_loss' or 'val_accuracy'"
        )
        raise TypeError(f"Trainer: monitor is the name of a figure, found {shown(given)}; {cure}")
    figures = _figures(metrics, losses)
    name = _canonical(given, figures)
    if name not in figures:
        raise _unknown(given, figures, losses)
    base, validation, metric = figures[name]
    known = "min" if metric is None else KNOWN.get(metric.kind)
    return Monitor(name, base, validation, metric, known or asked, asked)


def _figures(
    metrics: Sequence[Metric], losses: Sequence[str]
) -> dict[str, tuple[str, bool, Metric | None]]:
    """By name (the name without "val_", True for those of validation, the metric or None)."""
    figures: dict[str, tuple[str, bool, Metric | None]] = {}
    known = [(LOSS, None), *((name, None) for name in losses)]
    for base, metric in (*known, *((each.name, each) for each in metrics)):
        figures[base] = base, False, metric
    for base, _, metric in [*figures.values()]:
        figures[VALIDATION + base] = base, True, metric
    return figures


def _canonical(given: str, figures: Collection[str]) -> str:
    """The name here of a figure that is named as in a History or a line of metrics."""
    if given in figures:
        return given
    if given == "validation":
        return VALIDATION + LOSS
    return VALIDATION + given.removeprefix(HISTORYS) if given.startswith(HISTORYS) else given


def _of_output(name: str, figure: str) -> bool:
    """True if a figure is ``figure`` of an output, as "val_tag_accuracy" of "val_accuracy"."""
    of_validation = figure.startswith(VALIDATION)
    base, rest = figure.removeprefix(VALIDATION), name.removeprefix(VALIDATION)
    return name.startswith(VALIDATION) == of_validation and rest.endswith(f"_{base}")


def _unknown(given: str, figures: Collection[str], losses: Sequence[str]) -> ValueError:
    """The error for a name that no figure has: with the nearest one, or the metric to request."""
    text = f"Trainer: no figure is called monitor={shown(given)}"
    known = ", ".join(map(repr, figures))
    found = PREFIX.match(given.lower())
    base = given.lower()[found.end() :] if found else given.lower()
    base = OTHER_NAMES.get(base, base)
    own = (VALIDATION if found and found["validation"] else "") + base
    of_outputs = [name for name in figures if losses and _of_output(name, own)]
    if of_outputs:
        return ValueError(
            f"{text}; of several outputs give monitor={' or '.join(map(repr, of_outputs))}"
        )
    if base in KNOWN and own not in figures and not losses:
        return ValueError(f"{text}; give metrics=[{base!r}] too, and monitor={own!r}")
    for output in [name.removesuffix(f"_{LOSS}") for name in losses]:
        metric = base.removeprefix(f"{output.lower()}_")
        if metric in KNOWN:
            name = f"{own.removesuffix(base)}{output}_{metric}"
            return ValueError(
                f"{text}; give metrics={{{output!r}: [{metric!r}]}} too, and monitor={name!r}"
            )
    near = hint(own if own in figures else given, figures)
    return ValueError(f"{text}{near}; they are {known}; a metric is one of them if metrics= has it")

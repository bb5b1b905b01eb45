"""Figures by name that know the names of ``monitor`` and of Keras too."""

from __future__ import annotations

import re
from typing import TypeVar

from rnnbp.numerics import shown
from rnnbp.support.nearest import hint
from rnnbp.wording.instead import HISTORY

V = TypeVar("V")
VALIDATION = re.compile("val[_/ -](.+)")
"""A figure of validation as ``monitor`` and Keras have it."""
SAME = {"val_loss": "validation", "validation_loss": "validation", "learning_rate": "lr"}
"""Other names in the line of a step."""

PENALTY = "penalty"
"""The sum of all penalties in the loss of a step; only where there are some."""


class Figures(dict[str, V]):
    """A dict in which ``["val_accuracy"]`` is ``["validation_accuracy"]``; an error says the names.

    >>> Figures(validation_accuracy=[0.5])["val_accuracy"]
    [0.5]
    """

    def __missing__(self, name: object) -> V:
        """The figure of another name. Raises KeyError with the names that there are."""
        if isinstance(name, str):
            of_validation = VALIDATION.fullmatch(name)
            other = SAME.get(name, f"validation_{of_validation[1]}" if of_validation else name)
            if other in self:
                return self[other]
        raise KeyError(f"no {shown(name)}{hint(name, self)}; {self._there(name)}")

    def _there(self, name: object) -> str:
        return f"there are {', '.join(map(repr, self))}" if self else "there is no figure"


class HistoryFigures(Figures[list[float]]):
    """The metrics of a History, which has the losses apart."""

    def _there(self, name: object) -> str:
        way = HISTORY.get(name, "") if isinstance(name, str) and "loss" in name else ""
        return way or super()._there(name)

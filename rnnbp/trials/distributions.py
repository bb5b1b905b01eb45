"""Distributions of options that are drawn at random."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rnnbp.numerics import shown
from rnnbp.storage import JSON
from rnnbp.support.nearest import hint
from rnnbp.trials.errors import ConfigError

KINDS = ("uniform", "log-uniform", "integers", "choice")
DIGITS = 6
"""Significant digits of numbers that are drawn, so that each machine draws the same."""


@dataclass(frozen=True)
class Distribution:
    """Of a kind: ``values`` is (low, high), both included, or of "choice" what is chosen from."""

    kind: str
    values: tuple[JSON, ...]

    def draw(self, rng: np.random.Generator) -> JSON:
        """A value. Each draw takes one number of ``rng``, whatever the kind."""
        at = float(rng.random())
        if self.kind == "choice":
            return self.values[int(at * len(self.values))]
        low, high = (float(str(value)) for value in self.values)
        if self.kind == "integers":
            first, last = (int(str(value)) for value in self.values)
            return first + int(at * (last - first + 1))
        if self.kind == "log-uniform":
            found = math.exp(math.log(low) + at * (math.log(high) - math.log(low)))
        else:
            found = low + at * (high - low)
        return min(max(float(f"{found:.{DIGITS}g}"), low), high)

    def as_json(self) -> JSON:
        """As in the file."""
        return {self.kind: list(self.values)}


def distribution(where: str, value: JSON) -> Distribution:
    """The distribution that a file describes, as {uniform = [0, 0.5]}. Raises ConfigError."""
    example = "write {uniform = [0, 0.5]}, {log-uniform = [1e-4, 1e-1]}, {integers = [8, 64]} or "
    example += '{choice = ["lstm", "gru"]}'
    if not isinstance(value, dict) or len(value) != 1:
        raise ConfigError(f"{where} must be one distribution, found {shown(value)}; {example}")
    ((kind, values),) = value.items()
    if kind not in KINDS:
        raise ConfigError(f"{where}: {kind!r} is no distribution{hint(kind, KINDS)}; {example}")
    if not isinstance(values, list) or not values or (kind != "choice" and len(values) != 2):
        raise ConfigError(f"{where}: {kind} cannot be of {shown(values)}; {example}")
    found = Distribution(kind, tuple(values))
    if kind != "choice":
        _check_limits(where, found)
    return found


def _check_limits(where: str, found: Distribution) -> None:
    """Raise ConfigError unless the limits are numbers that fit the kind."""
    whole = found.kind == "integers"
    for value in found.values:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            what = "whole numbers" if whole else "numbers"
            raise ConfigError(
                f"{where}: the limits of {found.kind} are {what}, found {shown(value)}"
            )
    low, high = (float(str(value)) for value in found.values)
    if not low < high or (found.kind == "log-uniform" and low <= 0):
        above = "0 < low < high" if found.kind == "log-uniform" else "low < high"
        raise ConfigError(
            f"{where}: the limits of {found.kind} are [low, high] with {above}, found "
            f"{shown(list(found.values))}"
        )

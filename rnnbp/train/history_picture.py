"""The picture of a History: its losses over the steps, and the losses of validations."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rnnbp.schedules.declared import BLUE, RED
from rnnbp.support import svg

HEIGHT, POINTS, DOTS = 230, 400, 50
"""Pixels; points of a line at most, each the mean of the steps next to it; dots at most."""
WIDE = 30.0
"""The largest loss over the smallest from which the axis is one of logarithms."""


def losses_picture(
    losses: Sequence[float], validation: Sequence[float], steps: Sequence[int]
) -> str:
    """Losses of steps, from 1, as a line; those of validations, after ``steps``, as points.

    "" without two numbers to draw. What is not finite is left out.
    """
    training = _means(losses)
    judged = [pair for pair in zip(steps, validation, strict=False) if math.isfinite(pair[1])]
    values = [value for _, value in [*training, *judged]]
    if len(values) < 2:
        return ""
    low, high = min(values), max(values)
    x = svg.horizontal(0, max(len(losses), *(step for step, _ in judged), 1))
    y = svg.vertical(low, high, HEIGHT, log=low > 0 and high > WIDE * low)
    parts = [svg.line([(x.at(k), y.at(value)) for k, value in training], BLUE, 1.5)]
    if judged:
        points = [(x.at(k), y.at(value)) for k, value in _some(judged)]
        parts.append(svg.line(points, RED, 1))
    if len(judged) <= DOTS:
        parts += [
            svg.dot(x.at(k), y.at(value), RED, f"step {k}: {value:.4g}") for k, value in judged
        ]
    marks = [svg.Mark("loss of the step", BLUE), *[svg.Mark("validation", RED)] * bool(judged)]
    return svg.picture(x, y, ("steps", "loss"), marks, parts)


def _means(losses: Sequence[float]) -> list[tuple[float, float]]:
    """(step, loss), or of many steps the means of as many in a row as become one point."""
    size = max(1, math.ceil(len(losses) / POINTS))
    found = []
    for begin in range(0, len(losses), size):
        part = [value for value in losses[begin : begin + size] if math.isfinite(value)]
        end = min(begin + size, len(losses))
        if part:
            found.append(((begin + 1 + end) / 2, math.fsum(part) / len(part)))
    return found


def _some(judged: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """As many as are drawn, the last among them."""
    return judged[:: -math.ceil(len(judged) / POINTS)][::-1]

"""Small pictures as SVG, for notebooks: axes with ticks, lines, points and boxes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

WIDTH, LEFT, RIGHT, BOTTOM, TOP = 640, 64, 24, 34, 22
"""Pixels: of a picture, and around its axes."""
FONT = 12


class Axis(NamedTuple):
    """Numbers from ``low`` to ``high`` as pixels from ``begin`` to ``end``."""

    low: float
    high: float
    begin: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a number."""
        low, high, now = (self._scaled(each) for each in (self.low, self.high, value))
        share = 0.5 if high == low else (now - low) / (high - low)
        return round(self.begin + share * (self.end - self.begin), 2)

    def ticks(self, count: int = 4) -> list[float]:
        """Round numbers within, about ``count``; on a log axis those that begin with 1, 2 or 5."""
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            steps = (1, 2, 5) if len(powers) <= count else (1,)
            round_ = [k * 10.0**power for power in powers for k in steps]
            found = [value for value in round_ if self.low <= value <= self.high]
            return found[:: max(1, len(found) // count)]
        if self.low == self.high:
            return [self.low]
        rough = (self.high - self.low) / count
        unit = 10 ** math.floor(math.log10(rough))
        step = next(k * unit for k in (1, 2, 5, 10) if k * unit >= rough)
        first, last = math.ceil(self.low / step), math.floor(self.high / step)
        return [k * step for k in range(first, last + 1)]

    def _scaled(self, value: float) -> float:
        return math.log10(value) if self.log else value


class Mark(NamedTuple):
    """A part of the legend: a name in its colour."""

    name: str
    colour: str


def horizontal(low: float, high: float) -> Axis:
    """The axis of a picture from left to right."""
    return Axis(low, high, LEFT, WIDTH - RIGHT)


def vertical(low: float, high: float, height: int, *, log: bool = False) -> Axis:
    """The axis of a picture from bottom to top."""
    return Axis(low, high, height - BOTTOM, TOP, log)


def picture(
    x: Axis, y: Axis, words: tuple[str, str], marks: Iterable[Mark], parts: Iterable[str]
) -> str:
    """A picture with its axes.

    Args:
        words: what is along x and along y.
        marks: the legend.
        parts: elements, drawn in their order.
    """
    height = round(y.begin + BOTTOM)
    frame = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-size="{FONT}" font-family="sans-serif" fill="currentColor" '
        f'style="max-width: 100%" role="img" aria-label="{escape(f"{words[1]} over {words[0]}")}">',
        *(_tick_along_x(x, y, value) for value in x.ticks()),
        *(_tick_along_y(x, y, value) for value in y.ticks()),
        *_frame(x, y),
        *parts,
        _text(x.end, height - 4, words[0], "end"),
        _text(4, FONT, words[1], "start"),
        *_legend(x, marks),
        "</svg>",
    ]
    return "\n".join(frame)


def line(points: Sequence[tuple[float, float]], colour: str, width: float, dashes: str = "") -> str:
    """A line through points, in pixels."""
    listed = " ".join(f"{a:g},{b:g}" for a, b in points)
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    stroke = f'fill="none" stroke="{colour}" stroke-width="{width:g}"{dashed}'
    return f'<polyline points="{listed}" {stroke}/>'


def dot(x: float, y: float, colour: str, title: str = "") -> str:
    """A point, whose title is shown under the mouse."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<circle cx="{x:g}" cy="{y:g}" r="3" fill="{colour}">{inner}</circle>'


def box(x: tuple[float, float], y: tuple[float, float], colour: str, strength: float) -> str:
    """A filled box, from one corner to the other."""
    (left, right), (top, bottom) = sorted(x), sorted(y)
    size = f'x="{left:g}" y="{top:g}" width="{right - left:g}" height="{bottom - top:g}"'
    return f'<rect {size} fill="{colour}" fill-opacity="{strength:g}"/>'


def number(value: float) -> str:
    """A tick in few digits."""
    return f"{value:,.0f}" if 1 <= abs(value) < 1e6 and value == round(value) else f"{value:.4g}"


def _tick_along_x(x: Axis, y: Axis, value: float) -> str:
    return _text(x.at(value), y.begin + FONT + 3, number(value), "middle")


def _tick_along_y(x: Axis, y: Axis, value: float) -> str:
    at = y.at(value)
    grid = f'<line x1="{x.begin:g}" y1="{at:g}" x2="{x.end:g}" y2="{at:g}" {_THIN}/>'
    return f"{grid}\n{_text(x.begin - 6, at + 4, number(value), 'end')}"


def _frame(x: Axis, y: Axis) -> list[str]:
    corner = f'x1="{x.begin:g}" y1="{y.begin:g}"'
    ends = (f'x2="{x.end:g}" y2="{y.begin:g}"', f'x2="{x.begin:g}" y2="{y.end:g}"')
    return [f'<line {corner} {end} stroke="currentColor"/>' for end in ends]


def _legend(x: Axis, marks: Iterable[Mark]) -> list[str]:
    """Names in a row that ends at the right."""
    found, at = [], x.end
    for name, colour in reversed([*marks]):
        found.append(_text(at, FONT, name, "end", colour))
        at -= 14 + FONT * 0.56 * len(name)
    return found


def _text(x: float, y: float, text: str, anchor: str, colour: str = "") -> str:
    fill = f' fill="{colour}"' if colour else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{fill}>{escape(text)}</text>'


_THIN = 'stroke="currentColor" stroke-opacity="0.15"'

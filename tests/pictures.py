"""HTML and SVG of notebooks, read back: tables as texts, pictures as numbers."""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np

SVG = "{http://www.w3.org/2000/svg}"


class Drawn(NamedTuple):
    """A picture: its texts, and what is drawn in the units of its axes.

    lines: colour and points of each line. dots: likewise of points. boxes: their corners.
    """

    texts: list[str]
    lines: list[tuple[str, np.ndarray]]
    dots: list[tuple[str, np.ndarray]]
    boxes: list[np.ndarray]


def parsed(html: object) -> ElementTree.Element:
    """The whole, which is also XML. Raises ParseError for a name that is not escaped."""
    assert isinstance(html, str)
    return ElementTree.fromstring(html)


def tables(html: object) -> list[list[list[str]]]:
    """The texts of the cells of each table."""
    return [
        [["".join(cell.itertext()) for cell in row] for row in table]
        for table in parsed(html).iter("table")
    ]


def drawn(html: object, *, log: bool = False) -> Drawn:
    """The one picture, whose axes have numbers at their ticks; ``log`` is of the vertical one."""
    (svg,) = parsed(html).iter(f"{SVG}svg")
    texts = [*svg.iter(f"{SVG}text")]
    along_x = [t for t in texts if t.get("text-anchor") == "middle"]
    along_y = [t for t in texts if t.get("text-anchor") == "end" and number(t) is not None]
    x = np.polyfit([at(t, "x") for t in along_x], [number(t) or 0.0 for t in along_x], 1)
    values = np.array([number(t) for t in along_y], float)
    y = np.polyfit([at(t, "y") - 4 for t in along_y], np.log(values) if log else values, 1)

    def units(points: np.ndarray) -> np.ndarray:
        across, up = np.polyval(x, points[:, 0]), np.polyval(y, points[:, 1])
        return np.stack([across, np.exp(up) if log else up], 1)

    lines = [
        (
            line.get("stroke", ""),
            units(np.array(re.findall(r"[-\d.e]+", line.get("points", "")), float).reshape(-1, 2)),
        )
        for line in svg.iter(f"{SVG}polyline")
    ]
    dots = [
        (dot.get("fill", ""), units(np.array([[at(dot, "cx"), at(dot, "cy")]]))[0])
        for dot in svg.iter(f"{SVG}circle")
    ]
    boxes = [
        units(
            np.array(
                [
                    [at(box, "x"), at(box, "y") + at(box, "height")],
                    [at(box, "x") + at(box, "width"), at(box, "y")],
                ]
            )
        )
        for box in svg.iter(f"{SVG}rect")
    ]
    return Drawn([t.text or "" for t in texts], lines, dots, boxes)


def at(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "nan"))


def number(text: ElementTree.Element) -> float | None:
    """The number of a tick."""
    found = (text.text or "").replace(",", "")
    return float(found) if re.fullmatch(r"-?[\d.]+(e[-+]\d+)?", found) else None

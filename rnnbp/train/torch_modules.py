"""Recurrent layers of PyTorch, read off the names and shapes of their weights."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from rnnbp.numerics import Shape, escaped
from rnnbp.support.reprs import counted

HIDDEN = re.compile(r"((?:.*\.)?)weight_hh_l(\d+)")
CELLS = {4: "LSTM", 3: "GRU", 1: "RNN"}
"""By the number of gates."""
GATES = {4: "four gates, an LSTM", 3: "three gates, a GRU", 1: "one gate, an RNN"}
LISTED = 4
"""Layers that a line of code builds; of more it shows the first."""


class Level(NamedTuple):
    """One layer of ``num_layers``."""

    gates: int
    units: int
    features: int
    biases: bool
    projection: int = 0
    """Features of h; 0 where they are those of the units."""

    def __str__(self) -> str:
        more = f", projection={self.projection}" if self.projection else ""
        more += "" if self.biases else ", bias=False"
        return f"rnnbp.{CELLS[self.gates]}({self.features}, {self.units}{more})"


def modules(shapes: Mapping[str, Shape]) -> dict[str, list[Level]]:
    """The levels of each recurrent layer under PyTorch's names, by its path."""
    found: dict[str, list[Level]] = {}
    for name in sorted(shapes, key=_number):
        hidden = HIDDEN.fullmatch(name)
        level = hidden and _level(shapes, hidden[1], hidden[2])
        if hidden and level and int(hidden[2]) == len(found.get(hidden[1][:-1], [])):
            found.setdefault(hidden[1][:-1], []).append(level)
    return found


def _number(name: str) -> int:
    hidden = HIDDEN.fullmatch(name)
    return int(hidden[2]) if hidden else 0


def _level(shapes: Mapping[str, Shape], start: str, number: str) -> Level | None:
    """One whose weights have the shapes of a known cell."""
    hidden = shapes[f"{start}weight_hh_l{number}"]
    of_x = shapes.get(f"{start}weight_ih_l{number}", ())
    if len(hidden) != 2 or len(of_x) != 2 or of_x[0] != hidden[0] or not hidden[1]:
        return None
    projection = shapes.get(f"{start}weight_hr_l{number}", ())
    units = projection[1] if len(projection) == 2 and projection[1] else hidden[1]
    gates, rest = divmod(hidden[0], units)
    biases = f"{start}bias_ih_l{number}" in shapes
    found = Level(gates, units, of_x[1], biases, hidden[1] if projection else 0)
    return None if rest or gates not in CELLS else found


def code(path: str, levels: list[Level]) -> str:
    """What builds it here, under its path: a Sequential for each name but the last."""
    *above, own = escaped(path, 80).split(".")
    each = [*map(str, levels[:LISTED]), *["..."] * (len(levels) > LISTED)]
    found = each[0] if len(levels) == 1 else f"rnnbp.Sequential({', '.join(each)})"
    found = _called(found, own)
    for k, name in enumerate(reversed(above)):
        inside = [own, *reversed(above)][k]
        before = "..., " if inside.isdecimal() and int(inside) else ""
        found = _called(f"rnnbp.Sequential({before}{found})", name)
    return found


def _called(built: str, name: str) -> str:
    """With its name, if it is not a place."""
    return f"{built[:-1]}, name={name!r})" if name and not name.isdecimal() else built


def difference(theirs: list[Level], ours: list[Level]) -> str:
    """In what layers under one path differ, biases apart; "" if they do not."""
    said = []
    a, b = theirs[0], ours[0]
    if a.gates != b.gates:
        said.append(f"has {GATES[a.gates]} of {a.units} units, the model's {GATES[b.gates]}")
        said[0] += f" of {b.units}" * (a.units != b.units)
    elif a.units != b.units:
        said.append(f"has {a.units} units, the model's {b.units}")
    if a.projection != b.projection:
        theirs_, ours_ = (x.projection or "all" for x in (a, b))
        said.append(f"projects h to {theirs_} features, the model's to {ours_}")
    if a.features != b.features:
        said.append(f"takes {a.features} features, the model's {b.features}")
    if len(theirs) != len(ours):
        said.append(f"has {counted(len(theirs), 'layer')}, the model's {len(ours)}")
    if not said and [x[:3] for x in theirs] != [x[:3] for x in ours]:
        said.append("has layers of other sizes than the model's")
    return ", ".join(said)

"""The outputs that a graph is given: one, several, or by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from rnnbp.graph.values import Value
from rnnbp.numerics import shown

Ends: TypeAlias = Value | Sequence[Value] | Mapping[str, Value]
"""What ``Graph`` takes as its outputs."""


def several(given: Value | Iterable[Value]) -> tuple[Value, ...]:
    """Values as a tuple, one of a single one; what is neither stays one, to be refused."""
    return (
        tuple(given) if isinstance(given, Iterable) and not isinstance(given, Value) else (given,)
    )


def named_outputs(given: Ends) -> tuple[tuple[str, ...], tuple[Value, ...]]:
    """The names of outputs, "" for those without, and their values.

    Raises TypeError or ValueError for a name that is no text, or empty.
    """
    if not isinstance(given, Mapping):
        ends = several(given)
        _check_pairs(ends)
        return ("",) * len(ends), ends
    for name in given:
        if not isinstance(name, str):
            raise TypeError(
                f"Graph: outputs are named by texts, found {shown(name)}; as "
                '{"tag": y1, "class": y2}'
            )
        if not name.strip():
            raise ValueError(
                f"Graph: the name of an output is empty, found {shown(name)}; give each a name, or "
                "all of them as a tuple, in order"
            )
    return tuple(given), tuple(given.values())


def _check_pairs(ends: Sequence[object]) -> None:
    """Raise TypeError for outputs as pairs of a name and a value, of which two may have one name."""
    if ends and all(isinstance(end, tuple) and end and isinstance(end[0], str) for end in ends):
        raise TypeError(
            "Graph: outputs by name are a dict, each name once, as {'tag': y1, 'class': y2}, found "
            f"{shown(ends)}"
        )


def check_outputs_depend(names: Sequence[str], ends: Sequence[Value]) -> None:
    """Raise ValueError for an output that is a function of parameters alone."""
    for k, (name, value) in enumerate(zip(names, ends, strict=True)):
        if value.per == "run":
            raise ValueError(
                f"Graph: output {name or k} depends on none of the inputs, found {value!r}, a "
                "function of parameters alone; combine it with a value that depends on one"
            )


def check_input_names(inputs: Sequence[Value]) -> None:
    """Raise ValueError for two inputs of one name: x, a dict by name, could not have both."""
    first = dict[str, int]()
    for k, value in enumerate(inputs):
        if value.name and value.name in first:
            raise ValueError(
                f"Graph: inputs {first[value.name]} and {k} are both called {value.name!r}; give "
                "each a name of its own, as Input(n, 'other')"
            )
        first[value.name] = k

"""What an ONNX graph in writing consists of: tensors, nodes, and the ends of a graph."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

from rnnbp.numerics import Dtype, Shape

ANY = 2_147_483_647
"""Stands for the size of a feature axis that differs from run to run, as the steps of a memory.

It is a prime: a product of feature sizes is a multiple of it if one of them is such an axis.
"""


def is_open(size: int) -> bool:
    """True if a feature axis has a size that differs from run to run."""
    return size % ANY == 0


@final
@dataclass(frozen=True, slots=True, eq=False)
class Tensor:
    """A tensor of the graph.

    Attributes:
        name: in the file.
        lead: axes before the features: 2 of a series (T, B, ...), 1 of a static value (B, ...),
            0 of a function of parameters; within the body of a Scan, where there is no time, 1 of
            a value of each step.
        shape: its features.
        inner: True if it is computed in the body of a Scan.
    """

    name: str
    lead: int
    shape: Shape
    inner: bool = False


@final
@dataclass(frozen=True, slots=True)
class Port:
    """An input or output of a graph: its name, dtype and axes, a name for one that is open."""

    name: str
    dtype: Dtype
    axes: tuple[int | str, ...]


@final
@dataclass(slots=True)
class Section:
    """The nodes of a graph, or of the body of a Scan, in order."""

    calls: list[Call] = field(default_factory=list)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)


@final
@dataclass(frozen=True, slots=True)
class Call:
    """A node: its operator, names of its inputs and outputs, "" for one left out, attributes.

    The attribute ``body`` is a Section.
    """

    kind: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, object]

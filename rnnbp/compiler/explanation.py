"""What there is to say about a compiled cell, and its text."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rnnbp.compiler.explanation_text import (
    LEGEND,
    ONCE,
    WEIGHTS,
    bytes_of,
    shape_of,
    share_lines,
    table,
    way_lines,
    weight_lines,
    wrapped,
)
from rnnbp.compiler.listing import Line
from rnnbp.compiler.rule_report import Effect
from rnnbp.numerics import Shape
from rnnbp.support.printing import printable


@dataclass(frozen=True)
class Kept:
    """What the tape keeps of a step of one sequence: a value, or what a Python layer saves."""

    name: str
    nbytes: int | None
    """None where the layer does not declare it."""


@dataclass(frozen=True)
class Packed:
    """Weights as products take them, or their gradient: parts of parameters below each other."""

    name: str
    shape: Shape
    of: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """The result of ``explain``; its text is what ``print`` and a REPL show.

    Attributes:
        cell: its repr.
        inputs: names and feature shapes of x and the states.
        layers: layers and their numbers.
        batch, dtype: what bytes and sums are for.
        rules: each rule of the compiler and what it did.
        forward, backward: lines of the program, for one sequence.
        kept: arrays kept for backward.
        packed: weights that are copied into a faster layout.
        opaque: layers that run as Python.
        bytes_per_step: bytes kept of a step for a whole batch, None if unknown.
        once: lines of what runs once a run, from parameters and static inputs alone.
        units_up_to: by machine code, the rows of the batch of each thread up to which threads share
            the units of a step, and so its weights, (forward, backward), and above which they
            share the rows; None where it does not run so, or there is no compiler here.
        short_bytes_per_step: bytes kept of a step with ``Backend(tape_bits=16)``, None where it has
            no such tape.

    A multiplication, an addition, a tanh and the like are one floating-point operation (FLOP) each,
    so that a product with a matrix (m, n) is 2mn. Calls per step are for a whole batch, without the
    layers in ``opaque``.
    """

    cell: str
    inputs: tuple[tuple[str, Shape], ...]
    """x and the states, with their feature shapes."""
    layers: tuple[tuple[str, int], ...]
    """How many layers of each kind it is written with."""
    batch: int
    dtype: str
    rules: tuple[Effect, ...]
    forward: tuple[Line, ...]
    kept: tuple[Kept, ...]
    backward: tuple[Line, ...]
    packed: tuple[Packed, ...]
    opaque: tuple[str, ...]
    bytes_per_step: int | None
    """Of the tape, x aside; None where a layer does not declare what it keeps."""
    once: tuple[Line, ...] = ()
    """What runs once a run: functions of parameters and of static inputs alone."""
    short_bytes_per_step: int | None = None
    """As ``bytes_per_step``, with tapes of 16 bits."""
    units_up_to: tuple[int, int] | None = None
    """Rows of a thread up to which threads share units, forward and backward."""

    @property
    def flops_per_step(self) -> int:
        """FLOPs of a step forward."""
        return self.batch * _total(self.forward)

    @property
    def advance_flops_per_step(self) -> int:
        """FLOPs of a step of an Advance."""
        return self.batch * _total(line for line in self.forward if line.advance)

    @property
    def backward_flops_per_step(self) -> int:
        """FLOPs of a step backward, gradients of the parameters and of x included."""
        return self.batch * _total(self.backward)

    @property
    def program(self) -> str:
        """The text of what runs and is kept: equal for cells that run alike, however written."""
        kept = [f"{k.name} {bytes_of(k.nbytes)}" for k in self.kept]
        parts = [table(ONCE, self.once)] if self.once else []
        parts += [
            table("forward, one sequence", self.forward),
            "\n".join(wrapped("kept of each step, one sequence: ", *kept)),
            table("backward, one sequence, from the last step to the first", self.backward),
        ]
        return "\n\n".join(parts)

    @printable
    def __str__(self) -> str:
        weights = {packed.name: (packed.shape, packed.of) for packed in self.packed}
        rules = [f"  {e.name:12} {e.what:50} {e.did}" for e in self.rules]
        sections = [
            self._head(),
            ["rules, to be left out by without=(name,)", *rules],
            LEGEND,
            [self.program],
            [WEIGHTS, *weight_lines(weights)] if weights else [],
            [*self._figures(), *share_lines(self.units_up_to), *way_lines(self.opaque)],
        ]
        return "\n\n".join("\n".join(lines) for lines in sections if lines)

    __repr__ = __str__

    def _head(self) -> list[str]:
        given = [f"{name} {shape_of(shape)}" for name, shape in self.inputs]
        layers = [f"{count} {name}" for name, count in self.layers] or ["no layer"]
        lead = f"{self.cell} in {self.dtype}, from "
        return [*wrapped(lead, *given), *wrapped("written with ", *layers)]

    def _figures(self) -> list[str]:
        """Bytes and FLOPs of a step of a batch."""
        forward, backward = self.flops_per_step, self.backward_flops_per_step
        figures = [
            f"{forward:,} FLOPs forward",
            f"{self.advance_flops_per_step:,} in an Advance",
            f"{backward:,} backward ({backward / max(1, forward):.2f} of forward)",
        ]
        if self.opaque:
            figures += [f"apart from what {', '.join(self.opaque)} do in their own methods"]
        kept = f"each step of a batch of {self.batch}: {bytes_of(self.bytes_per_step)} kept"
        half = self.short_bytes_per_step
        if half is not None and half != self.bytes_per_step:
            kept += f", {bytes_of(half)} with tape_bits=16"
        return [kept, *wrapped("  ", *figures)]


def _total(lines: Iterable[Line]) -> int:
    return sum(line.flops or 0 for line in lines)

"""What there is to say about a compiled cell, and its text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from textwrap import wrap

from rnnbp.compiler.listing import Line
from rnnbp.compiler.rule_report import Effect
from rnnbp.numerics import Shape
from rnnbp.support.printing import printable

WIDTH = 100
LEGEND = [
    "h′ is the state h after a step, dh the delta of h; ⊙ multiplies element by element; v3[0:4] "
    "are rows",
    "of v3. step: in the time loop; before, after: for a block of steps at once; chunk: for many "
    "blocks.",
]

WAY = "(before or after the cell, in a Sequential, such a layer does not keep the cell from running as machine code)"
"""What may be done about it."""


@dataclass(frozen=True)
class Kept:
    """What the tape keeps of a step of one sequence: a value, or what a layer that runs itself
    saves.
    """

    name: str
    nbytes: int | None
    """None where the layer does not declare it."""


@dataclass(frozen=True)
class Packed:
    """Weights as products take them, or a gradient as a product gives it: parts of parameters below
    each other.
    """

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
        """The text of what runs and what is kept: equal for cells that run alike, however they are
        written.
        """
        kept = [f"{k.name} {_bytes(k.nbytes)}" for k in self.kept]
        parts = [
            _table("forward, one sequence", self.forward),
            "\n".join(_wrapped("kept of each step, one sequence: ", *kept)),
            _table("backward, one sequence, from the last step to the first", self.backward),
        ]
        return "\n\n".join(parts)

    @printable
    def __str__(self) -> str:
        given = [f"{name} {_shape(shape)}" for name, shape in self.inputs]
        layers = [f"{count} {name}" for name, count in self.layers] or ["no layer"]
        head = [
            *_wrapped(f"{self.cell} in {self.dtype}, from ", *given),
            *_wrapped("written with ", *layers),
        ]
        rules = [
            "rules, to be left out by without=(name,)",
            *(f"  {e.name:12} {e.what:50} {e.did}" for e in self.rules),
        ]
        weights = [
            "weights W, biases b, gains a, gradients G: parts of parameters below each other",
            *self._weights(),
        ]
        sections = [
            head,
            rules,
            LEGEND,
            [self.program],
            weights if self.packed else [],
            self._totals(),
        ]
        return "\n\n".join("\n".join(lines) for lines in sections if lines)

    __repr__ = __str__

    def _weights(self) -> Iterator[str]:
        """The lines of ``packed``; what is made of the same parts together."""
        alike: dict[tuple[Shape, tuple[str, ...]], list[str]] = {}
        for packed in self.packed:
            alike.setdefault((packed.shape, packed.of), []).append(packed.name)
        for (shape, of), names in alike.items():
            yield from _wrapped(f"  {', '.join(names)} {_shape(shape)} of ", *of)

    def _totals(self) -> list[str]:
        forward, advance, backward = (
            self.flops_per_step,
            self.advance_flops_per_step,
            self.backward_flops_per_step,
        )
        figures = [
            f"{forward:,} FLOPs forward",
            f"{advance:,} in an Advance",
            f"{backward:,} backward",
        ]
        figures[-1] += f" ({backward / max(1, forward):.2f} of forward)"
        others = (
            [f"apart from what {', '.join(self.opaque)} do in their own methods"]
            if self.opaque
            else []
        )
        kept = f"each step of a batch of {self.batch}: {_bytes(self.bytes_per_step)} kept"
        verb = "runs" if len(self.opaque) == 1 else "run"
        why = f"because {', '.join(self.opaque)} {verb} as Python"
        python = [f"runs by NumPy under every backend that compiles, {why}", WAY]
        how = (
            python
            if self.opaque
            else ["runs as machine code under the backend llvm, by NumPy under numpy"]
        )
        return [
            kept,
            *_wrapped("  ", *figures, *others),
            *(line for text in how for line in _wrapped(text)),
        ]


def _total(lines: Iterable[Line]) -> int:
    return sum(line.flops or 0 for line in lines)


def _table(title: str, lines: Iterable[Line]) -> str:
    rows = [f"{title:67}{'features':>9}{'operations':>11}{'FLOPs':>13}"]
    for line in lines:
        cost = "its own" if line.flops is None else f"{line.flops:,}"
        first, *more = wrap(line.text + ("" if line.advance else " *"), 57)
        rows.append(f"  {line.when:7} {first:57}{line.features:9,}{line.operations:11}{cost:>13}")
        rows += [f"{'':14}{part}" for part in more]
    if not all(line.advance for line in lines):
        rows.append("  * left out by an Advance")
    return "\n".join(rows)


def _wrapped(lead: str, *parts: str) -> list[str]:
    return wrap(lead + ", ".join(parts), WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def _bytes(nbytes: int | None) -> str:
    return "not declared" if nbytes is None else f"{nbytes:,} bytes"


def _shape(shape: Shape) -> str:
    return f"({' × '.join(map(str, shape))})"

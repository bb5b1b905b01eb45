"""The lines of text that an explanation consists of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from textwrap import wrap

from rnnbp.compiler.listing import Line
from rnnbp.numerics import Shape

WIDTH = 100
LEGEND = [
    "h′ is the state h after a step, dh the delta of h; "
    "⊙ multiplies element by element; v3[0:4] are rows",
    "of v3. step: in the time loop; "
    "before, after: for a block of steps at once; chunk: for many blocks.",
]
ONCE = "once a run, and backward once, from deltas summed over all chunks"
"""The title of what runs so."""

WAY = (
    "(before or after the cell, in a Sequential, such a layer does not keep the cell from running "
    "as machine code)"
)
"""What may be done about it."""
WEIGHTS = "weights W, biases b, gains a, gradients G: parts of parameters below each other"


def weight_lines(packed: Mapping[str, tuple[Shape, tuple[str, ...]]]) -> Iterator[str]:
    """Names with shape and parts; what is made of the same parts together."""
    alike: dict[tuple[Shape, tuple[str, ...]], list[str]] = {}
    for name, what in packed.items():
        alike.setdefault(what, []).append(name)
    for (shape, of), names in alike.items():
        yield from wrapped(f"  {', '.join(names)} {shape_of(shape)} of ", *of)


def way_lines(opaque: tuple[str, ...]) -> list[str]:
    """How a cell runs, and why by NumPy if it has layers that run as Python."""
    if not opaque:
        return wrapped("runs as machine code under the backend llvm, by NumPy under numpy")
    why = f"because {', '.join(opaque)} {'runs' if len(opaque) == 1 else 'run'} as Python"
    return [*wrapped(f"runs by NumPy under every backend that compiles, {why}"), *wrapped(WAY)]


def share_lines(units_up_to: tuple[int, int] | None) -> list[str]:
    """What threads share of a step; as of ``Explanation``."""
    if units_up_to is None:
        return []
    forward, backward = units_up_to
    if not forward and not backward:
        return ["threads share the rows of the batch, however few there are"]
    apart = f" forward, {backward:,} backward" * (forward != backward)
    rows = f"at most {forward:,} rows of the batch{apart}"
    return wrapped(f"threads share the units of a step where each would have {rows}, else the rows")


def table(title: str, lines: Iterable[Line]) -> str:
    rows = [f"{title:67}{'features':>9}{'operations':>11}{'FLOPs':>13}"]
    for line in lines:
        cost = "its own" if line.flops is None else f"{line.flops:,}"
        first, *more = wrap(line.text + ("" if line.advance else " *"), 57)
        rows.append(f"  {line.when:7} {first:57}{line.features:9,}{line.operations:11}{cost:>13}")
        rows += [f"{'':14}{part}" for part in more]
    if not all(line.advance for line in lines):
        rows.append("  * left out by an Advance")
    return "\n".join(rows)


def wrapped(lead: str, *parts: str) -> list[str]:
    return wrap(lead + ", ".join(parts), WIDTH, subsequent_indent="    ", break_on_hyphens=False)


def bytes_of(nbytes: int | None) -> str:
    return "not declared" if nbytes is None else f"{nbytes:,} bytes"


def shape_of(shape: Shape) -> str:
    return f"({' × '.join(map(str, shape))})"

"""The lines of text that a plan of a network over time is shown as."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rnnbp.planning.budget import exactly, shown
from rnnbp.planning.forecast import Forecast
from rnnbp.planning.network_parts import EdgePlan, SweepPlan
from rnnbp.support.columns import aligned
from rnnbp.support.printing import filled
from rnnbp.support.reprs import counted

WIDEST = 34
"""Letters of the layers of a sweep in its row; longer names have a line of their own."""


def chunks_text(chunks: Mapping[str, int]) -> str:
    """The steps in a chunk, by axis where these differ."""
    if len({*chunks.values()}) == 1:
        return counted(next(iter(chunks.values())), "step")
    return ", ".join(f"{counted(n, 'step')} of {axis!r}" for axis, n in chunks.items())


def steps_text(steps: Mapping[str, int]) -> str:
    """The steps of the longest sequence, by axis if there are several."""
    return ", ".join(
        counted(n, "step") + f" of {axis!r}" * (len(steps) > 1) for axis, n in steps.items()
    )


def sweep_lines(sweeps: Sequence[SweepPlan]) -> Iterator[str]:
    """A row for each sweep, and a line of its bytes by kind."""
    head = ("sweep", "axis", "layers", "schedule", "chunk", "bytes", "again", "seconds")
    rows = [head, *(_row(k, each) for k, each in enumerate(sweeps))]
    for k, (row, line) in enumerate(zip(rows, aligned(rows, range(4, 8)), strict=True)):
        yield line
        if k:
            sweep = sweeps[k - 1]
            part = f"part {sweep.part!r}; " * bool(sweep.part)
            if (layers := ", ".join(sweep.layers)) != row[2]:
                yield filled(f"       {layers}", 7)
            yield filled(f"       {part}{kinds_text(sweep.bytes)}", 7)
            if sweep.short_tapes is not None:
                yield f"       tapes {sweep.short_tapes}"


def _row(number: int, sweep: SweepPlan) -> tuple[str, ...]:
    layers = ", ".join(sweep.layers)
    layers = layers if len(layers) <= WIDEST else counted(len(sweep.layers), "layer")
    again = f"{sweep.counts.steps_rerun:,}"
    numbers = f"{sweep.chunk:,}", shown(sweep.peak_bytes), again, f"{sweep.seconds:.3g}"
    return str(number), sweep.axis, layers, sweep.name, *numbers


def kinds_text(kinds: Mapping[str, int]) -> str:
    """Bytes by kind, the largest first."""
    ordered = sorted(kinds.items(), key=lambda item: -item[1])
    return ", ".join(f"{kind} {shown(n)}" for kind, n in ordered if n)


def edge_lines(edges: Sequence[EdgePlan]) -> Iterator[str]:
    """The edges, and where they are."""
    if not edges:
        yield "edges      none: no sweep hands a series to another"
        return
    total = shown(sum(edge.bytes for edge in edges))
    where = "in files" if edges[0].disk else "in memory"
    several = len({edge.axis for edge in edges}) > 1
    each = [
        f"{shown(edge.bytes)} of layer {edge.layer}{f' over {edge.axis}' * several}"
        for edge in edges
    ]
    yield filled(f"edges      {total} {where}: {', '.join(each)}", 11)


def network_lines(found: Forecast, budget: int) -> Iterator[str]:
    """What is held at the joint peak against a budget."""
    arrays, objects = found.peak_bytes, found.object_bytes
    yield f"bytes      {exactly(arrays + objects)} of {exactly(budget)}"
    kinds = kinds_text(found.peak_bytes_by_kind)
    yield filled(f"  arrays   {exactly(arrays)}, of all sweeps at their joint peak: {kinds}", 11)
    yield f"  objects  Python's objects, about {exactly(objects)}"
    free = exactly(max(0, budget - arrays - objects))
    yield f"  free     {free}, for what estimates may be short by"

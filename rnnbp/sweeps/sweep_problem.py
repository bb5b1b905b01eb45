"""What a sweep is to the engine: its inputs, its initial states, and where its deltas go."""

from __future__ import annotations

from functools import partial

import numpy as np

from rnnbp.bptt.outlets import InputDeltas
from rnnbp.inputs.held import Held
from rnnbp.inputs.other_inputs import OtherInputs
from rnnbp.inputs.passed import Form
from rnnbp.inputs.problem import Problem
from rnnbp.numerics import Array
from rnnbp.sweeps.input_deltas import EdgeDeltas, SeriesDeltas
from rnnbp.sweeps.shared import Shared
from rnnbp.sweeps.stage import KEEP, LIVE, Source, Sweep, Unrolling
from rnnbp.sweeps.sweep_inputs import Alive, EdgeInput, Gathered, Kept


def sweep_problem(sweep: Sweep, shared: Shared) -> Problem:
    """The problem that a sweep is to the engine, once the stages before it have run."""
    network = shared.network
    rows = network.rows[sweep.axis]
    series: dict[int, Held] = {}
    static: dict[int, Array] = {}
    for k, source in enumerate(sweep.inputs):
        if source.per == "step":
            series[k] = series_input(sweep, source, shared)
        else:
            static[k] = static_input(rows.lengths.gathered(shared.static_value(source)))
    others = {k: part for k, part in series.items() if k}
    form = Form(several=len(sweep.inputs) > 1)
    sorted_ = rows.lengths.order is not None  # else they are the network's own arrays
    copies = frozenset(k for k in static if sorted_ or sweep.inputs[k].state is not None)
    given = OtherInputs(0, others, static, copies, form)
    states = tuple([_entering(each, shared, sweep) for each in sweep.unrollings])
    return Problem(
        sweep.graph,
        series[0],
        network.dtype,
        rows.chunk,
        states,
        (True,) * len(states),
        (),
        network.backend,
        training=network.training,
        others=given,
        rows=rows.lengths.rows,
    )


def series_input(sweep: Sweep, source: Source, shared: Shared) -> Held:
    """An input of a sweep that has a value at each step."""
    network, rows = shared.network, shared.network.rows[sweep.axis]
    if source.value == LIVE:
        return Alive(rows, network.dtype)
    if source.value == KEEP:
        resets = network.resets[sweep.axis]
        return Kept(rows, resets, network.dtype, reverse=source.reverse)
    if source.value in shared.edges:
        return EdgeInput(shared.edges[source.value], reverse=source.reverse)
    x = network.series[source.value]
    plain = not (source.reverse or rows.lengths.short)
    once = source.value in shared.once
    return x if plain else Gathered(rows, x, reverse=source.reverse, once=once)


def static_input(value: Array) -> Array:
    """A static value as layers read it."""
    dry = value.size > 0 and not any(value.strides)  # of a forecast, which has no values
    found: Array = (value if dry else np.ascontiguousarray(value)).view()
    found.setflags(write=False)
    return found


def _entering(unrolling: Unrolling, shared: Shared, sweep: Sweep) -> tuple[Array, ...]:
    """The initial state of a Recurrent in the rows of a sweep."""
    lengths = shared.network.lengths[sweep.axis]
    own = shared.network.states[unrolling.node]
    given = unrolling.given or (None,) * len(own)
    found = [a if k is None else shared.values[k] for a, k in zip(own, given, strict=True)]
    return tuple([np.ascontiguousarray(lengths.gathered(a)) for a in found])


def input_deltas(sweep: Sweep, shared: Shared) -> dict[int, InputDeltas]:
    """By number of an input of a sweep, where its deltas go."""
    found: dict[int, InputDeltas] = {}
    for k, source in enumerate(sweep.inputs):
        if source.per != "step" or source.value < 0:
            continue
        if source.value in shared.edges:
            found[k] = EdgeDeltas(shared.edges[source.value], reverse=source.reverse)
        elif shared.has_dx(source.value):
            rows, into = shared.network.rows[sweep.axis], partial(shared.dx, source.value)
            once = source.value in shared.once
            found[k] = SeriesDeltas(rows, into, reverse=source.reverse, once=once)
    return found

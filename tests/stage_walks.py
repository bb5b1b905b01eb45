"""Graphs walked over whole series, node by node; and stage by stage, as the engine is to run them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from rnnbp.graph.graph import Graph
from rnnbp.graph.hoisting import hoisted
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import Unrolled
from rnnbp.graph.value_pers import value_pers, widened
from rnnbp.layers.base import Layer
from rnnbp.sweeps.stage import StaticStage
from rnnbp.sweeps.stages import stages_of

Array = npt.NDArray[Any]


def unrolled(recurrent: Recurrent, xs: Sequence[Array], state: Sequence[Array]) -> list[Array]:
    """(y, final states) of a Recurrent over series (T, B, ...) in its own direction."""
    cell = recurrent.cell
    way = -1 if recurrent.reverse else 1
    steps, ys = len(next(x for x, per in zip(xs, cell.pers, strict=False) if per == "step")), []
    for t in range(steps)[::way]:
        given = [x[t] if per == "step" else x for x, per in zip(xs, cell.pers, strict=False)]
        values = dict(enumerate([*given, *state]))
        for node in cell.nodes:
            assert isinstance(node.block, Layer)
            y = node.block.forward(*[values[k] for k in node.args])[0]
            values.update(zip(node.outs, y if len(node.outs) > 1 else (y,), strict=True))
        first, *state = [values[k] for k in cell.outputs]
        ys.append(first)
    return [np.stack(ys[::way]), *state]


def reduced(block: OverTime, x: Array) -> tuple[Array, ...]:
    """What a series is reduced to, in one piece."""
    found = block.begin(x.shape[1], len(x), x.shape[2:], x.dtype)
    found.take(0, x, np.full(x.shape[1], len(x)))
    return found.values()


def walk(graph: Graph, inputs: dict[int, Array]) -> dict[int, Array]:
    """All values of a graph over whole series, by number."""
    values, pers = dict(inputs), value_pers(graph)
    lead = next(x.shape[:2] for k, x in inputs.items() if pers[k] == "step")
    for node in graph.nodes:
        args, block = [values[k] for k in node.args], node.block
        if isinstance(block, Layer):
            for arg in widened(node, pers):
                series = next(
                    (a for k, a in zip(node.args, args, strict=True) if pers[k] == "step"), None
                )
                sizes = lead if series is None else series.shape[:2]
                args[arg.position] = arg.spread(args[arg.position], *sizes)
            y = block.forward(*args)[0]
            outs = y if len(node.outs) > 1 else (y,)
        elif isinstance(block, OverTime):
            outs = reduced(block, *args)
        else:
            recurrent = block.recurrent if isinstance(block, Unrolled) else block
            given = block.given if isinstance(block, Unrolled) else [False] * 9
            taken = iter(args[recurrent.cell.n_inputs :])
            own = recurrent.first_state(lead[1], args[0].dtype)
            state = [next(taken) if yes else a for a, yes in zip(own, given, strict=False)]
            outs = unrolled(recurrent, args[: recurrent.cell.n_inputs], state)
        values.update(zip(node.outs, outs, strict=False))
    return values


def walk_stages(model: Graph, inputs: dict[int, Array]) -> dict[int, Array]:
    """The values of a network that its stages hand on, and its outputs, by number."""
    graph = hoisted(model)
    pers, values = value_pers(graph), dict(inputs)
    lead = next(x.shape[:2] for k, x in inputs.items() if pers[k] == "step")
    for stage in stages_of(graph):
        if isinstance(stage, StaticStage):
            for node in stage.nodes:
                args = [values[k] for k in node.args]
                for arg in widened(node, pers):
                    args[arg.position] = arg.spread(args[arg.position], 0, lead[1])
                assert isinstance(node.block, Layer)
                y = node.block.forward(*args)[0]
                values.update(zip(node.outs, y if len(node.outs) > 1 else (y,), strict=True))
            continue
        given = {}
        for k, source in enumerate(stage.inputs):
            given[k] = values[source.value][::-1] if source.reverse else values[source.value]
        found = walk_sweep(stage, given, values)
        for end, k in zip(stage.outputs, stage.graph.outputs, strict=True):
            values[end.value] = found[k][::-1] if end.reverse else found[k]
            for node in end.reductions:
                assert isinstance(node.block, OverTime)
                found_of = reduced(node.block, values[end.value])
                values.update(zip(node.outs, found_of, strict=True))
    return values


def walk_sweep(stage: Any, given: dict[int, Array], values: dict[int, Array]) -> dict[int, Array]:
    """The values of a sweep's graph; the network's gain the final states."""
    graph, found, pers = stage.graph, dict(given), value_pers(stage.graph)
    lead = given[0].shape[:2]
    unrollings = {each.number: each for each in stage.unrollings}
    for node in graph.nodes:
        args = [found[k] for k in node.args]
        if isinstance(node.block, Recurrent):
            each = unrollings[node.number]
            own = node.block.first_state(lead[1], args[0].dtype)
            state = [
                a if k is None else values[k]
                for a, k in zip(own, each.given or [None] * len(own), strict=True)
            ]
            y, *final = unrolled(node.block, args, state)
            values.update(zip(each.final, final, strict=False))
            found[node.outs[0]] = y
            continue
        for arg in widened(node, pers):
            args[arg.position] = arg.spread(args[arg.position], *lead)
        y = node.block.forward(*args)[0]
        found.update(zip(node.outs, y if len(node.outs) > 1 else (y,), strict=True))
    return found

"""Nodes LSTM, GRU and RNN of ONNX as recurrent layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Value
from rnnbp.interchange.onnx_in.activations import activations
from rnnbp.interchange.onnx_in.cells import Described, built
from rnnbp.interchange.onnx_in.nodes import Call, Results, reads
from rnnbp.interchange.onnx_in.operands import (
    BATCH,
    TIME,
    Axes,
    Const,
    Lengths,
    Operand,
    Tensor,
    whole,
)
from rnnbp.interchange.onnx_in.shapes import axes_text
from rnnbp.interchange.onnx_in.weights import Weights, by_name, weights_of
from rnnbp.numerics import Array

DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
"""By attribute, whether each direction runs from the last step to the first."""
STATES = {"LSTM": ("h", "c"), "GRU": ("h",), "RNN": ("h",)}


class Start(NamedTuple):
    """The initial state of a name: values for each direction, or numbers (D, n); None for zeros."""

    values: list[Value] | None
    numbers: Array | None


@reads("LSTM", "GRU", "RNN")
def recurrent(call: Call) -> Results:
    """One recurrent layer, or a Bidirectional."""
    direction = call.attribute("direction", "forward")
    if direction not in DIRECTIONS:
        call.refuse(f"attribute direction = {direction!r}", f"it is one of {list(DIRECTIONS)}")
    batch_first = bool(layout := call.attribute("layout", 0))
    if layout not in (0, 1):
        call.refuse(f"attribute layout = {layout}", "it is 0, time first, or 1, the batch first")
    ways = DIRECTIONS[direction]
    weights = weights_of(call, len(ways))
    x = _input(call, weights, batch_first)
    _check_lengths(call)
    starts = [
        _start(call, 5 + k, len(ways), weights.r.shape[-1]) for k in range(len(_states(call)))
    ]
    layers = [
        _layer(call, weights, starts, k, of)
        for k, of in enumerate(_described(call, weights, starts))
    ]
    return _outputs(call, layers, x, starts, batch_first)


def _states(call: Call) -> tuple[str, ...]:
    return STATES[call.node.op_type]


def _input(call: Call, weights: Weights, batch_first: bool) -> Tensor:
    """x, whose axes must be those of the layout."""
    x = call.tensor(0)
    first: Axes = (BATCH, TIME) if batch_first else (TIME, BATCH)
    wanted: Axes = (*first, weights.w.shape[-1])
    if x.axes != wanted:
        call.refuse(
            f"its input has axes {axes_text(x.axes)}, expected {axes_text(wanted)}",
            "say the number of features in the model's inputs, and leave batch and time symbolic",
        )
    return x


def _check_lengths(call: Call) -> None:
    """Lengths are an input of the model, or say that all sequences have all steps."""
    lens = call.get(4)
    if isinstance(lens, Lengths):
        call.scope.lengths.add(lens.name)
        return
    call.scope.lengths.add("")
    if lens is None or (isinstance(lens, Const) and set(whole(lens)) == {TIME}):
        return
    steps = call.scope.sizes.get(TIME, set())
    if not isinstance(lens, Const) or not lens.plain or {int(n) for n in lens.array} != steps:
        call.refuse(
            "sequence_lens is neither an input of the model nor the number of all steps",
            "make it an input; a run then takes it as lengths=",
        )


def _start(call: Call, k: int, directions: int, n: int) -> Start:
    """The initial state that operand k holds, (D, B, n), or (B, D, n)."""
    given = call.get(k)
    if given is None or (isinstance(given, Const) and given.number == 0):
        return Start(None, None)
    if isinstance(given, Const):
        return Start(None, _numbers(call, given, directions, n))
    tensor = call.tensor(k)
    batch_first = bool(call.attribute("layout", 0))
    wanted: Axes = (BATCH, directions, n) if batch_first else (directions, BATCH, n)
    if tensor.axes != wanted:
        call.refuse(
            f"its initial state has axes {axes_text(tensor.axes)}, expected {axes_text(wanted)}",
            "give one state for each sequence",
        )
    vector = call.scope.vector(tensor)
    parts = [call.scope.part(vector, d * n, (d + 1) * n) for d in range(directions)]
    return Start(parts, None)


def _numbers(call: Call, given: Const, directions: int, n: int) -> Array:
    """An initial state that is the same for every sequence."""
    batch = 0 if call.attribute("layout", 0) else 1
    array = np.moveaxis(given.array, batch, 0)
    if array.shape[1:] != (directions, n) or (array != array[:1]).any():
        call.refuse(
            f"its initial state is a constant of shape {given.array.shape}, which differs between "
            "sequences",
            "make it an input of the model, or the same for all",
        )
    return np.asarray(array[0])


def _described(call: Call, weights: Weights, starts: Sequence[Start]) -> list[Described]:
    """What each direction is."""
    kind, ways = call.node.op_type, DIRECTIONS[call.attribute("direction", "forward")]
    limit = call.attribute("clip", math.inf)
    if not limit > 0:
        call.refuse(f"attribute clip = {limit:g}", "give one above 0, or none")
    lstm, gru = kind == "LSTM", kind == "GRU"
    coupled = bool(lstm and call.attribute("input_forget", 0))
    after = bool(gru and call.attribute("linear_before_reset", 0))
    return [
        Described(
            kind,
            weights.w.shape[-1],
            weights.r.shape[-1],
            functions,
            None if limit == math.inf else limit,
            weights.b is not None,
            weights.p is not None,
            coupled,
            after,
            any(each.numbers is not None for each in starts),
            reverse,
            call.scope.dtype_of(weights.w, str(call)),
        )
        for functions, reverse in zip(activations(call, len(ways)), ways, strict=True)
    ]


def _layer(
    call: Call, weights: Weights, starts: Sequence[Start], k: int, of: Described
) -> Recurrent:
    """Direction k with its weights."""
    layer, given = built(of), by_name(of, weights, k)
    for name, start in zip(_states(call), starts, strict=True):
        numbers = np.zeros(of.n) if start.numbers is None else start.numbers[k]
        given[f"initial_{name}"] = numbers
    for name, array in layer.params.items():
        array[...] = given[name]
    return layer


def _outputs(
    call: Call, layers: list[Recurrent], x: Tensor, starts: Sequence[Start], batch_first: bool
) -> Results:
    """Y, Y_h and Y_c, those that are used."""
    scope, n, directions = call.scope, layers[0].cell.state_shapes[0][0], len(layers)
    states = [
        tuple([None if s.values is None else s.values[k] for s in starts])
        for k in range(directions)
    ]
    wanted = any(call.wanted(k) for k in range(1, 1 + len(starts)))
    y, final = _called(call, layers, scope.vector(x), states, wanted)
    first: Axes = (BATCH, TIME, directions) if batch_first else (TIME, directions, BATCH)
    found: list[Operand | None] = [Tensor(y, (*first, n))]
    of_state: Axes = (BATCH, directions, n) if batch_first else (directions, BATCH, n)
    for k in range(len(starts) if wanted else 0):
        joined = scope.joined([each[k] for each in final], [n] * directions)
        found.append(Tensor(joined, of_state))
    return tuple(found)


def _called(
    call: Call,
    layers: list[Recurrent],
    x: Value,
    states: list[tuple[Value | None, ...]],
    wanted: bool,
) -> tuple[Value, list[tuple[Value, ...]]]:
    """The output and the final states of each direction."""
    given = [each if any(v is not None for v in each) else None for each in states]
    if len(layers) == 1:
        block: Recurrent | Bidirectional = layers[0]
        made = layers[0](x, state=given[0], return_state=wanted)
    else:
        block = Bidirectional(layers[0], layers[1])
        plain = given == [None, None]
        made = block(x, state=None if plain else given, return_state=wanted)
    if not wanted:
        if all(each is None for each in given):
            call.scope.record(made, block, (x,))
        return made, []
    y, final = made
    if len(layers) > 1:
        call.scope.remember_join(y)
    ends = [final] if len(layers) == 1 else list(final)
    return y, [each if isinstance(each, tuple) else (each,) for each in ends]

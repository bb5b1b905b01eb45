"""The cells that ONNX has as operators: LSTM, GRU and RNN, with their weights in its order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.graph.cell import Cell
from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.gates import in_order
from rnnbp.interchange.onnx_out.parts import Tensor
from rnnbp.interchange.onnx_out.rows import TimeRows
from rnnbp.interchange.onnx_out.writer import Writer
from rnnbp.layers.zoneout import Zoneout
from rnnbp.numerics import Array

STATES = {"LSTM": ("Y_h", "Y_c"), "GRU": ("Y_h",), "RNN": ("Y_h",)}


@final
@dataclass(frozen=True)
class Gated:
    """A cell as ONNX has it, for one direction.

    Attributes:
        kind: the operator.
        options: its attributes; "activation" is one for each direction.
        weights: by name of its input, W, R, and B and P where there are some.
    """

    kind: str
    n: int
    options: Mapping[str, object]
    weights: Mapping[str, Array]


def gated(block: Recurrent) -> Gated | None:
    """A Recurrent whose cell ONNX has as an operator; None for others."""
    made, cell = block.cell.made, block.cell
    if made is None or made.kind not in STATES or cell.dtype != np.float32:
        return None  # no runtime that we know of runs the operators in double precision
    off = {"projection", "layer_norm"}
    held = any(isinstance(layer, Zoneout) and layer.rate for layer in cell.layers)
    if held or any(made.options.get(key) for key in off) or made.options.get("leak", 1) != 1:
        return None
    options: dict[str, object] = {}
    if made.kind == "GRU":
        options["linear_before_reset"] = int(bool(made.options["reset_after"]))
    if made.options.get("coupled"):
        options["input_forget"] = 1
    if made.kind == "RNN":
        options["activation"] = str(made.options["activation"]).capitalize()
    return Gated(made.kind, made.n, options, _WEIGHTS[made.kind](_arrays(cell)))


def _arrays(cell: Cell) -> dict[str, Array]:
    """The parameters of a cell by name, those that are tied under each of their names."""
    return {name: owner[key] for name, (owner, key) in cell.slots.items()}


def _stacked(arrays: Mapping[str, Array], given: str, wanted: str) -> dict[str, Array]:
    """W, R and B of gates that are stacked in one order, in another."""

    def ordered(name: str) -> Array:
        array = arrays[name]
        if len(given) < len(wanted):  # f of coupled gates, which the operator does not read
            array = np.concatenate([array, np.zeros_like(array[: len(array) // len(given)])])
        return in_order(array, given.ljust(len(wanted), "f"), wanted)

    found = {"W": ordered("weight_ih"), "R": ordered("weight_hh")}
    if "bias_ih" in arrays:
        found["B"] = np.concatenate([ordered("bias_ih"), ordered("bias_hh")])
    return found


def _of_lstm(arrays: Mapping[str, Array]) -> dict[str, Array]:
    coupled = len(arrays["weight_ih"]) == 3 * arrays["weight_hh"].shape[1]
    found = _stacked(arrays, "igo" if coupled else "ifgo", "iofg")
    if "weight_ci" in arrays:
        none = np.zeros_like(arrays["weight_ci"])
        found["P"] = np.concatenate([arrays.get(f"weight_c{gate}", none) for gate in "iof"])
    return found


def _of_gru(arrays: Mapping[str, Array]) -> dict[str, Array]:
    whole = dict(arrays)
    for key in ("weight_h", "bias_h"):
        if f"{key}m" in whole:
            whole[f"{key}h"] = np.concatenate([whole[f"{key}h"], whole[f"{key}m"]])
    return _stacked(whole, "rzn", "zrn")


def _of_rnn(arrays: Mapping[str, Array]) -> dict[str, Array]:
    return _stacked(arrays, "h", "h")


_WEIGHTS = {"LSTM": _of_lstm, "GRU": _of_gru, "RNN": _of_rnn}


def of_one_node(first: Gated, second: Gated) -> bool:
    """True if two directions can be one node."""
    return (
        first.kind == second.kind
        and first.weights["W"].shape == second.weights["W"].shape
        and {key: value for key, value in first.options.items() if key != "activation"}
        == {key: value for key, value in second.options.items() if key != "activation"}
    )


def gated_node(
    to: Writer,
    cells: Sequence[Gated],
    x: Tensor,
    states: Sequence[Sequence[Tensor] | None],
    rows: TimeRows,
    direction: str,
) -> list[list[Tensor]]:
    """The node of one direction or two: for each, y and the final states.

    Args:
        states: of each direction its initial states, or None for zeros.
        direction: "forward", "reverse" or "bidirectional".
    """
    first, n = cells[0], cells[0].n
    lengths = rows.lengths
    if lengths is not None:
        lengths = to.emit("Cast", lengths, shape=(), to=np.dtype(np.int32))
    starts = _starts(to, first, states, x)
    held = {key: _directions(to, cells, key) for key in ("W", "R", "B", "P")}
    given = [x, held["W"], held["R"], held["B"], lengths, *starts]
    given += [held["P"]] if first.kind == "LSTM" else []
    while given[-1] is None:
        given.pop()
    options = dict(first.options)
    if "activation" in options:
        del options["activation"]
        options["activations"] = [str(cell.options["activation"]) for cell in cells]
    sides, names = len(cells), STATES[first.kind]
    results = [(2, (sides, n)), *[(1, (n,)) for _ in names]]
    y, *ends = to.call(
        first.kind, given, results, hidden_size=n, direction=direction, **options
    )
    return [
        [_side(to, t, k, 2 if t is y else 1, 1 if t is y else 0) for t in (y, *ends)]
        for k in range(sides)
    ]


def _side(to: Writer, t: Tensor, k: int, lead: int, axis: int) -> Tensor:
    """What belongs to a direction, without the axis of directions."""
    place = to.constant(np.array(k, np.int64))
    return to.emit("Gather", t, place, shape=t.shape[-1:], lead=lead, axis=axis)


def _directions(to: Writer, cells: Sequence[Gated], key: str) -> Tensor | None:
    """The weights of all directions under a name, (D, ...); None where no cell has them."""
    like = next((cell.weights[key] for cell in cells if key in cell.weights), None)
    if like is None:
        return None
    parts = [cell.weights.get(key, np.zeros_like(like)) for cell in cells]
    return to.constant(np.stack(parts), f"{cells[0].kind.lower()}.{key}")


def _starts(
    to: Writer, cell: Gated, states: Sequence[Sequence[Tensor] | None], x: Tensor
) -> list[Tensor | None]:
    """The initial states (D, B, n) of all directions; None for zeros."""
    names = STATES[cell.kind]
    if all(each is None for each in states):
        return [None] * len(names)
    found: list[Tensor | None] = []
    for k in range(len(names)):
        parts = [
            to.emit("Unsqueeze", zeros(to, (cell.n,), x) if each is None else each[k],
                    to.ints(0), shape=(cell.n,), lead=1)
            for each in states
        ]  # fmt: skip
        whole = parts[0]
        if len(parts) > 1:
            whole = to.emit("Concat", *parts, shape=(cell.n,), lead=1, axis=0)
        found.append(whole)
    return found


def zeros(to: Writer, shape: Sequence[int], series: Tensor) -> Tensor:
    """A state of zeros, (B, ...), for as many rows as a series has."""
    batch = to.emit("Shape", series, shape=(1,), lead=0, start=1, end=2)
    sizes = to.emit(
        "Concat", batch, to.ints(*shape), shape=(1 + len(shape),), lead=0, axis=0
    )
    return to.emit("Expand", to.number(0.0), sizes, shape=tuple(shape), lead=1)

"""The cells that ONNX has as operators: LSTM, GRU and RNN, with their weights in its order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

import numpy as np

from rnnbp.graph.cell import Cell
from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.gates import in_order
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

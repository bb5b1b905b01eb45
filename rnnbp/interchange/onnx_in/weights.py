"""Weights of ONNX's recurrent nodes, in the order of gates here."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rnnbp.interchange.gates import in_order
from rnnbp.interchange.onnx_in.cells import Described
from rnnbp.interchange.onnx_in.nodes import Call
from rnnbp.numerics import Array

ORDERS = {"LSTM": "iofg", "GRU": "zrh", "RNN": "h"}
"""By operator, the gates as ONNX stacks them; its c is g here."""


class Weights(NamedTuple):
    """The weights of all directions: W (D, G·n, n_in), R (D, G·n, n), B (D, 2G·n), P (D, 3n)."""

    w: Array
    r: Array
    b: Array | None
    p: Array | None


def weights_of(call: Call, directions: int) -> Weights:
    """The weights of a node. Raises for shapes that do not fit."""
    kind = call.node.op_type
    w, r, b = call.weight(1), call.weight(2), call.array(3)
    p = call.array(7) if kind == "LSTM" else None
    gates, n = len(ORDERS[kind]), r.shape[-1]
    n_in = w.shape[-1]
    wanted = {
        "W": (w, (directions, gates * n, n_in)),
        "R": (r, (directions, gates * n, n)),
        "B": (b, (directions, 2 * gates * n)),
        "P": (p, (directions, 3 * n)),
    }
    for name, (array, shape) in wanted.items():
        if array is not None and array.shape != shape:
            call.refuse(f"{name} has shape {array.shape}, expected {shape}", "export it again")
    size = call.attribute("hidden_size", n)
    if size != n:
        call.refuse(f"attribute hidden_size = {size}, and R is for {n} units", "make them equal")
    return Weights(w, r, b, p)


def by_name(of: Described, given: Weights, k: int) -> dict[str, Array]:
    """The parameters of direction k by their names here; some may not be used."""
    order = ORDERS[of.kind]
    biases = [None, None] if given.b is None else np.split(given.b[k], 2)
    ih, hh = given.w[k], given.r[k]
    found = {"weight_ih": in_order(ih, order, of.gates)}
    reset = of.kind == "GRU" and not of.after
    found["weight_hh"] = in_order(hh, order, "rz" if reset else of.gates)
    if reset:
        found["weight_hm"] = in_order(hh, order, "h")
    if biases[0] is not None and biases[1] is not None:
        found["bias_ih"] = in_order(biases[0], order, of.gates)
        found["bias_hh"] = in_order(biases[1], order, "rz" if reset else of.gates)
        found["bias_hm"] = in_order(biases[1], order, "h" if reset else of.gates)
    if given.p is not None:
        parts = np.split(given.p[k], 3)
        found |= {f"weight_c{gate}": part for gate, part in zip("iof", parts, strict=True)}
    return found

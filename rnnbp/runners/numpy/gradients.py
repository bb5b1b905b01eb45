"""Parameter gradients of some steps, read off their deltas: one product per weight for all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.compiler.op import Op
from rnnbp.numerics import Array
from rnnbp.runners.numpy.functions import Functions
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.weights import spread, spread_vector


def read_off(functions: Functions, x: Array, flat: Mapping[str, Array], grads: Accumulator) -> None:
    """Add the gradients of weights and biases to ``grads``.

    Args:
        x: (L, B, features) of these steps. flat: by name, the gathered arrays (rows, L · B).
    """
    step, gathers = functions.step, functions.gathers
    given = step.forward.code.inputs[0]
    for op in step.backward.code.ops:
        if op.name == "grad_linear" and op.attr is not None:
            deltas, taken = op.args
            # x lies batch first as the caller has it, so it is the other factor as it is.
            other = (
                x.reshape(-1, step.forward.x.rows) if taken == given else flat[gathers.of[taken]].T
            )
            spread(op.matrix, flat[gathers.of[deltas]] @ other, grads)
        elif op.name == "grad_bias":
            spread_vector(op.vector, _sums(functions, op, flat), grads)


def _sums(functions: Functions, op: Op, flat: Mapping[str, Array]) -> Array:
    """The deltas of a bias, summed over steps and batch."""
    sums = []
    for v in functions.gathers.lanes(op.args[0]):
        name, row = functions.gathers.places[v]
        rows = functions.step.values.rows(v)
        sums.append(flat[name][row : row + rows].sum(axis=1))
    return np.concatenate(sums)

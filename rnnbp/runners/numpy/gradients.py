"""Parameter gradients of some steps, read off their deltas: one product per weight for all."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from rnnbp.numerics import Array
from rnnbp.runners.numpy.functions import Functions
from rnnbp.runners.sums import Accumulator
from rnnbp.runners.weights import spread, spread_vector


def read_off(
    functions: Functions, xs: Mapping[str, Array], flat: Mapping[str, Array], grads: Accumulator
) -> None:
    """Add the gradients of weights and biases to ``grads``.

    Args:
        xs: by name, the inputs (L, B, features) of these steps. flat: by name, the gathered arrays
            (rows, L · B).
    """
    step, gathers = functions.step, functions.gathers
    for op in step.backward.code.ops:
        if op.name == "grad_linear":
            deltas, taken = op.args
            x = functions.outer.get(taken)
            # An input lies batch first as the caller has it, so it is the other factor as it is.
            other = flat[gathers.of[taken]].T if x is None else xs[x.name].reshape(-1, x.rows)
            spread(op.matrix, flat[gathers.of[deltas]] @ other, grads)
        elif op.name == "grad_bias":
            sums = []
            for v in gathers.lanes(op.args[0]):
                name, row = gathers.places[v]
                sums.append(flat[name][row : row + step.values.rows(v)].sum(axis=1))
            spread_vector(op.vector, np.concatenate(sums), grads)

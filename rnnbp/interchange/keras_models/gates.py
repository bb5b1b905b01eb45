"""Weights of recurrent layers, in the order and shapes of Keras and of this library.

Keras: ``kernel`` (n_in, G n), ``recurrent_kernel`` (n, G n), and one bias, (G n,), but (2, 3 n) of
a GRU with ``reset_after``. Here: ``weight_ih`` (G n, n_in), ``weight_hh`` (G n, n), and two biases
that are added. An LSTM has its gates in one order in both; Keras's GRU has z, r, h, the one here
r, z, h.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rnnbp.interchange.gates import in_order
from rnnbp.numerics import Array

THEIRS, OURS = "zrh", "rzh"
"""The gates of a GRU."""


def to_ours(kind: str, arrays: Sequence[Array], *, reset_after: bool = True) -> dict[str, Array]:
    """The parameters here, by name, of ``kernel``, ``recurrent_kernel`` and perhaps ``bias``.

    Where Keras has one bias it is ``bias_ih``, and ``bias_hh`` is 0.
    """
    kernel, recurrent, *biases = arrays
    found = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
    for bias in biases:
        of_x, of_h = bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
        found |= {"bias_ih": of_x, "bias_hh": of_h}
    if kind == "GRU":
        found = {name: in_order(array, THEIRS, OURS) for name, array in found.items()}
    if kind == "GRU" and not reset_after:
        gates = 2 * len(recurrent)
        for part in [name for name in found if name.endswith("hh")]:
            array = found[part]
            found[part], found[part.replace("hh", "hm")] = array[:gates], array[gates:]
    return found


def to_theirs(kind: str, params: Mapping[str, Array], *, reset_after: bool = True) -> list[Array]:
    """``kernel``, ``recurrent_kernel`` and perhaps ``bias`` of the parameters here.

    Where Keras has one bias it is the sum of the two, rounded once; exact if one of them is 0.
    """
    found = {name: params[name] for name in ("weight_ih", "weight_hh")}
    found |= {name: params[name] for name in ("bias_ih", "bias_hh") if name in params}
    for part in [name for name in found if name.endswith("hh")]:
        own = params.get(part.replace("hh", "hm"))
        found[part] = found[part] if own is None else np.concatenate([found[part], own])
    if kind == "GRU":
        found = {name: in_order(array, OURS, THEIRS) for name, array in found.items()}
    arrays = [found["weight_ih"].T, found["weight_hh"].T]
    if "bias_ih" in found:
        of_x, of_h = found["bias_ih"], found["bias_hh"]
        two = kind == "GRU" and reset_after
        # −0 + 0 is 0: the sum with 0 is not computed, so that all bits stay.
        arrays.append(np.stack([of_x, of_h]) if two else np.where(of_h == 0, of_x, of_x + of_h))
    return arrays

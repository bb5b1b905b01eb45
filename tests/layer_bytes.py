"""What a layer's methods allocate, by tracemalloc, next to what the layer declares."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from rnnbp.layers.random_layer import in_mode
from rnnbp.ledger import Ledger, arrays_in
from tests.layer_case import Case, backward, present


class Taken(NamedTuple):
    """Bytes of forward, backward_inputs and backward_params."""

    temporary: tuple[int, int, int]
    """At the peak, without the results."""
    declared: tuple[int, int, int]
    """The same, as ``scratch`` says."""
    results: tuple[int, int, int]


def taken(case: Case, dtype: str, rows: int) -> Taken:
    """Of a layer's second call: the first one of a process loads modules."""
    layer, xs = case.build(dtype), case.inputs((rows,), dtype)
    y, saved = case.forward(layer, xs)
    dy = case.deltas(y)
    backward(layer, saved, dy)
    (y, saved), forward = peak_of(lambda: case.forward(layer, xs))
    dxs, inputs = peak_of(lambda: layer.backward_inputs(saved, dy))
    grads, params = peak_of(lambda: layer.backward_params(saved, dy))
    run = in_mode(layer, training=case.training)
    made = (bytes_of((y, saved), xs), bytes_of(dxs, (saved, dy)), bytes_of(grads))
    temporary = (forward - made[0], inputs - made[1], params - made[2])
    return Taken(temporary, run.scratch(rows, *case.shapes).nbytes(np.dtype(dtype).itemsize), made)


def peak_of(run: Callable[[], Any]) -> tuple[Any, int]:
    """What ``run`` returns, and the most bytes that tracemalloc saw meanwhile."""
    tracemalloc.start()
    try:
        result = run()
        return result, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def bytes_of(tree: Any, known: Any = ()) -> int:
    """Bytes of the arrays in ``tree`` that are not views of those ``known``."""
    ledger = Ledger(list(arrays_in(list(present(known)))))
    ledger.hold("found", list(present(tree)))
    return ledger.total

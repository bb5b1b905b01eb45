"""Runs with products of bfloat16: random models, and the emulation in place of instructions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count as counted
from itertools import islice
from typing import Any

import numpy as np

import rnnbp as rb
from rnnbp.compiler.opaque import python_layers
from rnnbp.graph.layout import layouts
from rnnbp.machine import bfloat16
from tests.generator.cells import SYMBOLS
from tests.generator.draws import Seeded
from tests.generator.models import ModelMaker
from tests.helpers import reals

LOSS = rb.losses.MeanSquaredError()


@contextmanager
def emulated(yes: bool = True) -> Iterator[None]:
    """Within it products are emulated, whatever the processor has; not if ``yes`` is False."""
    native = bfloat16.native
    bfloat16.native = (lambda: False) if yes else native
    try:
        yield
    finally:
        bfloat16.native = native


def reset_numbers(model: Any, seed: int = 9) -> None:
    """Random numbers for all parameters, biases too."""
    for k, array in enumerate(model.params.values()):
        array[...] = reals(*array.shape, seed=seed + k) / 2


def random_models(first: int, count: int) -> Iterator[tuple[Any, ...]]:
    """(model, x, target, chunk) of ``count`` models, all of whose cells are machine code."""
    lowered = (found for number in counted(first) if _runs(*(found := _random(number))[:2]))
    return islice(lowered, count)


def _random(number: int) -> tuple[Any, ...]:
    draw, rng = Seeded(7, number), np.random.default_rng(number)
    sizes = draw.pick([(2, 3, 4), (33, 40, 67), (8, 13, 24)])
    maker = ModelMaker(draw, sizes, dtype="float32")
    model, steps, batch = maker.model(), draw.integer(1, 30), draw.integer(1, 9)
    shape: Any = () if maker.symbols else model.input_shapes[0]
    symbols = rng.integers(0, SYMBOLS, (steps, batch))
    x: Any = symbols if maker.symbols else reals(steps, batch, *shape, dtype="float32")
    out: Any = model.output_shapes(shape)[0]
    return model, x, reals(steps, batch, *out, dtype="float32"), max(1, steps // 2)


def _runs(model: Any, x: Any) -> bool:
    """True if no layer of its cells runs as Python."""
    found = layouts(model, (x.shape[2:],), 1, np.dtype(np.float32), training=True).values()
    return not any(python_layers(of.cell, of.shapes, training=of.draws) for of in found)

"""Random inputs, targets and lengths that fit a model of any inputs, outputs and time axes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnbp.bptt.networks import LengthsLike
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import symbol_layers
from rnnbp.graph.value_pers import value_pers
from rnnbp.graph.values import Per
from rnnbp.inputs.objective import LossLike
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy
from rnnbp.numerics import Array, Shape


def symbols_of(graph: Graph, k: int) -> int | None:
    """The number of symbols that input k has, None where it is numbers."""
    return next((layer.n_symbols for layer in symbol_layers(graph, k)), None)


def drawn(
    graph: Graph,
    shapes: Sequence[Shape],
    losses: Sequence[LossLike],
    size: tuple[int, int],
    seed: int,
) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """(the inputs in order, the targets in order) of a model.

    Args:
        shapes: the features of the inputs.
        losses: of the outputs.
        size: T of every time axis, and B.
    """
    rng, dtype, pers = np.random.default_rng(seed), graph.dtype or np.float32, value_pers(graph)

    def lead(per: Per) -> Shape:
        return {"step": size, "sequence": size[1:], "run": ()}[per]

    def numbers(shape: Shape) -> Array:
        return rng.standard_normal(shape).astype(dtype)

    xs = list[Array]()
    for k, (per, shape) in enumerate(zip(graph.pers, shapes, strict=True)):
        symbols = symbols_of(graph, k)
        xs.append(rng.integers(0, symbols, lead(per)) if symbols else numbers((*lead(per), *shape)))
    targets = list[Array]()
    for k, loss, features in zip(graph.outputs, losses, graph.output_shapes(*shapes), strict=True):
        assert features is not None  # those of all inputs are known
        first = lead(pers[k])
        if isinstance(loss, CrossEntropy):
            targets.append(rng.integers(0, features[-1], (*first, *features[:-1])))
        elif isinstance(loss, BinaryCrossEntropy):
            targets.append(rng.integers(0, 2, (*first, *features)).astype(dtype))
        else:
            targets.append(numbers((*first, *features)))
    return tuple(xs), tuple(targets)


def drawn_lengths(
    axes: Sequence[str], shortest: int | None, size: tuple[int, int], seed: int
) -> LengthsLike:
    """Lengths of rows from ``shortest`` to T, one of each axis the longest; None for all of T.

    Args:
        axes: the time axes of the model.
        size: T and B.
    """
    if shortest is None:
        return None
    rng, found = np.random.default_rng([seed, 1]), dict[str, Array]()
    for axis in axes:
        found[axis] = rng.integers(shortest, size[0] + 1, size[1])
        found[axis][0] = size[0]
    return found if len(found) > 1 else next(iter(found.values()))

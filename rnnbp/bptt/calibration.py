"""The costs of a model's actions: measured here once for each structure, or adopted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import numpy as np
from threadpoolctl import threadpool_info

from rnnbp.bptt.measuring import measured
from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_model
from rnnbp.inputs.shapes import ShapeLike, feature_shape
from rnnbp.numerics import Dtype, Shape, positive_int
from rnnbp.planning.costs import Costs
from rnnbp.planning.rough_costs import counted, rough_costs
from rnnbp.planning.run_sizes import sizes_of
from rnnbp.planning.sizes import Sizes
from rnnbp.runners.backend import Backend, BackendLike, as_backend
from rnnbp.runners.refused import by_numpy_where_refused
from rnnbp.storage import JSON
from rnnbp.support.ieee import ieee
from rnnbp.support.memo import Recent
from rnnbp.wording.arguments import takes


@takes()
@by_numpy_where_refused
@ieee
def calibrate(
    model: ModelLike, *, batch: int, x_shape: ShapeLike = None, backend: BackendLike = None
) -> Costs:
    """Measure in about a second what actions cost here, on random chunks of this model.

    Args:
        model: as ``bptt`` takes it.
        batch: B of x.
        x_shape: feature shape of x, () for symbols; None if the model's first layer or Input
            declares it. Of several
            inputs a tuple or a dict of one for each.
        backend: as ``bptt`` takes it.

    Returns:
        ``Costs``: seconds of each action, in memory that has been used before, as in a second run.

    The result is cached for the model, batch, shape, backend and number of BLAS threads, the last
    256 of them. The chunks are of 2 and up to 64 steps; within a budget, as ``plan`` and ``bptt``
    have one, of as many as fit. Raises ShapeError for an unknown feature shape, TypeError for a
    model without parameters.

    >>> import rnnbp as rb
    >>> rb.calibrate(rb.Sequential(rb.RNN(3, 4)), batch=2).step["Record"] > 0
    True
    """
    graph = as_model(model)
    shape = feature_shape("calibrate", graph, x_shape)
    return remembered(
        sizes_of(graph, shape, positive_int("calibrate: batch", batch), None, backend=backend)
    )


_Key: TypeAlias = tuple[tuple[object, ...], Dtype, int, tuple[Shape, ...], Backend, tuple[int, ...]]
"""(structure of a model, dtype, batch, shapes of inputs, backend, threads of each BLAS)."""
_known: Recent[_Key, Costs] = Recent(256)


def known_costs(model: Graph) -> list[dict[str, JSON]]:
    """All that was measured of models of this structure, by the environment's backend, as JSON."""
    structure, used = _structure(model), as_backend(None)
    return [
        {"dtype": str(dtype), "batch": batch, **_as_json(shapes), **costs.to_dict()}
        for (known, dtype, batch, shapes, backend, _), costs in _known.items()
        if known == structure and backend == used
    ]


def _as_json(shapes: tuple[Shape, ...]) -> dict[str, JSON]:
    """Feature shapes one after the other; of several inputs with how many axes each has."""
    found: dict[str, JSON] = {"x_shape": [n for shape in shapes for n in shape]}
    return found if len(shapes) == 1 else found | {"axes": [len(shape) for shape in shapes]}


def adopt_costs(
    model: Graph, dtype: str, batch: int, shapes: tuple[Shape, ...], costs: Costs
) -> None:
    """Take for measured what another process measured and saved, so that plans are its plans."""
    _known.put(
        (_structure(model), np.dtype(dtype), batch, shapes, as_backend(None), _threads()), costs
    )


def _threads() -> tuple[int, ...]:
    return tuple(pool["num_threads"] for pool in threadpool_info())


def remembered(
    sizes: Sizes, room: int | None = None, measure: Callable[[], Costs] | None = None
) -> Costs:
    """``measured``, once for all models of a structure; ``measure`` to measure otherwise.

    Rough ones where these are wanted.
    """
    if counted.get():
        return rough_costs(sizes, sizes.batch)
    shapes = sizes.dtype, sizes.batch, sizes.x_shapes
    key = (_structure(sizes.model), *shapes, sizes.backend, _threads())
    return _known.get(key, measure or partial(measured, sizes, room))


def _structure(model: Graph) -> tuple[object, ...]:
    """What a model's costs depend on: its layers and their wiring, no values of parameters."""
    return tuple(
        (_structure(node.block.cell), node.args)
        if isinstance(node.block, Recurrent)
        else (type(node.block), repr(node.block), node.args)
        for node in model.nodes
    )

"""Gradients checked against numerical derivatives.

The complex step, Im f(x + ih)/h with h = 1e-30 (Squire & Trapp 1998), has no cancellation and so is
exact to rounding, for a function that is analytic where it is evaluated: one that branches on real
parts only. Elsewhere central differences serve, to some 1e-7.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from rnnbp.bptt import bptt
from rnnbp.bptt.accumulators import Accumulators
from rnnbp.bptt.chunk import Chunks
from rnnbp.checks.arrays import plain
from rnnbp.checks.batch_first import warn_if_known
from rnnbp.derivatives import TOLERANCES, Case, GradientCheck, GradientError, Look, compare
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.node_calls import Deltas, backward_node, forward_node
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input
from rnnbp.inputs.chunk_losses import ChunkLosses
from rnnbp.inputs.objective import LossLike, Objective
from rnnbp.inputs.problem import Problem, as_model, pose
from rnnbp.inputs.streams import Held
from rnnbp.layers.base import Layer
from rnnbp.losses import Loss
from rnnbp.losses.function import as_loss
from rnnbp.losses.own import Own
from rnnbp.numerics import Array, Shape, flag, real_number, shown
from rnnbp.rng import Context, check_seed
from rnnbp.runners.backend import Backend
from rnnbp.schedules import ScheduleLike
from rnnbp.support.ieee import ieee
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import takes

__all__ = ["GradientCheck", "GradientError", "check_grads"]


@takes()
@ieee
def check_grads(
    function: Any,
    x: Any,
    target: Any = None,
    loss: LossLike | None = None,
    *,
    state: Any = None,
    mask: Any = None,
    checkpoint: ScheduleLike = "all",
    chunk: int | None = None,
    seed: int = 0,
    training: bool = True,
    method: str | None = None,
    tolerance: float | None = None,
    samples: int | None = None,
) -> GradientCheck:
    """Check every gradient of a model, layer, graph or loss in float64, element by element.

    Args:
        function: a model as ``bptt`` takes it: gradients by parameters, x and initial state. Or a
            Layer or Graph without Recurrents: gradients by parameters and inputs. Or a loss alone,
            one of ``rnnbp.losses`` or a function ``(y, target) -> (value, dy)``: the gradient by y.
        x: for a model (T, B, ...); for a layer or graph a tuple, one array for each input; for a
            loss the outputs y.
        target, loss, state, mask, checkpoint, chunk, seed, training: as ``bptt`` takes them.
            Without a loss the value is a weighted sum of the outputs, its weights drawn from
            ``seed``.
        method: "complex", or "central" for functions that are not analytic or refuse complex
            numbers. By default "complex"; for a loss function of your own "central" if the complex
            step fails.
        tolerance: of the error that ``GradientCheck`` defines; by default 1e-12 for complex, 1e-7
            for central steps.
        samples: elements of each array to check, drawn from ``seed``; None for all.

    Returns:
        A ``GradientCheck``: the largest error of each array.

    Raises GradientError if a gradient is wrong, DtypeError if a layer refuses complex numbers, and
    what ``bptt`` raises.

    >>> import numpy as np, rnnbp as rb
    >>> y, target = np.random.default_rng(0).normal(size=(2, 4, 3, 1))  # (T, B, 1) each
    >>> check = rb.check_grads(lambda y, t: (((y - t) ** 2).sum(), 2 * (y - t)), y, target)
    >>> check.method, check.worst < 1e-12
    ('complex', True)
    """
    _check_order(x, target, method)
    training = flag("check_grads: training", training)
    limit = None if tolerance is None else real_number("check_grads: tolerance", tolerance, above=0)
    if loss is None and _is_loss(function) and not isinstance(x, tuple):
        return _check_loss(as_loss(function), x, target, mask, Look(method, limit, samples, seed))
    method = method or "complex"
    dtype = _dtype(method)
    if isinstance(x, tuple):
        case = _layer_case(
            function,
            x,
            Context(check_seed(seed), training=training, dtype=np.dtype(np.float64)),
            dtype,
        )
    else:
        problem = _pose(function, x, state, chunk, mask)
        if loss is None:
            shape = (problem.steps, problem.batch, *problem.output_shape)
            target, loss = np.random.default_rng(seed).uniform(-1, 1, shape), _weighted_sum
        options = {"mask": mask, "seed": check_seed(seed), "training": training}
        case = _model_case(problem, target, loss, checkpoint, options, dtype)
    look = Look(method, limit, samples, seed)
    try:
        return compare(case, look)
    except GradientError as error:
        wrong = [] if isinstance(x, tuple) else _wrong_layers(problem, look)
        if not wrong:
            raise
        raise GradientError(
            f"{error}: those of {', '.join(wrong)}, which are wrong alone too"
        ) from None


def _check_order(x: Any, target: Any, method: str | None) -> None:
    """Raise ValueError for an unknown method, TypeError for arguments in the wrong order."""
    if method is not None and (not isinstance(method, str) or method not in TOLERANCES):
        raise ValueError(
            "check_grads: method is 'complex' or 'central', found "
            f"{shown(method)}{hint(method, TOLERANCES)}"
        )
    if isinstance(x, Loss) or (callable(x) and hasattr(target, "shape")):
        raise TypeError("check_grads: x is a loss: the order is (model, x, target, loss)")
    if isinstance(target, Loss):
        raise TypeError("check_grads: target is a loss: the order is (model, x, target, loss)")


def _wrong_layers(problem: Problem, look: Look) -> list[str]:
    """The layers of a model whose gradients are wrong even alone, on random inputs."""
    wrong = (
        layer
        for layer, shapes in _layers_of(problem.model, problem.x_shape)
        if not _right(layer, shapes, look)
    )
    return list(dict.fromkeys(map(str, wrong)))


def _layers_of(graph: Graph, *given: Shape | None) -> Iterator[tuple[Layer, list[Shape | None]]]:
    """The layers of a graph, including those within cells, with the feature shapes of their inputs;
    without layers of symbols.
    """
    known = graph.value_shapes(*given)
    for node in graph.nodes:
        block, shapes = node.block, [known[k] for k in node.args]
        if isinstance(block, Recurrent):
            yield from _layers_of(block.cell, *shapes, *block.cell.state_shapes)
        elif isinstance(block, Layer) and not block.symbols:
            yield block, shapes


def _right(layer: Layer, shapes: Sequence[Any], look: Look) -> bool:
    """True unless a layer alone has wrong gradients."""
    rng, dtype = np.random.default_rng(look.seed), _dtype(look.method or "complex")
    try:
        xs = tuple(rng.normal(size=(2, *shape)) for shape in shapes)
        compare(
            _layer_case(
                layer, xs, Context(look.seed, training=True, dtype=np.dtype(np.float64)), dtype
            ),
            look,
        )
    except GradientError:
        return False
    except Exception:  # whatever it raises for random numbers
        return True
    return True


def _dtype(method: str) -> np.dtype[Any]:
    return np.dtype(np.complex128 if method == "complex" else np.float64)


def _is_loss(function: object) -> bool:
    """True if it is a Loss, or a function that is not a model."""
    return isinstance(function, Loss) or (
        callable(function) and not isinstance(function, Layer | Network | type)
    )


def _check_loss(loss: Loss, y: Any, target: Any, mask: Any, look: Look) -> GradientCheck:
    """Check a loss alone; without a chosen method, by the best one that its function allows."""
    if look.method is None and (isinstance(loss, Own) or not loss.ours):
        central = replace(look, method="central")
        expected = _loss_case(
            loss, y, target, mask, _dtype("central")
        )  # which raises what is wrong with arguments
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                return compare(
                    _loss_case(loss, y, target, mask, _dtype("complex")),
                    replace(look, method="complex"),
                )
        except Exception:  # whatever a function raises for complex numbers, or warns of
            return compare(expected, central)
    chosen = look.method or "complex"
    return compare(_loss_case(loss, y, target, mask, _dtype(chosen)), replace(look, method=chosen))


def _weighted_sum(y: Array, weights: Array) -> tuple[Any, Array]:
    return (weights * y).sum(), weights


def _pose(model: Any, x: Any, state: Any, chunk: int | None, mask: Any) -> Problem:
    graph, x = as_model(model), plain("check_grads: x", x)
    if x.dtype == np.float32:
        warn_if_known("x", x)  # of the copy nothing is known
        x = x.astype(np.float64)
    return pose(graph.astype(np.float64), x, chunk=chunk, state=state, backend=None, mask=mask)


def _model_case(
    problem: Problem,
    target: Any,
    loss: LossLike,
    checkpoint: ScheduleLike,
    options: dict[str, Any],
    dtype: np.dtype[Any],
) -> Case:
    given = tuple(s if g else None for s, g in zip(problem.state, problem.given, strict=True))
    x = problem.x.read(slice(0, problem.steps))
    found = bptt(
        problem.model,
        x,
        target,
        loss,
        checkpoint=checkpoint,
        chunk=problem.chunk,
        state=given,
        **options,
    )
    x = x if found.dx is None else x.astype(dtype)
    state = tuple(tuple(a.astype(dtype) for a in arrays) for arrays in problem.state)
    whole = replace(
        problem,
        model=problem.model._astype(dtype),
        x=Held(x),
        dtype=dtype,
        chunk=problem.steps,
        state=state,
        backend=Backend("interpreter"),
    )
    grads, variables = dict(found.grads), dict(whole.model.params)
    if found.dx is not None:
        grads["x"], variables["x"] = found.dx, x
    for k, (arrays, deltas) in enumerate(zip(state, found.dstate, strict=True)):
        for name, array, delta in zip(
            whole.recurrents[k].cell.state_names, arrays, deltas, strict=True
        ):
            if not _learned(whole, k):
                grads[f"state {k} {name}"], variables[f"state {k} {name}"] = delta, array
    mask = options.pop("mask")
    chunks = Chunks(whole, **options)
    losses = ChunkLosses(Objective(whole, loss, target, mask), whole)

    def value() -> Any:
        entering = tuple(
            block.first_state(whole.batch, dtype) if _learned(whole, k) else state[k]
            for k, block in enumerate(whole.recurrents)
        )
        return losses.value(chunks.outputs(0, entering)[1], 0)

    return Case(grads, variables, value)


def _learned(problem: Problem, k: int) -> bool:
    return bool(problem.recurrents[k].initial) and not problem.given[k]


def _layer_case(function: Any, xs: tuple[Any, ...], context: Context, dtype: np.dtype[Any]) -> Case:
    if not isinstance(function, (Layer, Graph)):
        raise TypeError(
            f"check_grads: a tuple of inputs is for a Layer or Graph, found {shown(function)}; "
            "give x (T, B, ...)"
        )
    inputs = [Input() for _ in xs]
    graph = Graph(inputs, function(*inputs)).astype(np.float64)
    arrays = [plain(f"check_grads: input {k}", x) for k, x in enumerate(xs)]
    arrays = [a if a.dtype.kind in "iu" else a.astype(np.float64) for a in arrays]
    values, saved = _walk(graph, arrays, context)
    rng = np.random.default_rng(context.seed)
    weights = [rng.uniform(-1, 1, values[k].shape) for k in graph.outputs]
    deltas: Deltas = [None] * graph.n_values
    for k, weight in zip(graph.outputs, weights, strict=True):
        present = deltas[k]
        deltas[k] = weight if present is None else present + weight
    sums, shapes = Accumulators(graph), [value.shape for value in values]
    for node, kept in zip(reversed(graph.nodes), reversed(saved), strict=True):
        dy, layer = backward_node(node, kept, deltas, shapes), cast(Layer, node.block)
        if dy is not None:
            sums.add(layer.params, layer.backward_params(kept, dy))
    work = graph._astype(dtype)
    variable = [a if a.dtype.kind in "iu" else a.astype(dtype) for a in arrays]
    by_input = {k: d for k, d in enumerate(deltas[: len(xs)]) if variable[k].dtype.kind not in "iu"}

    def value() -> Any:
        found, _ = _walk(work, variable, context)
        return sum((w * found[k]).sum() for w, k in zip(weights, work.outputs, strict=True))

    grads = {
        f"input {k}": np.zeros(arrays[k].shape) if d is None else d for k, d in by_input.items()
    }
    cure = (
        f"check the backward methods of {function if isinstance(function, Layer) else 'its layers'}"
    )
    return Case(
        sums.grads | grads, work.params | {f"input {k}": variable[k] for k in by_input}, value, cure
    )


def _walk(graph: Graph, xs: Sequence[Array], context: Context) -> tuple[list[Any], list[Any]]:
    values: list[Any] = [*xs, *[None] * (graph.n_values - len(xs))]
    saved = [forward_node(node, values, context) for node in graph.nodes]
    return values, saved


def _loss_case(loss: Loss, y: Any, target: Any, mask: Any, dtype: np.dtype[Any]) -> Case:
    y = plain("check_grads: x, the outputs", y).astype(np.float64)
    work = y.astype(dtype)
    cure = f"check the dy of {loss}"
    return Case(
        {"y": loss(y, target, mask)[1]}, {"y": work}, lambda: loss(work, target, mask)[0], cure
    )

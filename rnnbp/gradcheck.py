"""Gradients checked against numerical derivatives.

The complex step, Im f(x + ih)/h with h = 1e-30 (Squire & Trapp 1998), has no cancellation and so is
exact to rounding, for a function that is analytic where it is evaluated: one that branches on real
parts only. Elsewhere central differences serve, to some 1e-7.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np

from rnnbp.arrays import plain
from rnnbp.batch_first import warn_if_known
from rnnbp.bptt import bptt
from rnnbp.bptt.backend import Backend
from rnnbp.bptt.chunks import Chunks
from rnnbp.bptt.objective import LossLike, Objective
from rnnbp.bptt.problem import Problem, as_model, pose
from rnnbp.bptt.results import Accumulators
from rnnbp.bptt.series import Held
from rnnbp.graph import Graph
from rnnbp.ieee import ieee
from rnnbp.layers.base import Layer
from rnnbp.losses import Loss
from rnnbp.numerics import Array, DtypeError, flag, positive_int, real_number, shown
from rnnbp.printing import printable
from rnnbp.rng import Context, check_seed
from rnnbp.schedules import ScheduleLike
from rnnbp.values import Input
from rnnbp.walk import Deltas, backward_node, forward_node

COMPLEX_STEP = 1e-30
CENTRAL_STEP = 1e-5
TOLERANCES = {"complex": 1e-12, "central": 1e-7}


class GradientError(AssertionError):
    """A gradient that differs from the numerical derivative; names the array and the element."""


@dataclass(frozen=True)
class GradientCheck:
    """What a check found: for each array its largest error.

    The error of an element is |gradient − derivative|, divided by the derivative's size if that is above 1,
    else by the largest derivative in its array, between 0.001 and 1.
    """

    errors: dict[str, float]
    method: str
    tolerance: float

    @property
    def worst(self) -> float:
        """The largest of all errors."""
        return max(self.errors.values(), default=0.0)

    @printable
    def __str__(self) -> str:
        width = max((len(name) for name in self.errors), default=0)
        lines = [f"{name:<{width}}  {error:.1e}" for name, error in self.errors.items()]
        return "\n".join([f"{self.method} step, tolerance {self.tolerance:g}", *lines])


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
    method: str = "complex",
    tolerance: float | None = None,
    samples: int | None = None,
) -> GradientCheck:
    """Check every gradient of a model, layer, graph or loss in float64, element by element.

    Args:
        function: a model as ``bptt`` takes it, with x (T, B, ...): gradients by parameters, x and initial
            state. Or a Layer or Graph without Recurrents with ``x`` a tuple, one array for each of its
            inputs: gradients by parameters and inputs. Or a Loss, with x the outputs.
        target, loss, state, mask, checkpoint, chunk, seed, training: as ``bptt`` takes them. Without a loss the
            value is a weighted sum of the outputs, its weights drawn from ``seed``.
        method: "complex", or "central" for functions that are not analytic or refuse complex numbers.
        tolerance: on the error that ``GradientCheck`` defines; 1e-12 for complex, 1e-7 for central steps.
        samples: elements of each array to check, drawn from ``seed``; None for all.

    Raises GradientError where a gradient is wrong, DtypeError where a layer refuses complex numbers,
    and what ``bptt`` raises.
    """
    if not isinstance(method, str) or method not in TOLERANCES:
        raise ValueError(f"check_grads: method is 'complex' or 'central', found {shown(method)}")
    training = flag("check_grads: training", training)
    dtype = np.dtype(np.complex128 if method == "complex" else np.float64)
    if isinstance(function, Loss):
        case = _loss_case(function, x, target, mask, dtype)
    elif isinstance(x, tuple):
        case = _layer_case(function, x, Context(check_seed(seed), training=training, dtype=np.dtype(np.float64)), dtype)
    else:
        problem = _pose(function, x, state, chunk, mask)
        if loss is None:
            shape = (problem.steps, problem.batch, *problem.output_shape)
            target, loss = np.random.default_rng(seed).uniform(-1, 1, shape), _weighted_sum
        options = {"mask": mask, "seed": check_seed(seed), "training": training}
        case = _model_case(problem, target, loss, checkpoint, options, dtype)
    limit = TOLERANCES[method] if tolerance is None else real_number("check_grads: tolerance", tolerance, above=0)
    return _compare(case, method, limit, samples, seed)


@dataclass(frozen=True)
class Case:
    """Gradients; the variables that they are by, arrays to be changed in place; and the value at them."""

    grads: dict[str, Array]
    variables: dict[str, Array]
    value: Callable[[], Any]


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
    found = bptt(problem.model, x, target, loss, checkpoint=checkpoint, chunk=problem.chunk, state=given, **options)
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
        for name, array, delta in zip(whole.recurrents[k].cell.state_names, arrays, deltas, strict=True):
            if not _learned(whole, k):
                grads[f"state {k} {name}"], variables[f"state {k} {name}"] = delta, array
    mask = options.pop("mask")
    chunks, objective = Chunks(whole, **options), Objective(whole, loss, target, mask)

    def value() -> Any:
        entering = tuple(
            block.first_state(whole.batch, dtype) if _learned(whole, k) else state[k]
            for k, block in enumerate(whole.recurrents)
        )
        return objective.value(chunks.outputs(0, entering)[1], 0)

    return Case(grads, variables, value)


def _learned(problem: Problem, k: int) -> bool:
    return bool(problem.recurrents[k].initial) and not problem.given[k]


def _layer_case(function: Any, xs: tuple[Any, ...], context: Context, dtype: np.dtype[Any]) -> Case:
    if not isinstance(function, (Layer, Graph)):
        raise TypeError(
            f"check_grads: a tuple of inputs is for a Layer or Graph, found {shown(function)}; give x (T, B, ...)"
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

    grads = {f"input {k}": np.zeros(arrays[k].shape) if d is None else d for k, d in by_input.items()}
    return Case(sums.grads | grads, work.params | {f"input {k}": variable[k] for k in by_input}, value)


def _walk(graph: Graph, xs: Sequence[Array], context: Context) -> tuple[list[Any], list[Any]]:
    values: list[Any] = [*xs, *[None] * (graph.n_values - len(xs))]
    saved = [forward_node(node, values, context) for node in graph.nodes]
    return values, saved


def _loss_case(loss: Loss, y: Any, target: Any, mask: Any, dtype: np.dtype[Any]) -> Case:
    y = plain("check_grads: x, the outputs", y).astype(np.float64)
    work = y.astype(dtype)
    return Case({"y": loss(y, target, mask)[1]}, {"y": work}, lambda: loss(work, target, mask)[0])


def _compare(case: Case, method: str, tolerance: float, samples: int | None, seed: int) -> GradientCheck:
    errors: dict[str, float] = {}
    rng = np.random.default_rng(seed)
    for name, array in case.variables.items():
        errors[name] = 0.0
        count = array.size if samples is None else min(positive_int("check_grads: samples", samples), array.size)
        chosen = [np.unravel_index(flat, array.shape) for flat in rng.choice(array.size, count, replace=False)]
        derivatives = {tuple(map(int, at)): _derivative(case, array, tuple(map(int, at)), method) for at in chosen}
        largest = min(1.0, max(1e-3, *map(abs, derivatives.values()), 0.0))
        for at, derivative in derivatives.items():
            error = abs(case.grads[name][at] - derivative) / max(largest, abs(derivative))
            if not error <= tolerance:
                raise GradientError(
                    f"gradient by {name}{list(at)} is {case.grads[name][at]:.15g}, its derivative {derivative:.15g}: "
                    f"error {error:.1e}, tolerance {tolerance:g}; check the backward methods of its layers"
                )
            errors[name] = max(errors[name], float(error))
    return GradientCheck(errors, method, tolerance)


def _derivative(case: Case, array: Array, at: tuple[int, ...], method: str) -> float:
    here = array[at]
    try:
        if method == "complex":
            array[at] = here + 1j * COMPLEX_STEP
            return float(np.imag(case.value())) / COMPLEX_STEP
        array[at] = here + CENTRAL_STEP
        above = case.value()
        array[at] = here - CENTRAL_STEP
        return float(above - case.value()) / (2 * CENTRAL_STEP)
    except TypeError as error:
        if method == "complex":
            raise DtypeError(f"a layer or loss refuses complex numbers ({error}); use method='central'") from error
        raise
    finally:
        array[at] = here

"""Gradients of a layer, or of a graph of layers, by its parameters and inputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rnnbp.bptt.accumulators import Accumulators
from rnnbp.checks.arrays import plain
from rnnbp.gradcheck.derivatives import Case, Look, compare
from rnnbp.gradcheck.result import GradientError
from rnnbp.graph.deltas import Deltas
from rnnbp.graph.graph import Graph
from rnnbp.graph.node_calls import backward_node, forward_node, read_off
from rnnbp.graph.node_checks import Values
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.graph.values import Input
from rnnbp.layers.base import Layer
from rnnbp.losses.outputs import Scalar
from rnnbp.numerics import Array, Dtype, Saved, Shape, shown
from rnnbp.rng import Context


def layer_case(function: object, xs: tuple[object, ...], context: Context, dtype: Dtype) -> Case:
    """The case of a weighted sum of the outputs, whose weights are drawn from the context's seed.

    Raises TypeError for anything but a Layer or Graph.
    """
    graph, arrays = graph_of(function, xs)
    weights, deltas, of_params = _gradients(graph, arrays, context)
    work = graph._astype(dtype)
    variable = [a if a.dtype.kind in "iu" else a.astype(dtype) for a in arrays]

    def value() -> Scalar:
        found, _ = walk(work, variable, context)
        return sum((w * found[k]).sum() for w, k in zip(weights, work.outputs, strict=True))

    grads, variables = dict(of_params), dict(work.params)
    for k, array in enumerate(variable):
        if array.dtype.kind not in "iu":
            delta = deltas[k]
            grads[f"input {k}"] = np.zeros(array.shape) if delta is None else delta
            variables[f"input {k}"] = array
    whose = function if isinstance(function, Layer) else "its layers"
    return Case(grads, variables, value, f"check the backward methods of {whose}")


def graph_of(function: object, xs: tuple[object, ...]) -> tuple[Graph, list[Array]]:
    """A layer or graph on its inputs, in float64; integers stay as they are.

    Raises TypeError for anything but a Layer or Graph.
    """
    if not isinstance(function, (Layer, Graph)):
        raise TypeError(
            f"check_grads: a tuple of inputs is for a Layer or Graph, found {shown(function)}; "
            "give x (T, B, ...)"
        )
    inputs = [Input() for _ in xs]
    graph = Graph(inputs, function(*inputs)).astype(np.float64)
    arrays = [plain(f"check_grads: input {k}", x) for k, x in enumerate(xs)]
    return graph, [a if a.dtype.kind in "iu" else a.astype(np.float64) for a in arrays]


def _gradients(
    graph: Graph, arrays: list[Array], context: Context
) -> tuple[list[Array], Deltas, dict[str, Array]]:
    """(weights of the outputs, derivatives of their sum by every value, those by parameters)."""
    values, saved = walk(graph, arrays, context)
    rng = np.random.default_rng(context.seed)
    weights = [rng.uniform(-1, 1, values[k].shape) for k in graph.outputs]
    return weights, *backward(graph, values, saved, weights)


def backward(
    graph: Graph, values: Values, saved: Sequence[Saved], weights: Sequence[Array]
) -> tuple[Deltas, dict[str, Array]]:
    """Derivatives of the weighted sum of the outputs by every value, and by parameters."""
    deltas: Deltas = [None] * graph.n_values
    for k, weight in zip(graph.outputs, weights, strict=True):
        present = deltas[k]
        deltas[k] = weight if present is None else present + weight
    sums, shapes = Accumulators(graph), [value.shape for value in values]
    for node, kept in zip(reversed(graph.nodes), reversed(saved), strict=True):
        dy, layer = backward_node(node, kept, deltas, shapes), node.block
        assert isinstance(layer, Layer)
        if dy is not None:
            sums.add(layer.params, read_off(node, kept, dy))
    return deltas, sums.grads


def walk(graph: Graph, xs: Sequence[Array], context: Context) -> tuple[Values, list[Saved]]:
    """(every value of a graph, what each of its layers keeps)."""
    values: Values = [*xs, *[None] * (graph.n_values - len(xs))]
    saved = [forward_node(node, values, context) for node in graph.nodes]
    return values, saved


def wrong_layers(model: Graph, x_shapes: Sequence[Shape], look: Look) -> list[str]:
    """The layers of a model whose gradients are wrong even alone, on random inputs."""
    wrong = (
        layer
        for layer, shapes in layers_of(model, *x_shapes)
        # what a penalty adds to the loss is none of its outputs
        if not layer.charges and not _right(layer, shapes, look)
    )
    return list(dict.fromkeys(map(str, wrong)))


def layers_of(graph: Graph, *given: Shape | None) -> Iterator[tuple[Layer, list[Shape]]]:
    """The layers of a graph and its cells, with the feature shapes of their inputs.

    Layers of symbols, and those whose inputs' shapes are not known, are left out.
    """
    known = graph.value_shapes(*given)
    for node in graph.nodes:
        block, shapes = layer_of(node.block), [known[k] for k in node.args]
        if isinstance(block, Recurrent):
            cell = block.cell
            yield from layers_of(cell, *shapes[: cell.n_inputs], *cell.state_shapes)
        elif isinstance(block, Layer) and not block.symbols:
            features = [shape for shape in shapes if shape is not None]
            if len(features) == len(shapes):
                yield block, features


def _right(layer: Layer, shapes: Sequence[Shape], look: Look) -> bool:
    """True unless a layer alone has wrong gradients."""
    rng = np.random.default_rng(look.seed)
    context = Context(look.seed, training=True, dtype=np.dtype(np.float64))
    try:
        xs = tuple(rng.normal(size=(2, *shape)) for shape in shapes)
        compare(layer_case(layer, xs, context, look.dtype), look)
    except GradientError:
        return False
    except Exception:  # whatever it raises for random numbers
        return True
    return True

"""What layers of the user's own promise apart from derivatives: batch axes, and what they save."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from rnnbp.gradcheck.layers import backward, layers_of, walk
from rnnbp.gradcheck.result import GradientError
from rnnbp.graph.graph import Graph, Node
from rnnbp.graph.layout import check_declared
from rnnbp.graph.model_split import recurrent_blocks
from rnnbp.graph.node_checks import Values
from rnnbp.graph.values import Input
from rnnbp.layers.base import Layer
from rnnbp.layers.declared import Keeps
from rnnbp.numerics import Array, Saved, Shape, ShapeError, shown
from rnnbp.rng import Context
from rnnbp.support.reprs import counted

BATCH = "all axes before the features are batch"
SAME = 1e-9
"""The relative difference of two results in float64 that rounding explains."""


def is_own(layer: object) -> bool:
    """True for a layer that is defined outside this library."""
    return type(layer).__module__.partition(".")[0] != __package__.partition(".")[0]


def lowered_layers(model: Graph) -> Iterator[Layer]:
    """The user's own layers in cells that may run as machine code, by their ``lower``."""
    for block in recurrent_blocks(model):
        for layer in block.cell.layers:
            if not isinstance(layer, Layer) or not is_own(layer):
                continue
            if type(layer).lower is not Layer.lower:
                yield layer


def check_own_layers(model: Graph, x_shapes: Sequence[Shape], context: Context) -> None:
    """Raise TypeError for one of the user's own layers that saves other arrays than it declares.

    They run on random numbers; one that refuses those is not checked.
    """
    if not context.training:
        return
    rng = np.random.default_rng(context.seed)
    for layer, shapes in layers_of(model, *x_shapes):
        if is_own(layer):
            inputs = [Input() for _ in shapes]
            graph = Graph(inputs, layer(*inputs)).astype(np.float64)
            try:
                found = walk(graph, [rng.normal(size=(2, 3, *shape)) for shape in shapes], context)
            except Exception:  # whatever it raises for random numbers
                continue
            _check_keeps(graph.nodes[0], found[0], found[1][0], [2])


def check_contract(graph: Graph, xs: Sequence[Array], context: Context) -> None:
    """Check the user's own layers of a graph: what they save, and one more batch axis.

    Raises GradientError, ShapeError or TypeError, which name the layer.
    """
    own = [node for node in graph.nodes if is_own(node.block)]
    if not own:
        return
    if context.training:  # keeps() declares what is saved then
        values, saved = walk(graph, xs, context)
        for node, kept in zip(graph.nodes, saved, strict=True):
            if is_own(node.block):
                least = min(np.ndim(values[k]) for k in node.args)
                _check_keeps(node, values, kept, range(1, least + 1))
    random = any(isinstance(node.block, Layer) and node.block.random for node in graph.nodes)
    if not random and all(x.ndim <= 2 for x in xs):
        _check_batch(graph, xs, context, " and ".join(dict.fromkeys(str(n.block) for n in own)))


def _check_keeps(node: Node, values: Values, saved: Saved, batch_axes: Iterable[int]) -> None:
    """Raise TypeError where a layer saved something else than its ``keeps`` declares.

    ``batch_axes`` are the possible numbers of them: ``keeps`` is right if it is for one.
    """
    wrong: TypeError | None = None
    for axes in batch_axes:
        try:
            keeps = _declared(node, values, axes)
        except TypeError as error:
            wrong = wrong or error
            continue
        except Exception:  # its output_shapes or keeps refuse such features
            continue
        try:
            _check_kept(node, keeps, values, saved, axes)
        except TypeError as error:
            wrong = wrong or error
        else:
            return
    if wrong is not None:
        raise wrong


def _declared(node: Node, values: Values, axes: int) -> Keeps | None:
    """What a layer declares where the first ``axes`` axes are batch.

    Raises ShapeError if they are not, and what its ``output_shapes`` and ``keeps`` raise.
    """
    layer = node.block
    assert isinstance(layer, Layer)
    features = [np.shape(values[k])[axes:] for k in node.args]
    if layer.output_shapes(*features) != tuple(np.shape(values[k])[axes:] for k in node.outs):
        raise ShapeError("these are not its batch axes")
    return layer.keeps(*features)


def _check_kept(node: Node, keeps: Keeps | None, values: Values, saved: Saved, axes: int) -> None:
    """Raise TypeError where ``saved`` is not what ``keeps`` is for ``axes`` batch axes."""
    layer = node.block
    if keeps is None:
        return
    _check_numbers(node, keeps)
    check_declared(node, keeps, saved, values)
    n = len(keeps.inputs) + len(keeps.outputs)
    if len(saved) != n + len(keeps.extras):
        raise TypeError(
            f"{layer}: forward saved {counted(len(saved), 'array')}, its keeps() declares "
            f"{n + len(keeps.extras)}, {keeps}; let the two agree"
        )
    batch = np.shape(values[node.args[0]])[:axes]
    for k, (part, (shape, dtype)) in enumerate(zip(saved[n:], keeps.extras, strict=True), n):
        if not isinstance(part, np.ndarray | np.generic):
            continue  # what is no array, as None, is not compared
        expected = np.dtype(dtype or np.float64)
        if part.shape != (*batch, *shape) or part.dtype != expected:
            raise TypeError(
                f"{layer}: array {k} that forward saved has features {part.shape[axes:]} of dtype "
                f"{part.dtype}, its keeps() declares {tuple(shape)} of {expected}; let the two "
                "agree"
            )


def _check_numbers(node: Node, keeps: Keeps) -> None:
    """Raise TypeError unless it is a Keeps of inputs and outputs that the layer has."""
    inputs, outputs = len(node.args), len(node.outs)
    if not isinstance(keeps, Keeps) or not (
        all(k in range(-inputs, inputs) for k in keeps.inputs)
        and all(k in range(-outputs, outputs) for k in keeps.outputs)
    ):
        raise TypeError(
            f"{node.block}: keeps() returned {shown(keeps)}, for {counted(inputs, 'input')} and "
            f"{counted(outputs, 'output')}; return rnnbp.Keeps of their numbers, from 0, or None"
        )


def _check_batch(graph: Graph, xs: Sequence[Array], context: Context, whose: str) -> None:
    """Raise GradientError unless two batches at once are as one after the other."""
    parts = [list(xs), [np.flip(x, 0) if x.ndim else x for x in xs]]
    both = [np.stack(pair) for pair in zip(*parts, strict=True)]
    at = f"{whose}: for inputs of shape {', '.join(str(x.shape) for x in both)}"
    rng = np.random.default_rng(context.seed)
    found = [walk(graph, arrays, context) for arrays in parts]
    weights = [[rng.uniform(-1, 1, v[k].shape) for k in graph.outputs] for v, _ in found]
    single = [backward(graph, *f, w) for f, w in zip(found, weights, strict=True)]
    try:
        values, saved = walk(graph, both, context)
        for k in graph.outputs:
            _agree(f"{at} the output", values[k], np.stack([v[k] for v, _ in found]))
        stacked = [np.stack(pair) for pair in zip(*weights, strict=True)]
        deltas, grads = backward(graph, values, saved, stacked)
    except (GradientError, ShapeError, TypeError):
        raise
    except Exception as error:  # whatever the user's code raises for these axes
        raise GradientError(f"{at} it raised {type(error).__name__}: {error}; {BATCH}") from error
    for k, x in enumerate(xs):
        if (delta := deltas[k]) is not None:
            pair = [np.zeros(x.shape) if (d := of[k]) is None else d for of, _ in single]
            _agree(f"{at} the delta of input {k}", delta, np.stack(pair))
    for name, grad in grads.items():
        _agree(f"{at} the gradient by {name}", grad, sum(np.asarray(g[name]) for _, g in single))


def _agree(what: str, found: Array, expected: Array | int) -> None:
    """Raise GradientError where two results differ by more than rounding."""
    size = max(1.0, float(np.max(np.abs(expected), initial=0.0)))
    if np.shape(found) != np.shape(expected) or not np.all(abs(found - expected) <= SAME * size):
        raise GradientError(
            f"{what} is not what its two parts have, one after the other; {BATCH}: reduce over the "
            "features alone in forward, and sum over all batch axes in backward_params"
        )

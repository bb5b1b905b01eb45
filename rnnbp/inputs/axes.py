"""Axes of x that are missing or in another order: errors that name the likely cause."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.unrolled import layer_of
from rnnbp.inputs.held import Held
from rnnbp.inputs.series import Series
from rnnbp.layers.dense import Dense
from rnnbp.layers.symbols import Symbols
from rnnbp.numerics import Shape, ShapeError

LIKEWISE = ", and likewise for the target"
WITHOUT_BATCH = "axis 1, the batch, is missing; give x[:, None] if it is one sequence"


def missing_features(n: int) -> str:
    """The likely cause of an x (T, B) for a model that takes n features, and the cure."""
    if n == 1:
        return f"an axis is missing, the features come last; give x[..., None]{LIKEWISE}"
    return f"an axis is missing, the features come last: {n} numbers for each step of each sequence"


def stated_shape(graph: Graph, k: int = 0) -> Shape | None:
    """The feature shape that input k, or a layer that takes it, is made for."""
    return next((shape for _, shape in _stated(graph, k)), None)


def _stated(graph: Graph, k: int) -> Iterator[tuple[object, Shape]]:
    """Who takes input k, and the feature shapes that they are made for."""
    if (own := graph.input_shapes[k]) is not None:
        yield graph, own
    for node in graph.nodes:
        if k not in node.args:
            continue
        at, block = node.args.index(k), layer_of(node.block)
        if isinstance(block, Recurrent):
            inside = at < block.cell.n_inputs  # what follows are initial values of states
            if inside and (shape := stated_shape(block.cell, at)) is not None:
                yield block, shape
        elif isinstance(node.block, Symbols):
            yield node.block, ()
        elif isinstance(node.block, Dense):
            yield node.block, (node.block.n_in[at],)


def likely_error(x: Series, graph: Graph, k: int = 0, label: str = "x") -> ShapeError | None:
    """The likely error of an input k that does not fit a model, if the model states a shape."""
    shape = (x.steps if isinstance(x, Held) else "T", *x.shape)
    taker, stated = next(_stated(graph, k), (graph, None))
    cause = None if stated is None else _cause(x.shape, shape, stated)
    single = len(graph.pers) == 1
    if stated is None and single and _takes(graph, x.shape):  # of a layer that says no shape
        stated, cause = x.shape, WITHOUT_BATCH
    if stated is None or cause is None:
        return None
    takes = f"{taker} takes {_listed('T', 'B', *stated)}"
    return ShapeError(
        f"{label} has shape {_listed(*shape)}, and {takes}: {cause}"
        + LIKEWISE * ("give" in cause and LIKEWISE not in cause)
    )


def of_whole(error: ShapeError, x: Series, *, single: bool = True) -> ShapeError:
    """The error of a layer that was asked for the features of x alone, with the shape of x.

    What has one step may come from ``backprop`` or ``Examples``, in which x has no axis of steps.
    """
    if not single:  # the error names the input, and x is not that one alone
        return error
    features = tuple(x.shape[1:])
    lead: tuple[object, ...] = (x.steps, x.shape[0]) if isinstance(x, Held) else ("T", x.shape[0])
    whole = _listed(*(("...",) if lead[0] == 1 else lead), *features)
    return ShapeError(str(error).replace(f"in shape {features};", f"in shape {whole} of x;"))


def _takes(graph: Graph, features: Shape) -> bool:
    """Whether steps of these features, of one sequence, fit a model."""
    try:
        graph.output_shapes(features)
    except ShapeError:
        return False
    return True


def _cause(each: Shape, shape: tuple[int | str, ...], stated: Shape) -> str | None:
    """Of an x of ``shape``, whose steps have the shape ``each``."""
    if each == stated:
        return WITHOUT_BATCH
    if stated == () and each[1:] == (1,):
        return "its elements are symbols, without an axis of features; give x[..., 0]"
    if len(stated) != 1:
        return None
    n = stated[0]
    if len(each) == 1:
        return missing_features(n)
    if len(each) == 2 and each[-1] != n and n in (shape[0], shape[1]):
        axis = shape.index(n)
        return f"axis {axis} has size {n}, and features come last; give np.moveaxis(x, {axis}, -1)"
    return None


def _listed(*sizes: object) -> str:
    return f"({', '.join(map(str, sizes))})"


def check_stated(caller: str, x_shape: Shape | None, stated: Shape | None) -> None:
    """Raise ShapeError for an ``x_shape`` that begins with T and B, or is not that which the model
    is made for.
    """
    if None not in (x_shape, stated) and x_shape != stated:
        raise ShapeError(
            f"{caller}: x_shape is the shape of x without its axes (T, B, ...); for {caller} of "
            f"this model it is {stated}, found {x_shape}; leave it out, the model says it"
        )


def not_one_output(model: Graph) -> str:
    """What to do with a model of several outputs, for an error."""
    return (
        f"{model} has {model.n_outputs} outputs, and this takes models of one, whose outputs are "
        "joined by Concat; bptt, predict, evaluate and fit take several, with a loss for each"
    )

"""Axes of x that are missing or in another order: errors that name the likely cause."""

from __future__ import annotations

from collections.abc import Iterator

from rnnbp.graph.graph import Graph
from rnnbp.graph.recurrent import Recurrent
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


def stated_shape(graph: Graph) -> Shape | None:
    """The feature shape that the input, or a layer that takes it, is made for."""
    return next((shape for _, shape in _stated(graph)), None)


def _stated(graph: Graph) -> Iterator[tuple[object, Shape]]:
    """Who takes the input, and the feature shapes that they are made for."""
    if graph.input_shapes[0] is not None:
        yield graph, graph.input_shapes[0]
    for node in graph.nodes:
        if 0 not in node.args:
            continue
        if isinstance(node.block, Recurrent):
            if (shape := stated_shape(node.block.cell)) is not None:
                yield node.block, shape
        elif isinstance(node.block, Symbols):
            yield node.block, ()
        elif isinstance(node.block, Dense):
            yield node.block, (node.block.n_in[node.args.index(0)],)


def likely_error(x: Series, graph: Graph) -> ShapeError | None:
    """The likely error of an x that does not fit a model, if the model states a shape."""
    shape = (x.steps if isinstance(x, Held) else "T", *x.shape)
    taker, stated = next(_stated(graph), (graph, None))
    cause = None if stated is None else _cause(x.shape, shape, stated)
    if stated is None and _takes(graph, x.shape):  # of a layer that says no shape
        stated, cause = x.shape, WITHOUT_BATCH
    if stated is None or cause is None:
        return None
    takes = f"{taker} takes {_listed('T', 'B', *stated)}"
    return ShapeError(
        f"x has shape {_listed(*shape)}, and {takes}: {cause}"
        + LIKEWISE * ("give" in cause and LIKEWISE not in cause)
    )


def of_whole(error: ShapeError, x: Series) -> ShapeError:
    """The error of a layer that was asked for the features of x alone, with the shape of x.

    What has one step may come from ``backprop`` or ``Examples``, in which x has no axis of steps.
    """
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


def not_one_of_each(model: Graph) -> str:
    """What to do with a model of several inputs or outputs, for an error."""
    counts = f"{len(model.input_shapes)} inputs and {model.n_outputs} outputs"
    ways = []
    if len(model.input_shapes) != 1:
        ways.append(
            "inputs are the columns of one x, np.concatenate([...], axis=-1), which Split takes "
            "apart; integers cannot be joined with floats: give them as one-hot columns, with "
            "Dense in place of Embedding"
        )
    if model.n_outputs != 1:
        ways.append("outputs are joined by Concat, and a loss of your own takes them apart")
    return (
        f"{model} has {counts}; a model has one of each: {'; '.join(ways)}; "
        "help('rnnbp.missing') has the lines"
    )

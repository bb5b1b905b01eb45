"""Parameter values: symbols of what is learned, without time and without batch."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rnnbp.graph.values import Application, Value
from rnnbp.initializers import InitializerLike, generator_of, initialize
from rnnbp.layers.parameter import ParameterLayer
from rnnbp.naming import checked_name
from rnnbp.numerics import Shape, float_dtype, positive_int
from rnnbp.rng import RngLike
from rnnbp.wording.arguments import takes


@takes()
# Reads as the class it stands for.
def Parameter(  # noqa: N802  # reads as the class it stands for
    shape: int | Shape,
    *,
    init: InitializerLike = "uniform",
    name: str | None = None,
    dtype: npt.DTypeLike = "float32",
    rng: RngLike = None,
) -> Value:
    """A symbolic value that is learned: an array without time and batch.

    Layers and operators apply to it as to any value, and it is used in graphs and cells without
    being among their inputs; ``w @ h`` is a product, ``w.T`` the transpose. What depends on
    parameters alone is computed once a run, not at every step, and its delta, summed over the run,
    goes back once: a weight that is a function of a parameter costs what a weight costs. A Dropout
    of it draws one mask a run. Optimizers, weight decay, clipping, files and snapshots see the
    parameter, not its function. Used in several places, cells or graphs, it is one parameter.

    Args:
        shape: its shape: an int n for (n,), a tuple. A weight is (n_out, n_in).
        init: an initializer, its name, a number, or an array of that shape; uniform ±1/√n_in by
            default, as the weights of Dense.
        name: its path in ``params``, after the name or place of the Recurrent or graph that it is
            in; without one ``<place>.value``.
        dtype: "float32" or "float64".
        rng: seed or Generator for the initial values.

    Returns:
        A ``Value`` whose ``per`` is "run".

    Raises:
        ValueError, TypeError, DtypeError: for initial values that do not fit, or a name or shape
            that cannot be used.

    A leaky network in which a unit excites or inhibits all others (Dale's law; 1602.07389):

    >>> import numpy as np, rnnbp as rb
    >>> x, h, signs = rb.Input(3), rb.State(5, "h"), np.array([1, 1, 1, 1, -1])
    >>> w = abs(rb.Parameter((5, 5), name="w")) * signs  # column k: what unit k sends
    >>> rates = rb.ReLU()(w @ h + rb.Dense(3, 5, name="ih")(x))
    >>> h_new = 0.9 * h + 0.1 * rates
    >>> model = rb.Recurrent(rb.Cell(x, {h: h_new}, output=h_new))
    >>> list(model.params), rb.predict(model, np.zeros((7, 2, 3), "float32"))[0].shape
    (['w', 'weight_ih', 'bias_ih'], (7, 2, 5))
    """
    sizes = _sizes(shape)
    label, numbers = checked_name("Parameter", name), generator_of("Parameter", rng)
    place = "Parameter" if label is None else f"Parameter {label}"
    layer = ParameterLayer(
        initialize(init, numbers, sizes, np.dtype(float_dtype(dtype)), place), name=label
    )
    return Value(sizes, Application(layer, ()), per="run")


def _sizes(shape: int | Shape) -> Shape:
    """A shape of at least one axis. Raises TypeError or ValueError."""
    if isinstance(shape, np.ndarray):
        raise TypeError(
            f"Parameter: shape is an array of shape {shape.shape}; give Parameter({shape.shape}, "
            "init=array)"
        )
    given = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    if not given:
        raise ValueError("Parameter: shape is (), without axes; for one number give 1")
    return tuple([positive_int("Parameter: shape", n) for n in given])

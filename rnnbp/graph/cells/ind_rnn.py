"""IndRNN: units that see no state but their own."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from rnnbp.graph.cells.projections import Options, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.numerics import Array, Shape
from rnnbp.wording.arguments import takes


@takes(*Options.__annotations__)
def IndRNN(  # noqa: N802  # reads as the class it stands for
    n_in: int, n: int, *, activation: str = "relu", **options: Unpack[Options]
) -> Recurrent:
    """Independently recurrent network: h′ = f(W x + b + u ⊙ h), f relu or tanh (Li et al. 2018).

    Output h′. Each unit has one weight of its own state, ``weight_hh`` (n,), U(0, 1) at first: its
    gradient over T steps is u to the power of T, so |u| is to stay below about 2^(1/T) for T steps.
    The authors clip u after each update, as ``np.clip(u, -limit, limit, out=u)`` of ``u =
    model.params["weight_hh"]``. Units see each other in the next layer.

    Args:
        n_in: features of x.
        n: units.
        activation: "relu" or "tanh".
        bias: False for no biases; True by default.
        initial: "zeros", the default, or "learned" for an initial state that is a parameter.
        input_init, recurrent_init, bias_init: initializers of W, of u, and of b, from
            ``rnnbp.initializers``; W and b are U(±1/√n) by default.
        dtype: "float32", the default, or "float64".
        rng: a seed or a NumPy Generator; fresh random numbers by default.
        name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.
        dropout, recurrent_dropout: shares of x, and of h where it meets weights, that are 0 in
            training, one mask for all steps of a sequence (Gal & Ghahramani 2016).
        reverse: True to run from the last step of each sequence to its first; y has the order of x.
        options: those from ``bias`` on; help(rnnbp.Options) has their types.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n), state (h,), h (B, n). Parameters: ``weight_ih`` (n, n_in),
    ``bias_ih`` (n,), ``weight_hh`` (n,).

    >>> import numpy as np, rnnbp as rb
    >>> y, (h,) = rb.predict(rb.IndRNN(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h[0].shape
    ((7, 2, 4), (2, 4))
    """
    build = Projections("IndRNN", n_in, n, options, activation=activation != "relu" and activation)
    x, h = Input(n_in), State(n, "h")
    from_x = build("ih", n_in, n)
    of_own = build.gain("hh", options.get("recurrent_init", _up_to_one))
    seen, known = build.dropped("dropout", x), build.dropped("recurrent_dropout", h)
    h_new = build.activation(activation)(from_x(seen) + of_own(known))
    return build.recurrent(x, {h: h_new}, h_new, activation=activation)


def _up_to_one(rng: np.random.Generator, shape: Shape) -> Array:
    """U(0, 1)."""
    return rng.uniform(0, 1, shape)

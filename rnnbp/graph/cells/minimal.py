"""MinGRU and MinLSTM: gates that depend on x alone."""

from __future__ import annotations

from typing import Unpack

from rnnbp.graph.cells.moving import Toward
from rnnbp.graph.cells.projections import InputOptions, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State, Value
from rnnbp.layers import ReLU, Sigmoid, Softplus, Split
from rnnbp.numerics import flag
from rnnbp.wording.arguments import takes


@takes(*InputOptions.__annotations__)
def MinGRU(  # noqa: N802  # reads as the class it stands for
    n_in: int, n: int, *, positive: bool = False, **options: Unpack[InputOptions]
) -> Recurrent:
    """Minimal GRU: z = σ(W x + b), m = W x + b, h′ = (1 − z) ⊙ h + z ⊙ m (Feng et al. 2024).

    Output h′. Parameters are stacked z, m; none meets the state, so that all products of a chunk
    are one, and a step is a few operations a unit: long sequences of few rows are fast, and a tape
    is small.

    Args:
        n_in: features of x.
        n: units.
        positive: True for g(m) in place of m, g(v) = v + ½ for v ≥ 0, else σ(v): then h stays
            above 0. It is the authors' form for computation with logarithms (their appendix).
        bias: False for no biases; True by default.
        initial: "zeros", the default, or "learned" for an initial state that is a parameter.
        input_init, bias_init: initializers of the weights and of the biases, from
            ``rnnbp.initializers``; U(±1/√n) by default.
        dtype: "float32", the default, or "float64".
        rng: a seed or a NumPy Generator; fresh random numbers by default.
        name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.
        reverse: True to run from the last step of each sequence to its first; y has the order of x.
        options: those from ``bias`` on; help(rnnbp.Options) has their types.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n), state (h,), h (B, n). Parameters: ``weight_ih`` (2n,
    n_in), ``bias_ih`` (2n,).

    >>> import numpy as np, rnnbp as rb
    >>> y, (h,) = rb.predict(rb.MinGRU(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h[0].shape
    ((7, 2, 4), (2, 4))
    """
    above = flag("MinGRU: positive", positive)
    build = Projections("MinGRU", n_in, n, options, positive=above)
    x, h = Input(n_in), State(n, "h")
    z, m = Split(n, n)(build("ih", n_in, 2 * n)(x))
    h_new = Toward()(h, _above_zero(m) if above else m, Sigmoid()(z))
    return build.recurrent(x, {h: h_new}, h_new)


@takes(*InputOptions.__annotations__)
def MinLSTM(  # noqa: N802  # reads as the class it stands for
    n_in: int, n: int, *, positive: bool = False, **options: Unpack[InputOptions]
) -> Recurrent:
    """Minimal LSTM: f, i = σ(W x + b), m = W x + b, h′ = (f ⊙ h + i ⊙ m) / (f + i).

    Feng et al. 2024: f and i are divided by their sum, so that h does not grow with the number of
    steps. Output h′. Parameters are stacked f, i, m; none meets the state, see ``MinGRU``.

    Args:
        n_in: features of x.
        n: units.
        positive: True for g(m) in place of m, g(v) = v + ½ for v ≥ 0, else σ(v): then h stays
            above 0. It is the authors' form for computation with logarithms (their appendix).
        bias: False for no biases; True by default.
        initial: "zeros", the default, or "learned" for an initial state that is a parameter.
        input_init, bias_init: initializers of the weights and of the biases, from
            ``rnnbp.initializers``; U(±1/√n) by default.
        dtype: "float32", the default, or "float64".
        rng: a seed or a NumPy Generator; fresh random numbers by default.
        name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.
        reverse: True to run from the last step of each sequence to its first; y has the order of x.
        options: those from ``bias`` on; help(rnnbp.Options) has their types.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n), state (h,), h (B, n). Parameters: ``weight_ih`` (3n,
    n_in), ``bias_ih`` (3n,).

    >>> import numpy as np, rnnbp as rb
    >>> y, (h,) = rb.predict(rb.MinLSTM(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h[0].shape
    ((7, 2, 4), (2, 4))
    """
    above = flag("MinLSTM: positive", positive)
    build = Projections("MinLSTM", n_in, n, options, positive=above)
    x, h = Input(n_in), State(n, "h")
    f, i, m = Split(n, n, n)(build("ih", n_in, 3 * n)(x))
    # i / (f + i) by logarithms: both gates may be 0 to rounding, where a quotient would be NaN.
    new = Sigmoid()(Softplus()(-f) - Softplus()(-i))
    h_new = Toward()(h, _above_zero(m) if above else m, new)
    return build.recurrent(x, {h: h_new}, h_new)


def _above_zero(v: Value) -> Value:
    """g(v) = v + ½ for v ≥ 0, else σ(v); its derivative at 0 is 1.

    With m = max(−v, 0) it is v + m + σ(−m), without a case.
    """
    below: Value = ReLU()(-v)
    found: Value = v + below + Sigmoid()(-below)
    return found

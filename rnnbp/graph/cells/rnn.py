"""RNN: a cell of one affine layer of x, one of the state, and an activation."""

from __future__ import annotations

from typing import Unpack

from rnnbp.graph.cells.projections import Options, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.numerics import flag, real_number
from rnnbp.wording.arguments import takes


@takes(*Options.__annotations__)
def RNN(  # noqa: N802  # reads as the class it stands for
    n_in: int,
    n: int,
    *,
    activation: str = "tanh",
    leak: float = 1.0,
    layer_norm: bool = False,
    zoneout: float = 0.0,
    **options: Unpack[Options],
) -> Recurrent:
    """h′ = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or relu (Elman 1990). Output h′.

    With ``leak=a``: h′ = (1 − a) h + a f(W_ih x + b_ih + W_hh h + b_hh), a leaky integrator, as
    in echo state networks (Jaeger et al. 2007) and rate networks of neuroscience, where
    a = Δt / τ (Song et al. 2016, eq. 4).

    With ``layer_norm=True``: LN(W_ih x) + b_ih + LN(W_hh h) + b_hh within f (Ba et al. 2016).
    Gains are ``weight_norm_ih`` and ``weight_norm_hh`` (n,), 1 at first, biases ``bias_norm_ih``
    and ``bias_norm_hh``, 0 at first.

    Args:
        n_in: features of x.
        n: units.
        activation: "tanh" or "relu".
        leak: a above, 0 < a ≤ 1; 1 for none of the old state.
        layer_norm: see above.
        zoneout: probability that an element of h stays as it was, in training anew at each step,
            else its mean (Krueger et al. 2017).
        bias: False for no biases; True by default.
        initial: "zeros", the default, or "learned" for an initial state that is a parameter.
        input_init, recurrent_init, bias_init: initializers of the weights from x, of those from the
            state, and of the biases, from ``rnnbp.initializers``; U(±1/√n) by default, as
            PyTorch's.
        dtype: "float32", the default, or "float64".
        rng: a seed or a NumPy Generator; fresh random numbers by default.
        name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.
        dropout, recurrent_dropout: shares of x, and of h where it meets weights, that are 0 in
            training, one mask for all steps of a sequence and all gates (Gal & Ghahramani 2016).
        reverse: True to run from the last step of each sequence to its first; y has the order of x.
        options: those from ``bias`` on; help(rnnbp.Options) has their types.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n), state (h,), h (B, n).

    >>> import numpy as np, rnnbp as rb
    >>> y, (h,) = rb.predict(rb.RNN(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h[0].shape
    ((7, 2, 4), (2, 4))

    Weights of PyTorch's nn.RNN are read by ``load_weights(model, net.state_dict(),
    rename="torch")``, ``weight_ih_l0`` into ``weight_ih``; its help has several layers. No name
    says the nonlinearity: of one with ``nonlinearity="relu"`` build this with
    ``activation="relu"``. Weights of Keras's and TensorFlow's SimpleRNN, with ``model`` the layer
    here and ``layer`` theirs::

        kernel, recurrent, bias = layer.get_weights()
        new = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
        new |= {"bias_ih": bias, "bias_hh": 0 * bias}
        for name, p in model.params.items():
            p[...] = new[name]
    """
    a, normed = _leak(leak), flag("RNN: layer_norm", layer_norm)
    own = {"leak": a if a < 1 else None, "layer_norm": normed}
    build = Projections("RNN", n_in, n, options, **own)
    f = build.activation(activation)
    x, h = Input(n_in), State(n, "h")
    sums, _ = build.sums(x, h, n_in, n, n)
    h_new = f(sums)
    if a < 1:
        h_new = (1 - a) * h + a * h_new
    h_new = build.zoned(zoneout, h, h_new)
    return build.recurrent(x, {h: h_new}, h_new, activation=activation, leak=a)


def _leak(leak: object) -> float:
    found = real_number("RNN: leak", leak, above=0, cure="1 is a network without a leak")
    if found > 1:
        raise ValueError(f"RNN: leak must lie in (0, 1], found {found}")
    return found

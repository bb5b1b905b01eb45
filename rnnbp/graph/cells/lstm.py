"""LSTM: four gates, and a memory next to the output."""

from __future__ import annotations

from typing import Unpack

from rnnbp.graph.cells.projections import Options, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.layers import Sigmoid, Split, Tanh
from rnnbp.numerics import real_number
from rnnbp.wording.arguments import takes


@takes(*Options.__annotations__)
def LSTM(  # noqa: N802  # reads as the class it stands for
    n_in: int, n: int, *, forget_bias: float = 0.0, **options: Unpack[Options]
) -> Recurrent:
    """Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    i, f, o = σ(W x + U h + b), g = tanh(W x + U h + b); c′ = f ⊙ c + i ⊙ g; h′ = o ⊙ tanh(c′).
    Output h′. Gates are stacked in the order i, f, g, o.

    Args:
        n_in: features of x.
        n: units.
        forget_bias: added to f's ``bias_ih``: 1 or more for long dependencies (Jozefowicz et al.
            2015).
        bias: False for no biases; True by default.
        initial: "zeros", the default, or "learned" for an initial state that is a parameter.
        input_init, recurrent_init, bias_init: initializers of the weights from x, of those from the
            state, and of the biases, from ``rnnbp.initializers``; U(±1/√n) by default, as
            PyTorch's.
        dtype: "float32", the default, or "float64".
        rng: a seed or a NumPy Generator; fresh random numbers by default.
        name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.
        options: those from ``bias`` on; help(rnnbp.Options) has their types.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n), state (h, c), each (B, n).

    >>> import numpy as np, rnnbp as rb
    >>> y, ((h, c),) = rb.predict(rb.LSTM(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h.shape, c.shape
    ((7, 2, 4), (2, 4), (2, 4))

    Weights of PyTorch's nn.LSTM are read by ``load_weights(model, net.state_dict(),
    rename="torch")``, ``weight_ih_l0`` into ``weight_ih``; its help has several layers. Weights
    of Keras's and TensorFlow's LSTM, with ``model`` the layer here and ``layer`` theirs::

        kernel, recurrent, bias = layer.get_weights()
        new = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
        new |= {"bias_ih": bias, "bias_hh": 0 * bias}
        for name, p in model.params.items():
            p[...] = new[name]
    """
    build = Projections("LSTM", n_in, n, options)
    x, h, c = Input(n_in), State(n, "h"), State(n, "c")
    from_x, from_h = build("ih", n_in, 4 * n), build("hh", n, 4 * n)
    if forget_bias := real_number("LSTM: forget_bias", forget_bias):
        if "bias" not in from_x.params:
            raise ValueError(f"LSTM: forget_bias={forget_bias} needs biases; leave out bias=False")
        from_x.params["bias"][n : 2 * n] += forget_bias
    i, f, g, o = Split(n, n, n, n)(from_x(x) + from_h(h))
    c_new = Sigmoid()(f) * c + Sigmoid()(i) * Tanh()(g)
    h_new = Sigmoid()(o) * Tanh()(c_new)
    return build.recurrent(x, {h: h_new, c: c_new}, h_new)

"""LSTM: gates, and a memory next to the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from rnnbp.graph.cells.projections import Options, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.layers import Layer, Sigmoid, Split, Tanh
from rnnbp.numerics import flag, positive_int, real_number, shown
from rnnbp.wording.arguments import takes


@takes(*Options.__annotations__)
def LSTM(  # noqa: N802  # reads as the class it stands for
    n_in: int,
    n: int,
    *,
    forget_bias: float = 0.0,
    projection: int | None = None,
    layer_norm: bool = False,
    coupled: bool = False,
    zoneout: float | Sequence[float] = 0.0,
    **options: Unpack[Options],
) -> Recurrent:
    """Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    i, f, o = σ(W x + U h + b), g = tanh(W x + U h + b); c′ = f ⊙ c + i ⊙ g; h′ = o ⊙ tanh(c′).
    Output h′. Gates are stacked in the order i, f, g, o. Options of the literature, which combine:

    - ``projection=p``: h′ = R (o ⊙ tanh(c′)) of p features, R = ``weight_hr`` (p, n) without bias,
      ``weight_hh`` (4n, p) (LSTMP, Sak et al. 2014, eq. 1-6 without peepholes; PyTorch's
      ``proj_size``).
    - ``layer_norm=True``: gates of LN(W x) + LN(U h) + b, and h′ = o ⊙ tanh(LN(c′)), while c′ itself
      is handed on as it is (Ba et al. 2016, eq. 20-22 of their supplement). Each LN, over the 4n
      gates together, has its gain: ``weight_norm_ih`` and ``weight_norm_hh`` (4n,),
      ``weight_norm_c`` (n,), 1 at first. b is ``bias_norm_ih`` + ``bias_norm_hh``, 0 at first, in
      place of ``bias_ih`` and ``bias_hh``; LN(c′) has ``bias_norm_c``.
    - ``coupled=True``: f = 1 − i, gates i, g, o (Greff et al. 2017, CIFG; ``input_forget`` of ONNX).

    Args:
        n_in: features of x.
        n: units.
        forget_bias: added to f's ``bias_ih``: 1 or more for long dependencies (Jozefowicz et al.
            2015). With ``coupled``, where f = σ(−z) of the sum z whose i is σ(z), taken from i's.
        projection: features of h, and of the output; None for n.
        layer_norm, coupled: see above.
        zoneout: probability that an element of a state stays as it was, in training anew at each
            step, else its mean, or two, of h and of c; h′ reads c′ before that, and is the output
            after it (Krueger et al. 2017).
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
        options: those from ``bias`` on; help(rnnbp.Options) has their types.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n), state (h, c), each (B, n); with ``projection`` y
    (T, B, p), h (B, p).

    >>> import numpy as np, rnnbp as rb
    >>> y, ((h, c),) = rb.predict(rb.LSTM(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h.shape, c.shape
    ((7, 2, 4), (2, 4), (2, 4))
    >>> normed = rb.LSTM(3, 4, projection=2, layer_norm=True, coupled=True, bias=False)
    >>> [(name, p.shape) for name, p in normed.params.items() if "norm" not in name]
    [('weight_ih', (12, 3)), ('weight_hh', (12, 2)), ('weight_hr', (2, 4))]

    Weights of PyTorch's nn.LSTM are read by ``load_weights(model, net.state_dict(),
    rename="torch")``, ``weight_ih_l0`` into ``weight_ih``; its help has several layers. Weights
    of Keras's and TensorFlow's LSTM, with ``model`` the layer here and ``layer`` theirs::

        kernel, recurrent, bias = layer.get_weights()
        new = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
        new |= {"bias_ih": bias, "bias_hh": 0 * bias}
        for name, p in model.params.items():
            p[...] = new[name]
    """
    normed, coupled = flag("LSTM: layer_norm", layer_norm), flag("LSTM: coupled", coupled)
    size = n if projection is None else positive_int("LSTM: projection", projection)
    own = {"projection": projection and size, "layer_norm": normed, "coupled": coupled}
    build = Projections("LSTM", n_in, n, options, **own)
    x, h, c = Input(n_in), State(size, "h"), State(n, "c")
    gates = "igo" if coupled else "ifgo"
    sums, of_x = build.sums(x, h, n_in, size, len(gates) * n)
    _add_forget_bias(of_x, n, coupled, real_number("LSTM: forget_bias", forget_bias))
    z = dict(zip(gates, Split(*[n] * len(gates))(sums), strict=True))
    if coupled:
        i = Sigmoid()(z["i"])
        c_new = (1 - i) * c + i * Tanh()(z["g"])
    else:
        c_new = Sigmoid()(z["f"]) * c + Sigmoid()(z["i"]) * Tanh()(z["g"])
    h_new = Sigmoid()(z["o"]) * Tanh()(build.norm("c", n)(c_new) if normed else c_new)
    if projection is not None:
        h_new = build("hr", n, size, bias=False)(h_new)
    of_h, of_c = _rates(zoneout)
    h_new = build.zoned(of_h, h, h_new, "zoneout_h")
    return build.recurrent(x, {h: h_new, c: build.zoned(of_c, c, c_new, "zoneout_c")}, h_new)


def _rates(zoneout: float | Sequence[float]) -> Sequence[float]:
    """The rates of h and of c."""
    if not isinstance(zoneout, Sequence):
        return zoneout, zoneout
    if len(zoneout) != 2:
        raise ValueError(
            f"LSTM: zoneout is a number, or two, of h and of c, found {shown(zoneout)}; give one "
            "as zoneout=(0.05, 0.5)"
        )
    return zoneout


def _add_forget_bias(of_x: Layer, n: int, coupled: bool, forget_bias: float) -> None:
    """Add it to the bias of f, or take it from that of i where f = 1 − i."""
    if not forget_bias:
        return
    if "bias" not in of_x.params:
        raise ValueError(f"LSTM: forget_bias={forget_bias} needs biases; leave out bias=False")
    if coupled:
        of_x.params["bias"][:n] -= forget_bias
    else:
        of_x.params["bias"][n : 2 * n] += forget_bias

"""LSTM: gates, and a memory next to the output."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

from rnnbp.graph.cells.projections import Options, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State, Value
from rnnbp.layers import Sigmoid, Split, Tanh
from rnnbp.numerics import flag, positive_int, shown
from rnnbp.wording.arguments import takes


@takes(*Options.__annotations__)
def LSTM(  # noqa: N802  # reads as the class it stands for
    n_in: int,
    n: int,
    *,
    forget_bias: float = 0.0,
    peepholes: bool = False,
    projection: int | None = None,
    layer_norm: bool = False,
    coupled: bool = False,
    zoneout: float | Sequence[float] = 0.0,
    **options: Unpack[Options],
) -> Recurrent:
    """Long short-term memory with a forget gate (Hochreiter & Schmidhuber 1997; Gers et al. 2000).

    i, f, o = σ(W x + U h + b), g = tanh(W x + U h + b); c′ = f ⊙ c + i ⊙ g; h′ = o ⊙ tanh(c′).
    Output h′. Gates are stacked in the order i, f, g, o. Options of the literature, which combine:

    - ``peepholes=True``: i and f see c too, o sees c′, each by a factor a unit: σ(W x + U h + b + w
      ⊙ c), w = ``weight_ci``, ``weight_cf``, ``weight_co`` (n,), U(±1/√n) at first (Gers et al.
      2002; ONNX's P holds those of i, o, f).
    - ``projection=p``: h′ = R (o ⊙ tanh(c′)) of p features, R = ``weight_hr`` (p, n) without bias,
      ``weight_hh`` (4n, p) (LSTMP, Sak et al. 2014, with peepholes there; PyTorch's
      ``proj_size``).
    - ``layer_norm=True``: gates of LN(W x) + LN(U h) + b, and h′ = o ⊙ tanh(LN(c′)), while c′ itself
      is handed on as it is (Ba et al. 2016, their supplement). Each LN, over the 4n
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
        peepholes, layer_norm, coupled: see above.
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
        reverse: True to run from the last step of each sequence to its first; y has the order of x.
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
    seen, coupled = flag("LSTM: peepholes", peepholes), flag("LSTM: coupled", coupled)
    normed = flag("LSTM: layer_norm", layer_norm)
    size = n if projection is None else positive_int("LSTM: projection", projection)
    own = {"projection": projection and size, "layer_norm": normed, "coupled": coupled}
    build = Projections("LSTM", n_in, n, options, peepholes=seen, **own)
    x, h, c = Input(n_in), State(size, "h"), State(n, "c")
    gates = "igo" if coupled else "ifgo"
    sums, of_x = build.sums(x, h, n_in, size, len(gates) * n)
    build.add_forget_bias(of_x, forget_bias, of_i=coupled)
    z = dict(zip(gates, Split(*[n] * len(gates))(sums), strict=True))
    c_new, o = _memory(build, z, c, seen=seen)
    h_new = o * Tanh()(build.norm("c", n)(c_new) if normed else c_new)
    if projection is not None:
        h_new = build("hr", n, size, bias=False)(h_new)
    of_h, of_c = _rates(zoneout)
    h_new = build.zoned(of_h, h, h_new, "zoneout_h")
    return build.recurrent(x, {h: h_new, c: build.zoned(of_c, c, c_new, "zoneout_c")}, h_new)


def _memory(
    build: Projections, z: dict[str, Value], c: Value, *, seen: bool
) -> tuple[Value, Value]:
    """c′ and the output gate, of the sums z; the gates see the memory by peepholes, if they do."""

    def gate(name: str, memory: Value) -> Value:
        found: Value = Sigmoid()(z[name] + build.gain(f"c{name}")(memory) if seen else z[name])
        return found

    if "f" in z:
        c_new = gate("f", c) * c + gate("i", c) * Tanh()(z["g"])
    else:
        i = gate("i", c)
        c_new = (1 - i) * c + i * Tanh()(z["g"])
    return c_new, gate("o", c_new)


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

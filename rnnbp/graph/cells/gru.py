"""GRU: two gates, the candidate reset before or after its product."""

from __future__ import annotations

from typing import Unpack

from rnnbp.graph.cells.projections import Options, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.layers import Sigmoid, Split, Tanh
from rnnbp.numerics import flag
from rnnbp.wording.arguments import takes


@takes(*Options.__annotations__)
def GRU(  # noqa: N802  # reads as the class it stands for
    n_in: int,
    n: int,
    *,
    reset_after: bool = True,
    layer_norm: bool = False,
    zoneout: float = 0.0,
    **options: Unpack[Options],
) -> Recurrent:
    """Gated recurrent unit: r, z = σ(W x + b + U h + b′), h′ = (1 − z) ⊙ m + z ⊙ h.

    Cho et al. 2014.

    Output h′. With ``reset_after``, as PyTorch and cuDNN: m = tanh(W x + b + r ⊙ (U h + b′)), gates
    stacked r, z, m. Without, as the paper: m = tanh(W x + b + U (r ⊙ h) + b′); ``weight_hh`` (2n,
    n) then holds r and z, ``weight_hm`` (n, n) m.

    With ``layer_norm=True`` LN(W x) + b and LN(U h) + b′ take the place of W x + b and U h + b′,
    each LN over the 3n gates together (Ba et al. 2016, of whose two it is the form with
    ``reset_after``). Gains are ``weight_norm_ih`` and ``weight_norm_hh`` (3n,), 1 at first, biases
    ``bias_norm_ih`` and ``bias_norm_hh``, 0 at first, in place of ``bias_ih`` and ``bias_hh``.

    Args:
        n_in: features of x.
        n: units.
        reset_after: where the reset gate acts, see above.
        layer_norm: see above; with ``reset_after`` alone.
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
    >>> y, (h,) = rb.predict(rb.GRU(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h[0].shape
    ((7, 2, 4), (2, 4))

    Weights of PyTorch's nn.GRU are read by ``load_weights(model, net.state_dict(),
    rename="torch")``, ``weight_ih_l0`` into ``weight_ih``; its help has several layers. Weights
    of Keras's and TensorFlow's GRU, with ``model`` the layer here and ``layer`` theirs::

        kernel, recurrent, bias = layer.get_weights()
        n = len(recurrent)
        order = np.r_[n : 2 * n, :n, 2 * n : 3 * n]  # their gates z, r, h
        one = bias.ndim == 1  # as with reset_after=False
        of_x, of_h = (bias[order], np.zeros(3 * n)) if one else bias[:, order]
        new = {"weight_ih": kernel.T[order], "weight_hh": recurrent.T[order]}
        new |= {"bias_ih": of_x, "bias_hh": of_h}
        new |= {"weight_hm": new["weight_hh"][2 * n :], "bias_hm": of_h[2 * n :]}
        for name, p in model.params.items():
            p[...] = new[name][: len(p)]
    """
    after, normed = flag("GRU: reset_after", reset_after), flag("GRU: layer_norm", layer_norm)
    if normed and not after:
        raise ValueError(
            "GRU: layer_norm=True goes with reset_after=True alone; for others write a Cell of "
            "your own, see help(rnnbp.Cell)"
        )
    build = Projections("GRU", n_in, n, options, layer_norm=normed)
    x, h = Input(n_in), State(n, "h")
    from_x, _ = build.affine("ih", n_in, 3 * n)
    xr, xz, xm = Split(n, n, n)(from_x(build.dropped("dropout", x)))
    known = build.dropped("recurrent_dropout", h)
    from_h, _ = build.affine("hh", n, (3 if after else 2) * n)
    hr, hz, *hm = Split(*[n] * (3 if after else 2))(from_h(known))
    r, z = Sigmoid()(xr + hr), Sigmoid()(xz + hz)
    m = Tanh()(xm + (r * hm[0] if after else build("hm", n, n)(r * known)))
    h_new = build.zoned(zoneout, h, (1 - z) * m + z * h)
    return build.recurrent(x, {h: h_new}, h_new, reset_after=after)

"""SLSTM: gates that are exponentials, and a sum that they are divided by."""

from __future__ import annotations

from typing import Unpack

from rnnbp.graph.cells.projections import Options, Projections
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.layers import Divide, Exp, Maximum, ReLU, Sigmoid, Softplus, Split, Tanh
from rnnbp.numerics import shown
from rnnbp.wording.arguments import takes

NEVER = 1e30
"""Taken from the logarithm of a sum that has not begun: its exponential is 0 next to any other."""


@takes(*Options.__annotations__)
def SLSTM(  # noqa: N802  # reads as the class it stands for
    n_in: int,
    n: int,
    *,
    forget: str = "sigmoid",
    forget_bias: float = 0.0,
    **options: Unpack[Options],
) -> Recurrent:
    """Scalar LSTM of xLSTM, with an exponential input gate (Beck et al. 2024, section 2.2).

    i = exp(ĩ), f = σ(f̃) or exp(f̃), z = tanh(z̃), o = σ(õ), of the sums ĩ, f̃, z̃, õ = W x + b +
    U h + b′; c′ = f ⊙ c + i ⊙ z; s′ = f ⊙ s + i; h′ = o ⊙ c′ / s′. Output h′. Gates are stacked i,
    f, z, o, and every unit sees the h of all, as with one head of the paper's.

    Exponentials would overflow, so c and s are kept as multiples of exp(m), a state of each unit:
    m′ = max(log f + m, ĩ), c′ = exp(log f + m − m′) ⊙ c + exp(ĩ − m′) ⊙ z, and s′ likewise; the
    first step has m′ = ĩ. It cancels in h′, and so in all gradients. From the first step on s is at
    least 1; s = 0 says that a sequence begins.

    Args:
        n_in: features of x.
        n: units.
        forget: "sigmoid" or "exp", the function of the forget gate.
        forget_bias: added to f's ``bias_ih``.
        bias: False for no biases; True by default.
        initial: "zeros": nothing of the past is in the sums, whatever m is.
        input_init, recurrent_init, bias_init: initializers of the weights from x, of those from the
            state, and of the biases, from ``rnnbp.initializers``; U(±1/√n) by default.
        dtype: "float32", the default, or "float64".
        rng: a seed or a NumPy Generator; fresh random numbers by default.
        name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.
        dropout, recurrent_dropout: shares of x, and of h where it meets weights, that are 0 in
            training, one mask for all steps of a sequence and all gates (Gal & Ghahramani 2016).
        reverse: True to run from the last step of each sequence to its first; y has the order of x.
        options: those from ``bias`` on; help(rnnbp.Options) has their types.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n), state (h, c, s, m), each (B, n). Parameters:
    ``weight_ih`` (4n, n_in), ``weight_hh`` (4n, n), ``bias_ih`` and ``bias_hh`` (4n,).

    >>> import numpy as np, rnnbp as rb
    >>> y, ((h, c, s, m),) = rb.predict(rb.SLSTM(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h.shape, bool((s >= 1).all())
    ((7, 2, 4), (2, 4), True)
    """
    if not isinstance(forget, str) or forget not in ("sigmoid", "exp"):
        raise ValueError(f"SLSTM: forget is 'sigmoid' or 'exp', found {shown(forget)}")
    if options.get("initial", "zeros") == "learned":
        raise ValueError("SLSTM: the sums begin at 0; leave out initial='learned'")
    build = Projections("SLSTM", n_in, n, options, forget=None if forget == "sigmoid" else forget)
    x, h, c, s, m = Input(n_in), *(State(n, name) for name in "hcsm")
    sums, of_x = build.sums(x, h, n_in, n, 4 * n)
    build.add_forget_bias(of_x, forget_bias)
    i, f, z, o = Split(n, n, n, n)(sums)
    log_f = f if forget == "exp" else -Softplus()(-f)
    old = log_f + m - NEVER * ReLU()(1 - 1000 * s)  # the last is 0 from the first step on
    m_new = Maximum()(old, i)
    kept, added = Exp()(old - m_new), Exp()(i - m_new)
    c_new, s_new = kept * c + added * Tanh()(z), kept * s + added
    h_new = Sigmoid()(o) * Divide()(c_new, s_new)
    state = {h: h_new, c: c_new, s: s_new, m: m_new}
    return build.recurrent(x, state, h_new, forget=forget)

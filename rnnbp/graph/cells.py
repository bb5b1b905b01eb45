"""RNN, LSTM, GRU: cells of ordinary layers, unrolled.

Parameters are PyTorch's in name, shape and order: ``weight_ih`` (gates · n, n_in), ``weight_hh``
(gates · n, n), ``bias_ih`` and ``bias_hh`` (gates · n,); all start as U(±1/√n).
"""

from __future__ import annotations

import math
from typing import TypedDict, Unpack

import numpy.typing as npt

from rnnbp.graph.cell import Cell
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.initializers import InitializerLike, generator_of, uniform
from rnnbp.layers import Dense, Layer, ReLU, Sigmoid, Split, Tanh
from rnnbp.naming import checked_name
from rnnbp.numerics import flag, positive_int, real_number, shown
from rnnbp.rng import RngLike
from rnnbp.wording.arguments import takes

ACTIVATIONS: dict[str, type[Layer]] = {"tanh": Tanh, "relu": ReLU}


class Options(TypedDict, total=False):
    """The keyword arguments that ``LSTM``, ``GRU`` and ``RNN`` take.

    bias: False for no biases; True by default.
    initial: "zeros", or "learned", for an initial state that is a parameter.
    input_init, recurrent_init, bias_init: initializers of the weights from x, of those from the
        state, and of the biases, from ``rnnbp.initializers``; U(±1/√n) by default, as PyTorch's. An
        array for the biases counts twice: ``bias_ih`` and ``bias_hh`` are added.
    dtype: "float32", the default, or "float64".
    rng: a seed or a NumPy Generator; fresh random numbers by default.
    name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.

    >>> import rnnbp as rb
    >>> options: rb.Options = {"initial": "learned", "dtype": "float64", "rng": 3}
    >>> sorted(rb.LSTM(2, 4, bias=False, **options).params)
    ['initial_c', 'initial_h', 'weight_hh', 'weight_ih']
    """

    bias: bool
    initial: str
    input_init: InitializerLike
    recurrent_init: InitializerLike
    bias_init: InitializerLike
    dtype: npt.DTypeLike
    rng: RngLike
    name: str | None


@takes(*Options.__annotations__)
def RNN(  # noqa: N802  # reads as the class it stands for
    n_in: int, n: int, *, activation: str = "tanh", **options: Unpack[Options]
) -> Recurrent:
    """h′ = f(W_ih x + b_ih + W_hh h + b_hh), f tanh or relu (Elman 1990). Output h′.

    Args:
        n_in: features of x.
        n: units.
        activation: "tanh" or "relu".
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

    Shapes: x (T, B, n_in) → y (T, B, n), state (h,), h (B, n).

    >>> import numpy as np, rnnbp as rb
    >>> y, (h,) = rb.predict(rb.RNN(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h[0].shape
    ((7, 2, 4), (2, 4))

    Weights of PyTorch's nn.RNN, one layer: ``p[...] = theirs.state_dict()[name + "_l0"].numpy()``
    for each ``name, p`` in ``model.params.items()`` (``_l1`` is the next layer; in a Sequential
    names begin with an index, "0.", or with ``name``). ``load_weights`` reads a safetensors file of
    PyTorch. No file says the nonlinearity: of one with ``nonlinearity="relu"`` build this with
    ``activation="relu"``. Weights of Keras's and TensorFlow's SimpleRNN, with ``model`` the layer
    here and ``layer`` theirs::

        kernel, recurrent, bias = layer.get_weights()
        new = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
        new |= {"bias_ih": bias, "bias_hh": 0 * bias}
        for name, p in model.params.items():
            p[...] = new[name]
    """
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"RNN: activation is {' or '.join(map(repr, ACTIVATIONS))}, found {shown(activation)}; "
            "others are Cells of your own, see help(rnnbp.graph.cells)"
        )
    build = _Projections("RNN", n_in, n, options)
    x, h = Input(n_in), State(n, "h")
    h_new = ACTIVATIONS[activation]()(build("ih", n_in, n)(x) + build("hh", n, n)(h))
    return build.recurrent(Cell(x, {h: h_new}, output=h_new, name=build.name))


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

    Weights of PyTorch's nn.LSTM, one layer: ``p[...] = theirs.state_dict()[name + "_l0"].numpy()``
    for each ``name, p`` in ``model.params.items()`` (``_l1`` is the next layer; in a Sequential
    names begin with an index, "0.", or with ``name``). ``load_weights`` reads a safetensors file of
    PyTorch. Weights of Keras's and TensorFlow's LSTM, with ``model`` the layer here and ``layer``
    theirs::

        kernel, recurrent, bias = layer.get_weights()
        new = {"weight_ih": kernel.T, "weight_hh": recurrent.T}
        new |= {"bias_ih": bias, "bias_hh": 0 * bias}
        for name, p in model.params.items():
            p[...] = new[name]
    """
    build = _Projections("LSTM", n_in, n, options)
    x, h, c = Input(n_in), State(n, "h"), State(n, "c")
    from_x, from_h = build("ih", n_in, 4 * n), build("hh", n, 4 * n)
    if forget_bias := real_number("LSTM: forget_bias", forget_bias):
        if "bias" not in from_x.params:
            raise ValueError(f"LSTM: forget_bias={forget_bias} needs biases; leave out bias=False")
        from_x.params["bias"][n : 2 * n] += forget_bias
    i, f, g, o = Split(n, n, n, n)(from_x(x) + from_h(h))
    c_new = Sigmoid()(f) * c + Sigmoid()(i) * Tanh()(g)
    h_new = Sigmoid()(o) * Tanh()(c_new)
    return build.recurrent(Cell(x, {h: h_new, c: c_new}, output=h_new, name=build.name))


@takes(*Options.__annotations__)
def GRU(  # noqa: N802  # reads as the class it stands for
    n_in: int, n: int, *, reset_after: bool = True, **options: Unpack[Options]
) -> Recurrent:
    """Gated recurrent unit: r, z = σ(W x + b + U h + b′), h′ = (1 − z) ⊙ m + z ⊙ h.

    Cho et al. 2014.

    Output h′. With ``reset_after``, as PyTorch and cuDNN: m = tanh(W x + b + r ⊙ (U h + b′)), gates
    stacked r, z, m. Without, as the paper: m = tanh(W x + b + U (r ⊙ h) + b′); ``weight_hh`` (2n,
    n) then holds r and z, ``weight_hm`` (n, n) m.

    Args:
        n_in: features of x.
        n: units.
        reset_after: where the reset gate acts, see above.
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

    Shapes: x (T, B, n_in) → y (T, B, n), state (h,), h (B, n).

    >>> import numpy as np, rnnbp as rb
    >>> y, (h,) = rb.predict(rb.GRU(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, h[0].shape
    ((7, 2, 4), (2, 4))

    Weights of PyTorch's nn.GRU, one layer: ``p[...] = theirs.state_dict()[name + "_l0"].numpy()``
    for each ``name, p`` in ``model.params.items()`` (``_l1`` is the next layer; in a Sequential
    names begin with an index, "0.", or with ``name``). ``load_weights`` reads a safetensors file of
    PyTorch. Weights of Keras's and TensorFlow's GRU, with ``model`` the layer here and ``layer``
    theirs::

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
    build = _Projections("GRU", n_in, n, options)
    x, h = Input(n_in), State(n, "h")
    xr, xz, xm = Split(n, n, n)(build("ih", n_in, 3 * n)(x))
    if flag("GRU: reset_after", reset_after):
        hr, hz, hm = Split(n, n, n)(build("hh", n, 3 * n)(h))
        r, z = Sigmoid()(xr + hr), Sigmoid()(xz + hz)
        m = Tanh()(xm + r * hm)
    else:
        hr, hz = Split(n, n)(build("hh", n, 2 * n)(h))
        r, z = Sigmoid()(xr + hr), Sigmoid()(xz + hz)
        m = Tanh()(xm + build("hm", n, n)(r * h))
    h_new = (1 - z) * m + z * h
    return build.recurrent(Cell(x, {h: h_new}, output=h_new, name=build.name))


class _Projections:
    """Builds the affine layers of a cell of n units, and the Recurrent around it."""

    def __init__(self, cell: str, n_in: int, n: int, options: Options) -> None:
        self.name = (
            f"{cell}({positive_int(f'{cell}: n_in', n_in)}, {positive_int(f'{cell}: n', n)})"
        )
        self.bias = flag(f"{cell}: bias", options.get("bias", True))
        self.called = checked_name(cell, options.get("name"))
        self.limit = uniform(1 / math.sqrt(n))
        self.options, self.numbers = options, generator_of(cell, options.get("rng"))

    def __call__(self, name: str, n_in: int, n_out: int) -> Dense:
        how = self.options.get("input_init") if name == "ih" else self.options.get("recurrent_init")
        bias_how = self.options.get("bias_init")
        try:
            return Dense(
                n_in,
                n_out,
                bias=self.bias,
                weight_init=self.limit if how is None else how,
                bias_init=self.limit if bias_how is None else bias_how,
                dtype=self.options.get("dtype", "float32"),
                rng=self.numbers,
                name=name,
            )
        except (TypeError, ValueError) as error:  # of an initializer, which names the Dense
            error.add_note(f"in weight_{name} or bias_{name} of {self.name}")
            raise

    def recurrent(self, cell: Cell) -> Recurrent:
        return Recurrent(cell, initial=self.options.get("initial", "zeros"), name=self.called)

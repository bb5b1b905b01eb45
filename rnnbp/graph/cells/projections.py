"""What the built-in cells share: their keyword arguments, and their affine layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, TypeAlias, TypedDict, cast

import numpy as np
import numpy.typing as npt

from rnnbp.graph.cell import Cell
from rnnbp.graph.made import Made, Option
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Value
from rnnbp.initializers import InitializerLike, generator_of, initialize, uniform
from rnnbp.layers import Dense, Dropout, Gain, LayerNorm, ReLU, Tanh, Zoneout
from rnnbp.layers.base import Layer
from rnnbp.layers.random_layer import share
from rnnbp.naming import checked_name, with_options
from rnnbp.numerics import flag, positive_int, real_number, shown
from rnnbp.rng import RngLike

Affine: TypeAlias = Callable[[Value], Value]
ACTIVATIONS: dict[str, type[Layer]] = {"tanh": Tanh, "relu": ReLU}


class StateOptions(TypedDict, total=False):
    """The keyword arguments that every cell takes, as those of ``Options``."""

    initial: str
    dtype: npt.DTypeLike
    rng: RngLike
    name: str | None
    reverse: bool


class InputOptions(StateOptions, total=False):
    """The keyword arguments of cells whose state meets no weights, as those of ``Options``."""

    bias: bool
    input_init: InitializerLike
    bias_init: InitializerLike


class Options(InputOptions, total=False):
    """The keyword arguments that ``LSTM``, ``GRU`` and ``RNN`` take.

    bias: False for no biases; True by default.
    initial: "zeros", or "learned", for an initial state that is a parameter.
    input_init, recurrent_init, bias_init: initializers of the weights from x, of those from the
        state, and of the biases, from ``rnnbp.initializers``; U(±1/√n) by default, as PyTorch's. An
        array for the biases counts twice: ``bias_ih`` and ``bias_hh`` are added.
    dtype: "float32", the default, or "float64".
    rng: a seed or a NumPy Generator; fresh random numbers by default.
    name: the first part of its parameters' paths in a network, ``<name>.weight_ih``.
    dropout: share of the features of x that are 0 in training, one mask for all steps of a sequence
        and all gates (Gal & Ghahramani 2016); between layers put a ``Dropout``.
    recurrent_dropout: the same of h where it meets weights.
    reverse: True to run from the last step of each sequence to its first; y has the order of x.

    >>> import rnnbp as rb
    >>> options: rb.Options = {"initial": "learned", "dtype": "float64", "rng": 3}
    >>> sorted(rb.LSTM(2, 4, bias=False, **options).params)
    ['initial_c', 'initial_h', 'weight_hh', 'weight_ih']
    """

    recurrent_init: InitializerLike
    dropout: float
    recurrent_dropout: float


class Projections:
    """Builds the affine layers of a cell of n units, and the Recurrent around it.

    ``own`` are options of this cell alone, by name: its repr shows those that are not False, None
    or 0. With ``layer_norm`` among them each product is normalised before its bias is added.
    """

    def __init__(self, cell: str, n_in: int, n: int, options: StateOptions, **own: Option) -> None:
        sizes = f"{positive_int(f'{cell}: n_in', n_in)}, {positive_int(f'{cell}: n', n)}"
        shown = [f"{key}={value!r}" for key, value in own.items() if value]
        self.cell, self.name = cell, with_options(f"{cell}({sizes})", shown)
        self.bias = flag(f"{cell}: bias", options.get("bias", True))
        self.normed = bool(own.get("layer_norm"))
        self.called = checked_name(cell, options.get("name"))
        flag(f"{cell}: reverse", options.get("reverse", False))
        self.n_in, self.n, self.own, self.limit = n_in, n, own, uniform(1 / math.sqrt(n))
        self.options = cast(Options, options)  # whose keys may all be absent
        self.numbers = generator_of(cell, options.get("rng"))

    def __call__(self, name: str, n_in: int, n_out: int, *, bias: bool = True) -> Dense:
        how = self.options.get("input_init") if name == "ih" else self.options.get("recurrent_init")
        bias_how, self.own["bias"] = self.options.get("bias_init"), self.bias
        try:
            return Dense(
                n_in,
                n_out,
                bias=self.bias and bias,
                weight_init=self.limit if how is None else how,
                bias_init=self.limit if bias_how is None else bias_how,
                dtype=self.options.get("dtype", "float32"),
                rng=self.numbers,
                name=name,
            )
        except (TypeError, ValueError) as error:  # of an initializer, which names the Dense
            error.add_note(f"in weight_{name} or bias_{name} of {self.name}")
            raise

    def affine(self, name: str, n_in: int, n_out: int) -> tuple[Affine, Layer]:
        """W x + b, or LN(W x) + b, and the layer of the two that has the bias."""
        if not self.normed:
            dense = self(name, n_in, n_out)
            return dense, dense
        dense, norm = self(name, n_in, n_out, bias=False), self.norm(name, n_out)
        if self.bias and (how := self.options.get("bias_init")) is not None:
            bias, what = norm.params["bias"], f"{self.name}: bias_norm_{name}"
            bias[...] = initialize(how, self.numbers, bias.shape, bias.dtype, what)
        return lambda x: norm(dense(x)), norm

    def add_forget_bias(self, of_x: Layer, given: object, *, of_i: bool = False) -> None:
        """Add it to the bias of f, the second gate, or take it from that of i where f = 1 − i."""
        if not (forget_bias := real_number(f"{self.cell}: forget_bias", given)):
            return
        if "bias" not in of_x.params:
            raise ValueError(
                f"{self.cell}: forget_bias={forget_bias} needs biases; leave out bias=False"
            )
        if of_i:
            of_x.params["bias"][: self.n] -= forget_bias
        else:
            of_x.params["bias"][self.n : 2 * self.n] += forget_bias

    def gain(self, name: str, how: InitializerLike | None = None) -> Gain:
        """w ⊙ v of n features, w called ``weight_<name>``; U(±1/√n) at first, or as said."""
        dtype, first = self.options.get("dtype", "float32"), self.limit if how is None else how
        return Gain(self.n, weight_init=first, dtype=dtype, rng=self.numbers, name=name)

    def activation(self, given: object) -> Layer:
        """The layer of an option ``activation``. Raises ValueError for another name."""
        if not isinstance(given, str) or given not in ACTIVATIONS:
            raise ValueError(
                f"{self.cell}: activation is {' or '.join(map(repr, ACTIVATIONS))}, found "
                f"{shown(given)}; others are Cells of your own, see help(rnnbp.Cell)"
            )
        return ACTIVATIONS[given]()

    def norm(self, name: str, n: int) -> LayerNorm:
        dtype = self.options.get("dtype", "float32")
        return LayerNorm(n, bias=self.bias, dtype=dtype, name=f"norm_{name}")

    def sums(self, x: Value, h: Value, n_in: int, n: int, rows: int) -> tuple[Value, Layer]:
        """The sum of what is made of x and of h, each dropped out, and the layer of x's bias."""
        from_x, of_x = self.affine("ih", n_in, rows)
        from_h, _ = self.affine("hh", n, rows)
        seen, known = self.dropped("dropout", x), self.dropped("recurrent_dropout", h)
        return from_x(seen) + from_h(known), of_x

    def dropped(self, option: Literal["dropout", "recurrent_dropout"], v: Value) -> Value:
        """v with the features of an option's mask 0 in training; v itself if its rate is 0."""
        rate = share(f"{self.cell}: {option}", self.options.get(option, 0))
        found: Value = Dropout(rate, per="sequence", name=option)(v) if rate else v
        return found

    def zoned(self, rate: float, old: Value, new: Value, name: str = "zoneout") -> Value:
        """The state that follows: of each element the old one with probability ``rate``."""
        share(f"{self.cell}: zoneout", rate)
        found: Value = Zoneout(rate, name=name)(old, new) if rate else new
        return found

    def recurrent(
        self, x: Value, next_state: dict[Value, Value], output: Value, **others: Option
    ) -> Recurrent:
        """The layer; ``others`` are options of the cell alone that its repr does not show."""
        cell = Cell(x, next_state, output=output, name=self.name)
        # NumPy's numbers are not what a file of the model can hold.
        own = {k: v.item() if isinstance(v, np.generic) else v for k, v in self.own.items()}
        cell.made = Made(self.cell, int(self.n_in), int(self.n), own | others)
        initial, reverse = self.options.get("initial", "zeros"), self.options.get("reverse", False)
        return Recurrent(cell, initial=initial, name=self.called, reverse=reverse)

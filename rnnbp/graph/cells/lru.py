"""LRU: a linear recurrence of complex numbers, each a decay and a rotation."""

from __future__ import annotations

import math
from typing import Unpack, final

import numpy as np

from rnnbp.graph.cells.projections import Projections, StateOptions
from rnnbp.graph.parameter import Parameter
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.values import Input, State
from rnnbp.initializers import Initializer
from rnnbp.layers import Dense, Exp, Gain, Split
from rnnbp.layers.declared import Keeps
from rnnbp.layers.pointwise import Pointwise
from rnnbp.numerics import Array, Saved, Shape, real_number
from rnnbp.wording.arguments import takes


@takes(*StateOptions.__annotations__)
def LRU(  # noqa: N802  # reads as the class it stands for
    n_in: int,
    n: int,
    *,
    r_min: float = 0.0,
    r_max: float = 1.0,
    max_phase: float = 2 * math.pi,
    **options: Unpack[StateOptions],
) -> Recurrent:
    """Linear recurrent unit: h′ = λ ⊙ h + γ ⊙ (B x), y = Re(C h′) + D ⊙ x (Orvieto et al. 2023).

    h, λ, B and C are complex, λ = exp(−exp(ν) + i exp(θ)), so that |λ| < 1 whatever ν is, γ =
    exp(g). The state is h in two lanes, its real and its imaginary part, which λ turns and shrinks.
    λ and γ are computed once a run; all products of a chunk are one, so long sequences of few rows
    are fast. What follows an LRU is nonlinear, as ``Dense`` and ``GELU``.

    Args:
        n_in: features of x, and of the output.
        n: complex numbers in the state.
        r_min, r_max, max_phase: at first λ is uniform on the ring r_min ≤ |λ| ≤ r_max, with phases
            from 0 to max_phase (the authors' Lemma 3.2), and γ = √(1 − |λ|²). For long
            dependencies r_min is near 1, and max_phase small.
        initial: "zeros", the default, or "learned" for an initial state that is a parameter.
        dtype: "float32", the default, or "float64".
        rng: a seed or a NumPy Generator; fresh random numbers by default.
        name: the first part of its parameters' paths in a network, ``<name>.nu_log``.
        reverse: True to run from the last step of each sequence to its first; y has the order of x.
        options: those from ``initial`` on.

    Returns:
        A Recurrent, a layer.

    Shapes: x (T, B, n_in) → y (T, B, n_in), state (re, im), each (B, n). Parameters, under the
    authors' names: ``nu_log``, ``theta_log``, ``gamma_log`` (n,): ν, θ and g; ``weight_B`` (2n,
    n_in), real rows first, N(0, 1 / (2 n_in)); ``weight_C_re`` and ``weight_C_im`` (n_in, n),
    N(0, 1/n); ``weight_D`` (n_in,), N(0, 1).

    >>> import numpy as np, rnnbp as rb
    >>> y, ((re, im),) = rb.predict(rb.LRU(3, 4, rng=0), np.zeros((7, 2, 3), "float32"))
    >>> y.shape, re.shape, im.shape
    ((7, 2, 3), (2, 4), (2, 4))
    """
    phase = real_number("LRU: max_phase", max_phase, above=0, cure="2π is the whole ring")
    build, dtype = Projections("LRU", n_in, n, options), options.get("dtype", "float32")
    first, rng = _ring(build.numbers, n, r_min, r_max, phase), build.numbers
    logs = {key: Parameter(n, init=a, name=key, dtype=dtype) for key, a in first.items()}
    modulus, angle = Exp()(-Exp()(logs["nu_log"])), Exp()(logs["theta_log"])
    along, across, gamma = modulus * Cos()(angle), modulus * Sin()(angle), Exp()(logs["gamma_log"])

    def product(name: str, columns: int, rows: int, deviation: float) -> Dense:
        how = _normal(deviation)
        return Dense(columns, rows, bias=False, weight_init=how, dtype=dtype, rng=rng, name=name)

    x, re, im = Input(n_in), State(n, "re"), State(n, "im")
    u_re, u_im = Split(n, n)(product("B", n_in, 2 * n, 1 / math.sqrt(2 * n_in))(x))
    re_new = along * re - across * im + gamma * u_re
    im_new = across * re + along * im + gamma * u_im
    of_re, of_im = (product(f"C_{lane}", n, n_in, 1 / math.sqrt(n)) for lane in ("re", "im"))
    skip = Gain(n_in, weight_init=_normal(1), dtype=dtype, rng=rng, name="D")
    return build.recurrent(x, {re: re_new, im: im_new}, of_re(re_new) - of_im(im_new) + skip(x))


def _ring(
    rng: np.random.Generator, n: int, r_min: object, r_max: object, phase: float
) -> dict[str, Array]:
    """The logarithms of ν's and θ's exponentials and of γ, for λ that are uniform on a ring."""
    low, high = real_number("LRU: r_min", r_min, least=0), real_number("LRU: r_max", r_max, least=0)
    if not low < high <= 1:
        raise ValueError(f"LRU: r_min < r_max ≤ 1 must hold, found {low} and {high}")
    square = low**2 + (high**2 - low**2) * rng.uniform(size=n)
    found = {
        "nu_log": -np.log(square) / 2,
        "theta_log": phase * rng.uniform(size=n),
        "gamma_log": np.sqrt(1 - square),
    }
    return {key: np.log(a) for key, a in found.items()}


def _normal(deviation: float) -> Initializer:
    return lambda rng, shape: rng.normal(0, deviation, shape)


class _Wave(Pointwise):
    """A function of angles, which depend on parameters alone: it runs once a run. Keeps its input."""

    def keeps(self, *shapes: Shape) -> Keeps:
        return Keeps(inputs=(0,))


@final
class Sin(_Wave):
    """y = sin x."""

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return np.sin(x), (x,)

    def derivative(self, saved: Saved) -> Array:
        return np.cos(saved[0])


@final
class Cos(_Wave):
    """y = cos x."""

    def forward(self, x: Array) -> tuple[Array, Saved]:
        return np.cos(x), (x,)

    def derivative(self, saved: Saved) -> Array:
        slope: Array = np.sin(saved[0])
        return np.negative(slope, out=slope)

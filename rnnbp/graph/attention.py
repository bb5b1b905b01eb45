"""Attention: a weighted sum of the lines of a memory, by how well each fits a query."""

from __future__ import annotations

from typing import Literal, TypeAlias, final, get_args

import numpy.typing as npt

from rnnbp.graph.parameter import Parameter
from rnnbp.graph.values import Value
from rnnbp.initializers import generator_of
from rnnbp.layers.additive_scores import AdditiveScores
from rnnbp.layers.dense import Dense
from rnnbp.layers.masked import Masked
from rnnbp.layers.product import Product
from rnnbp.layers.softmax import Softmax
from rnnbp.naming import checked_name
from rnnbp.numerics import ShapeError, flag, positive_int, shown
from rnnbp.rng import RngLike
from rnnbp.support.nearest import hint
from rnnbp.wording.arguments import Named, method_takes
from rnnbp.wording.calls import OF_ATTENTION

Kind: TypeAlias = Literal["dot", "additive"]
LOWEST = -1e30
"""The score of a position that is masked: e^(it − any score) is 0, in 32 bits too."""


@final
class Attention(Named):
    """What a cell looks up in a memory (S, n) of each sequence, as the states of an encoder.

    Each of the S positions has a score, how well it fits the query; the weights are the softmax of
    the scores, and the context is the sum of the memory's lines by these weights.

    - "dot": the score is the product of the query and the line, which have one size (1508.04025).
    - "additive": it is v · tanh(W query + U line), of learned W, U and v (1409.0473). U line is
      computed once a run.

    It consists of ordinary layers, so that a cell with it runs as machine code. The delta of the
    memory is summed over the steps: nothing is as large as all steps times the memory.

    Args:
        kind: "dot" or "additive".
        n_query, n_memory: sizes of the query and of the memory's lines, for "additive".
        n_hidden: size of W query and U line; n_query by default.
        weights: True to return (context, weights), the weights (S,) to draw or to use.
        dtype: "float32" or "float64", of the parameters.
        rng: seed or Generator for their initial values.
        name: the parameters of "additive" are weight_query (n_hidden, n_query), weight_memory
            (n_hidden, n_memory) and weight_score (n_hidden,); with a name weight_<name>_query, ...

    It is called on symbolic values, as ``attention(query, memory, mask)``:

    - query: a State, or a function of it.
    - memory: as ``Input(None, "memory", per="sequence")``, whose S differs from run to run.
    - mask: 1 for positions that count and 0 for the others, as those past the end of a short
      sequence; at least one is 1. Weights are exactly 0 where it is 0, and the memory is not looked
      at there: a layer may have made it NaN. None where all positions count.

    Shapes: query (n_query,), memory (S, n), mask (S,) → context (n,), and weights (S,) where ``weights``.

    Raises ValueError for an unknown kind, TypeError for sizes that are missing or an argument that
    is no symbolic value, ShapeError for sizes that do not fit.

    A decoder of an LSTM whose state looks up the memory:

    >>> import numpy as np, rnnbp as rb
    >>> x, h = rb.Input(3, "x"), rb.State(4, "h")
    >>> memory, mask = (rb.Input(None, name, per="sequence") for name in ("memory", "mask"))
    >>> context = rb.Attention("dot")(h, memory, mask)
    >>> h_new = rb.Tanh()(rb.Dense((3, 4, 4), 4)(x, h, context))
    >>> model = rb.Recurrent(rb.Cell((x, memory, mask), {h: h_new}, output=h_new))
    >>> given = {"x": np.zeros((7, 2, 3)), "memory": np.ones((2, 5, 4)), "mask": np.ones((2, 5))}
    >>> rb.predict(model, given)[0].shape
    (7, 2, 4)
    """

    def __init__(
        self,
        kind: Kind = "dot",
        *,
        n_query: int | None = None,
        n_memory: int | None = None,
        n_hidden: int | None = None,
        weights: bool = False,
        dtype: npt.DTypeLike = "float32",
        rng: RngLike = None,
        name: str | None = None,
    ) -> None:
        if kind not in (kinds := get_args(Kind)):
            near = hint(kind, kinds)
            raise ValueError(f"Attention: kind is 'dot' or 'additive', found {shown(kind)}{near}")
        self.kind, self.weights = kind, flag("Attention: weights", weights)
        self.name = checked_name("Attention", name)
        self._scores: _Additive | None = None
        if kind == "additive":
            sizes = _sizes(n_query, n_memory, n_hidden)
            self._scores = _Additive(*sizes, dtype=dtype, rng=rng, name=self.name)

    @method_takes("Attention called on values", OF_ATTENTION)
    def __call__(
        self, query: Value, memory: Value, mask: Value | None = None
    ) -> Value | tuple[Value, Value]:
        """The context (n,), or (context, weights); the arguments are those of the class."""
        given = {"query": query, "memory": memory, "mask": mask}
        for role, value in given.items():
            if not isinstance(value, Value) and (value is not None or role != "mask"):
                raise TypeError(
                    f"{self}: {role} is a symbolic value, as rb.Input(n) or a State, found "
                    f"{type(value).__name__}"
                )
        self._check(query, memory)
        if mask is not None:
            memory = Masked()(memory, mask)
        scores = Product()(memory, query) if self._scores is None else self._scores(query, memory)
        if mask is not None:
            scores = Masked(LOWEST)(scores, mask)
        found = Softmax()(scores)
        size = _last(query) if self._scores is None else self._scores.n_memory
        context = Product(turned=True, size=size)(memory, found)
        return (context, found) if self.weights else context

    def _check(self, query: Value, memory: Value) -> None:
        """Raise ShapeError where the shapes that are known do not fit."""
        shape, asked = memory.shape, _last(query)
        if shape is not None and len(shape) != 2:
            series = memory.per == "step" and len(shape) == 1
            cure = "WholeSeries()(...) makes it of a series" if series else "give both axes"
            raise ShapeError(
                f"{self}: memory has lines of features for each sequence, (S, n), found "
                f"{memory!r}; {cure}"
            )
        own, found = self._scores, None if shape is None else shape[1]
        n_query, n_memory = (None, asked) if own is None else (own.n_query, own.n_memory)
        for what, size, fit in (("query", asked, n_query), ("memory's lines", found, n_memory)):
            if None not in (size, fit) and size != fit:
                raise ShapeError(
                    f"{self}: the {what} must have {fit} features, found {size}; build it for that "
                    f"many, or put a Dense({size}, {fit}) before it"
                )

    def __repr__(self) -> str:
        return f"Attention({self.kind!r})"


class _Additive:
    """The scores v · tanh(W query + U line) and their parameters."""

    def __init__(
        self, n_query: int, n_memory: int, n: int, *,
        dtype: npt.DTypeLike, rng: RngLike, name: str | None,
    ) -> None:  # fmt: skip
        self.n_query, self.n_memory, first = n_query, n_memory, "" if name is None else f"{name}_"
        numbers = generator_of("Attention", rng)
        self.query = Dense(n_query, n, bias=False, dtype=dtype, rng=numbers, name=f"{first}query")
        label = f"weight_{first}memory"
        self.memory = Parameter((n, n_memory), dtype=dtype, rng=numbers, name=label)
        self.score = AdditiveScores(n, dtype=dtype, rng=numbers, name=f"{first}score")

    def __call__(self, query: Value, memory: Value) -> Value:
        keys = Product(columns=True)(memory, self.memory.T)
        found: Value = self.score(keys, self.query(query))
        return found


def _sizes(n_query: int | None, n_memory: int | None, n_hidden: int | None) -> tuple[int, int, int]:
    """Those of additive attention. Raises TypeError for one that is missing."""
    if n_query is None or n_memory is None:
        raise TypeError(
            "Attention: 'additive' needs the sizes of the query and of the memory's lines; give "
            "Attention('additive', n_query=..., n_memory=...)"
        )
    sizes = {"n_query": n_query, "n_memory": n_memory, "n_hidden": n_hidden or n_query}
    found = [positive_int(f"Attention: {key}", n) for key, n in sizes.items()]
    return found[0], found[1], found[2]


def _last(query: Value) -> int | None:
    return None if query.shape is None or len(query.shape) != 1 else query.shape[0]

"""Random models: symbols or floats in front, Recurrents in a row, in parallel, shared, and a head."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import rnnbp as rb
from tests.generator.cells import SYMBOLS, CellMaker, tie
from tests.generator.draws import Draw
from tests.generator.literature import cell_of_literature
from tests.generator.own import Alarm, Sine, Tilt

FRONTS = ["none", "none", "Embedding", "OneHot", "cell", "Dense"]
BLOCKS = [
    "recurrent",
    "recurrent",
    "parallel",
    "residual",
    "shared",
    "norm",
    "dropout",
    "own",
    "dense",
]


class ModelMaker:
    """Draws a model.

    Args:
        sizes: features that values may have. portable: only what PyTorch has too.
    """

    def __init__(
        self,
        draw: Draw,
        sizes: tuple[int, ...] = (2, 3, 4),
        *,
        dtype: str = "float64",
        portable: bool = False,
    ) -> None:
        self.draw, self.sizes, self.dtype, self.portable = draw, sizes, dtype, portable
        self.seed = 100
        self.embedding: rb.Embedding | None = None
        self.front = draw.pick(["none", "Embedding"] if portable else FRONTS)
        self.symbols = self.front in ("Embedding", "OneHot", "cell")

    def size(self) -> int:
        return self.draw.pick(self.sizes)

    def options(self) -> dict[str, Any]:
        """Of a layer with parameters."""
        self.seed += 1
        return {"dtype": self.dtype, "rng": self.seed}

    def model(self) -> rb.Graph:
        """A Graph of one input and one output."""
        x = rb.Input(() if self.symbols else self.size())
        v = self._front(x)
        if self.front in ("Embedding", "OneHot") and not self.portable and self.draw.chance():
            # looked up by symbol, where there are few
            v = self._own_cell(v.shape[0], products=True)(v)
        for _ in range(self.draw.integer(1, 3)):
            v = self._block(v)
        return rb.Graph(x, self._head(v))

    def _front(self, x: Any) -> Any:
        if self.front == "Embedding":
            self.embedding = found = rb.Embedding(SYMBOLS, self.size(), **self.options())
            return found(x)
        if self.front == "OneHot":
            return rb.OneHot(SYMBOLS)(x)
        if self.front == "cell":
            return self._own_cell(None)(x)
        return (
            rb.Dense(x.shape[0], self.size(), **self.options())(x) if self.front == "Dense" else x
        )

    def _own_cell(self, n_in: int | None, *, products: bool = False) -> rb.Recurrent:
        own, symbols = self.draw.chance(0.3) and not products, n_in is None
        maker = CellMaker(
            self.draw,
            self.sizes,
            dtype=self.dtype,
            own=own,
            symbols=symbols,
            products=products,
            n_in=n_in,
        )
        initial = "learned" if self.draw.chance(0.3) else "zeros"
        return rb.Recurrent(
            maker.cell(tame=True), initial=initial, dtype=None if initial == "zeros" else self.dtype
        )

    def recurrent(self, n_in: int, n: int | None = None) -> tuple[rb.Recurrent, int]:
        """One that takes n_in features, and its size; of n units if that is given."""
        kinds = ["lstm", "gru", "rnn", *([] if n or self.portable else ["own", "own", "own"])]
        kinds += [] if self.portable else ["literature", "literature"]
        kind, n = self.draw.pick(kinds), n or self.size()
        if kind == "own":
            own = self._own_cell(n_in)
            (shape,) = own.output_shapes((n_in,))
            assert shape is not None
            return own, shape[0]
        options = self.options() | {"bias": self.draw.chance(0.8)}
        options |= (
            {} if self.portable else {"initial": self.draw.pick(["zeros", "zeros", "learned"])}
        )
        if kind == "literature":
            return cell_of_literature(self.draw, n_in, n, options), n
        if kind == "rnn":
            return rb.RNN(n_in, n, activation=self.draw.pick(["tanh", "relu"]), **options), n
        if kind == "gru":
            return rb.GRU(n_in, n, **options, reset_after=self.portable or self.draw.chance()), n
        return rb.LSTM(n_in, n, **options), n

    def _block(self, v: Any) -> Any:
        (n,) = v.shape
        kind = self.draw.pick(["recurrent", "dense"] if self.portable else BLOCKS)
        block: Callable[[Any, int], Any] = getattr(self, f"_{kind}")
        return block(v, n)

    def _recurrent(self, v: Any, n: int) -> Any:
        return self.recurrent(n)[0](v)

    def _parallel(self, v: Any, n: int) -> Any:
        """Branches of the same input, joined."""
        if self.draw.chance():
            size = self.size()
            a, b = (self.recurrent(n, size)[0](v) for _ in range(2))
            join = self.draw.pick([operator.add, operator.mul, operator.sub])
            return join(a, b)
        branches = [self.recurrent(n) for _ in range(self.draw.integer(2, 3))]
        return rb.Concat(*(size for _, size in branches))(*(branch(v) for branch, _ in branches))

    def _residual(self, v: Any, n: int) -> Any:
        return v + self.recurrent(n, n)[0](v)

    def _shared(self, v: Any, n: int) -> Any:
        """One Recurrent, twice."""
        layer, _ = self.recurrent(n, n)
        return layer(layer(v))

    def _norm(self, v: Any, n: int) -> Any:
        return rb.LayerNorm(n, eps=0.1, dtype=self.dtype)(v)

    def _dropout(self, v: Any, n: int) -> Any:
        return rb.Dropout(0.3, every_step=self.draw.chance())(v)

    def _own(self, v: Any, n: int) -> Any:
        kind = self.draw.pick(["sine", "alarm", "tilt"])
        return (
            Sine()(v)
            if kind == "sine"
            else Alarm()(v)
            if kind == "alarm"
            else Tilt(n, self.dtype, 7)(v)
        )

    def _dense(self, v: Any, n: int) -> Any:
        size = self.size()
        return rb.Tanh()(rb.Dense(n, size, **self.options())(v))

    def _head(self, v: Any) -> Any:
        """Logits; with the weights of the embedding, where they fit."""
        (n,) = v.shape
        head = rb.Dense(n, SYMBOLS, bias=self.draw.chance(), **self.options())
        if self.embedding is not None and self.embedding.n_out == n and not self.portable:
            tie(head, self.embedding)
        if not self.draw.chance(0.2) or self.portable or (self.symbols and self.front != "cell"):
            return head(v)
        return v

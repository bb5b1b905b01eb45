"""The sizes of a character model, and the model that they describe."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np

from rnnbp.cli.ngrams import SYMBOLS
from rnnbp.graph.cells import GRU, LSTM, RNN
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.layers import Dense, Dropout, Embedding, Layer
from rnnbp.numerics import Shape, positive_int, real_number, shown
from rnnbp.rng import generator
from rnnbp.storage import JSON

FORGET_BIAS = 1.0

BUILT: dict[str, tuple[Callable[..., Recurrent], int]] = {
    "lstm": (partial(LSTM, forget_bias=FORGET_BIAS), 4),
    "gru": (GRU, 3),
    "rnn": (RNN, 1),
}
"""By name, the function that builds a cell, and the gates that are stacked in its weights."""

CELLS = tuple(BUILT)

MOST_LAYERS, MOST_UNITS = 1000, 2**20
"""Above these a weight alone has terabytes, and a model takes hours to be compiled."""


def recurrent(cell: str, n_in: int, units: int, rng: np.random.Generator) -> Recurrent:
    """A layer of one of ``CELLS``: (T, B, n_in) → (T, B, units)."""
    return BUILT[cell][0](n_in, units, rng=rng)


@dataclass(frozen=True)
class Architecture:
    """The sizes of a character model; saved with its weights, so that they can be loaded again.

    Raises ValueError or TypeError for an impossible size or cell.
    """

    kind: ClassVar[str] = "rnnbp character model"

    cell: str = "lstm"
    layers: int = 1
    units: int = 192
    embedding: int = 64
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(
                f"a character model's cell is one of {', '.join(CELLS)}, found {shown(self.cell)}"
            )
        for name, size, most in (
            ("layers", self.layers, MOST_LAYERS),
            ("units", self.units, MOST_UNITS),
            ("embedding", self.embedding, MOST_UNITS),
        ):
            if positive_int(f"a character model's {name}", size) > most:
                raise ValueError(f"a character model's {name} must be at most {most}, found {size}")
        real_number("a character model's dropout", self.dropout, least=0, below=1)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:  # Any: from a file, checked when built
        """The inverse of ``to_dict``. Raises ValueError or TypeError for anything else."""
        if found.get("kind") != cls.kind:
            raise ValueError(
                f"expected the weights of a {cls.kind}, found kind {shown(found.get('kind'))}"
            )
        for name in found.keys() - {"kind", *(field.name for field in fields(cls))}:
            raise ValueError(f"unexpected keyword argument {shown(name)}")
        return cls(**{name: value for name, value in found.items() if name != "kind"})

    def to_dict(self) -> dict[str, JSON]:
        """All fields, for JSON."""
        return {"kind": self.kind, **asdict(self)}

    def shapes(self) -> dict[str, Shape]:
        """The shapes of the parameters of ``build``, by name; nothing is built."""
        gates, step = BUILT[self.cell][1] * self.units, 2 if self.dropout else 1
        found: dict[str, Shape] = {"0.weight": (SYMBOLS, self.embedding)}
        for k in range(self.layers):
            place = step * (k + 1)
            found[f"{place}.weight_ih"] = (gates, self.units if k else self.embedding)
            found[f"{place}.weight_hh"] = (gates, self.units)
            found |= {f"{place}.bias_ih": (gates,), f"{place}.bias_hh": (gates,)}
        last = step * (self.layers + 1)
        return found | {f"{last}.weight": (SYMBOLS, self.units), f"{last}.bias": (SYMBOLS,)}

    def build(self, seed: int = 0) -> Sequential:
        """The model, with initial weights of this seed: (T, B) integers → (T, B, 256) logits."""
        rng = generator(seed)
        blocks: list[Layer | Recurrent] = [Embedding(SYMBOLS, self.embedding, rng=rng)]
        for k in range(self.layers):
            n_in = self.units if k else self.embedding
            blocks += [*self._dropout(), recurrent(self.cell, n_in, self.units, rng)]
        return Sequential(*blocks, *self._dropout(), Dense(self.units, SYMBOLS, rng=rng))

    def _dropout(self) -> list[Dropout]:
        return [Dropout(self.dropout)] if self.dropout else []

    def __str__(self) -> str:
        sizes = f"{self.layers} layer{'s' if self.layers > 1 else ''} of {self.units} units"
        dropout = f", dropout {self.dropout:g}" if self.dropout else ""
        return f"{self.cell.upper()}, {sizes}, embedding of {self.embedding}{dropout}"

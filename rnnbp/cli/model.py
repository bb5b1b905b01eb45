"""The character model: bytes in, logits of the next byte out."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from rnnbp.bptt import predict
from rnnbp.cli.errors import CommandError
from rnnbp.cli.ngrams import SYMBOLS
from rnnbp.graph.cells import GRU, LSTM, RNN
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.layers import Dense, Dropout, Embedding
from rnnbp.numerics import Array, Shape, positive_int, real_number, shown
from rnnbp.rng import generator
from rnnbp.storage import JSON, load_tensors
from rnnbp.support.ieee import within
from rnnbp.train.assigning import assign
from rnnbp.train.misfits import check_shapes
from rnnbp.train.weights import check_no_snapshot

GATES = {"lstm": 4, "gru": 3, "rnn": 1}
CELLS = tuple(GATES)
MOST_LAYERS, MOST_UNITS = 1000, 2**20
"""Above these a weight alone has terabytes, and a model takes hours to be compiled."""
FORGET_BIAS = 1.0
MODEL_NAME = "model.safetensors"


def recurrent(cell: str, n_in: int, units: int, rng: np.random.Generator) -> Recurrent:
    """A layer of one of ``CELLS``: (T, B, n_in) → (T, B, units)."""
    if cell == "lstm":
        return LSTM(n_in, units, forget_bias=FORGET_BIAS, rng=rng)
    return (GRU if cell == "gru" else RNN)(n_in, units, rng=rng)


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
        for name, most in (
            ("layers", MOST_LAYERS),
            ("units", MOST_UNITS),
            ("embedding", MOST_UNITS),
        ):
            if positive_int(f"a character model's {name}", getattr(self, name)) > most:
                raise ValueError(
                    f"a character model's {name} must be at most {most}, found "
                    f"{getattr(self, name)}"
                )
        real_number("a character model's dropout", self.dropout, least=0, below=1)

    @classmethod
    def from_dict(cls, found: Mapping[str, Any]) -> Self:
        """The inverse of ``to_dict``. Raises ValueError or TypeError for anything else."""
        if found.get("kind") != cls.kind:
            raise ValueError(
                f"expected the weights of a {cls.kind}, found kind {shown(found.get('kind'))}"
            )
        for name in found.keys() - {"kind", *(field.name for field in fields(cls))}:
            raise ValueError(f"unexpected keyword argument {shown(name)}")
        return cls(**{name: value for name, value in found.items() if name != "kind"})

    def to_dict(self) -> dict[str, Any]:
        """All fields, for JSON."""
        return {"kind": self.kind, **asdict(self)}

    def shapes(self) -> dict[str, Shape]:
        """The shapes of the parameters of ``build``, by name; nothing is built."""
        gates, step = GATES[self.cell] * self.units, 2 if self.dropout else 1
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
        blocks: list[Any] = [Embedding(SYMBOLS, self.embedding, rng=rng)]
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


@dataclass(frozen=True)
class Sampler:
    """Draws bytes from a model's distribution of the next one.

    Attributes:
        temperature: divides the logits; 0 selects the most likely byte.
        top_k: draw from the k most likely alone.
    """

    model: Sequential
    temperature: float = 0.8
    top_k: int | None = None
    seed: int = 0

    def __call__(self, prompt: bytes, length: int) -> bytes:
        """``length`` bytes that follow ``prompt``; the same for the same seed."""
        return bytes(islice(self._bytes(prompt), length))

    def text(self, prompt: bytes, length: int) -> str:
        """``prompt`` and ``length`` characters that follow it.

        A byte that is not valid in UTF-8 at its place is drawn again, so that all characters are
        whole. Without a prompt the text starts as a line does.
        """
        decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        found = decoder.decode(prompt)
        end, written = (
            len(found) + length,
            self._bytes(prompt or b"\n", lambda: utf8_next(decoder.getstate()[0])),
        )
        while len(found) < end:
            found += decoder.decode(bytes([next(written)]))
        return found

    def _bytes(self, prompt: bytes, allowed: Callable[[], Array] | None = None) -> Iterator[int]:
        """Bytes that follow; ``allowed`` returns which ones may come next, (256,) bools."""
        rng = generator(self.seed)
        given, state = np.frombuffer(prompt, np.uint8), None
        while True:
            logits, state = predict(self.model, given.astype(np.int64)[:, None], state=state)
            scores = logits[-1, 0].astype(np.float64)
            byte = self._draw(scores.copy(), rng)
            if allowed is not None and not (possible := allowed())[byte]:
                byte = self._draw(np.where(possible, scores, -np.inf), rng)
            yield byte
            given = np.array([byte], np.uint8)

    def _draw(self, logits: Array, rng: np.random.Generator) -> int:
        if self.temperature == 0:
            return int(logits.argmax())
        if self.top_k is not None and self.top_k < logits.size:
            logits[np.argsort(-logits, kind="stable")[self.top_k :]] = -np.inf
        below = (
            logits - logits.max()
        )  # a tiny temperature takes what is not likeliest to −∞: probability 0
        summed = np.cumsum(
            np.exp(within(np.errstate(over="ignore"), np.divide, below, self.temperature))
        )
        return min(
            int(np.searchsorted(summed, rng.random() * summed[-1], side="right")), logits.size - 1
        )


SECOND = {0xE0: (0xA0, 0xBF), 0xED: (0x80, 0x9F), 0xF0: (0x90, 0xBF), 0xF4: (0x80, 0x8F)}
"""What follows some first bytes in UTF-8, of which not all other bytes from 0x80 to 0xBF may (RFC
3629, sec. 4)."""


def utf8_next(begun: bytes) -> Array:
    """Which bytes may follow the beginning of a character, b"" for none: (256,) bools."""
    possible = np.zeros(256, np.bool_)
    if not begun:
        possible[:0x80] = possible[0xC2:0xF5] = True
        return possible
    low, high = SECOND.get(begun[0], (0x80, 0xBF)) if len(begun) == 1 else (0x80, 0xBF)
    possible[low : high + 1] = True
    return possible


def model_file(path: Path) -> Path:
    """The file of weights of a run's folder, or the path itself."""
    return path / MODEL_NAME if path.is_dir() else path


def load_model(path: Path) -> Sequential:
    """The model of a run's folder or of a file. Raises CommandError or StorageError if it cannot be
    loaded.
    """
    file = model_file(path)
    if path.is_dir() and not file.exists():
        raise CommandError(
            f"{path} has no {MODEL_NAME}; name a folder that rnnbp train has finished or stopped in"
        )
    arrays, metadata = load_tensors(file)
    try:
        check_no_snapshot(file, metadata)
        architecture = Architecture.from_dict(_described(metadata))
        place = f"load_weights from {file}"
        check_shapes(place, architecture.shapes(), {name: a.shape for name, a in arrays.items()})
        model = architecture.build()
        assign(place, model.params, arrays)
    except (TypeError, ValueError) as error:
        raise CommandError(f"{file} is not a model for this command: {error}") from None
    return model


def _described(metadata: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """The architecture in a file's metadata; empty if they are not a character model's."""
    description = metadata.get("description")
    found = description.get("architecture") if isinstance(description, dict) else None
    return found if isinstance(found, dict) else {}

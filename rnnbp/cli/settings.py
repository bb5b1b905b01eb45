"""The settings of a training run, and how they are read from its run.json."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import Any, Self, TypeAlias

from rnnbp.cli.architecture import CELLS, Architecture
from rnnbp.cli.encodings import known
from rnnbp.cli.text import full_path
from rnnbp.machine import MOST_THREADS
from rnnbp.runners.rounding import PRECISIONS, SHORT, Precision
from rnnbp.schedules import EveryK, ScheduleLike
from rnnbp.storage import Fields

# Any: each setting has a type of its own.
Reader: TypeAlias = Callable[[Fields, str], Any]
"""Reads the setting of a name."""


@dataclass(frozen=True)
class Settings:
    """What decides the bits of a trained model: the options of ``rnnbp train``, by name.

    Of ``epochs`` and ``steps``, how long to train, one is None. ``checkpoint`` is "all", "sqrt" or
    a number of chunks. ``threads`` and ``precision`` are None until a run begins; of one in
    ``shards``, ``threads`` stay None unless passed: they depend on the number of processes.
    ``tape_bits`` are 16, or None for exact tapes.
    """

    text: str | None = None
    encoding: str | None = None
    cell: str = CELLS[0]
    layers: int = 1
    units: int = 192
    embedding: int = 64
    dropout: float = 0.0
    horizon: int = 32
    batch: int = 32
    epochs: int | None = 3
    steps: int | None = None
    lr: float = 0.01
    clip: float = 1.0
    checkpoint: str | int = "all"
    chunk: int | None = None
    seed: int = 0
    threads: int | None = None
    precision: Precision | None = None
    tape_bits: int | None = None
    shards: int | None = None

    @property
    def architecture(self) -> Architecture:
        """The settings that decide the model."""
        return Architecture(self.cell, self.layers, self.units, self.embedding, self.dropout)

    @property
    def schedule(self) -> ScheduleLike:
        """``checkpoint`` as bptt takes it."""
        how = self.checkpoint
        return partial(EveryK, k=how) if isinstance(how, int) else how

    @classmethod
    def from_options(cls, options: Namespace) -> Self:
        """The settings among the options; the epochs count unless steps are passed."""
        found = vars(options)
        chosen = {field.name: found[field.name] for field in fields(cls)}
        chosen["text"] = found["text"] and str(full_path(found["text"]))
        chosen["epochs"] = found["epochs"] if found["steps"] is None else None
        return cls(**chosen)

    @classmethod
    def from_fields(cls, found: Fields) -> Self:
        """The settings in run.json; missing ones have their defaults.

        Raises StorageError for impossible ones.
        """
        found.only(*_READ)
        try:
            settings = cls(**{name: _READ[name](found, name) for name in found.values})
            settings.architecture  # noqa: B018  # Raises for sizes that cannot be.
        except (TypeError, ValueError) as error:
            found.refuse(str(error))
        return settings


def _maybe(read: Reader) -> Reader:
    """``read``, or None for null."""
    return lambda found, name: None if found.missing(name) else read(found, name)


def _count(least: int = 1, most: int = 2**63 - 1) -> Reader:
    return lambda found, name: found.whole(name, least, most)


def _schedule(found: Fields, name: str) -> str | int:
    return found.whole(name, 1) if found.values[name] not in ("all", "sqrt") else found.text(name)


def _precision(found: Fields, name: str) -> str:
    if (text := found.text(name)) not in PRECISIONS:
        raise ValueError(f"{name} {text!r}, expected {' or '.join(map(repr, PRECISIONS))}")
    return text


_READ: dict[str, Reader] = {
    "text": _maybe(Fields.text),
    "encoding": _maybe(lambda found, name: known(found.text(name))),
    "cell": Fields.text,
    "layers": _count(),
    "units": _count(),
    "embedding": _count(),
    "dropout": Fields.number,
    "horizon": _count(),
    "batch": _count(),
    "epochs": _maybe(_count()),
    "steps": _maybe(_count()),
    "lr": Fields.number,
    "clip": Fields.number,
    "checkpoint": _schedule,
    "chunk": _maybe(_count()),
    "seed": _count(0, 2**64 - 1),
    "threads": _maybe(_count(1, MOST_THREADS)),
    "precision": _maybe(_precision),
    "tape_bits": _maybe(_count(SHORT, SHORT)),
    "shards": _maybe(_count()),
}
"""How each of the settings is read from a file."""

"""A model and a sequence, of bytes or of numbers, that options describe."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np

from rnnbp.bptt.networks import LengthsLike, LossesLike
from rnnbp.cli import threads
from rnnbp.cli.architecture import recurrent
from rnnbp.cli.drawn_data import drawn_lengths
from rnnbp.cli.errors import CommandError
from rnnbp.cli.ngrams import SYMBOLS
from rnnbp.cli.options import given
from rnnbp.cli.own_problem import OwnProblem
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Sequential
from rnnbp.graph.values import TIME
from rnnbp.layers import Dense, Embedding, Layer
from rnnbp.losses import CrossEntropy, Loss, MeanSquaredError
from rnnbp.numerics import Array, Shape
from rnnbp.rng import generator
from rnnbp.storage import JSON


@dataclass(frozen=True)
class Problem:
    """Recurrent layers and a Dense; T = ``steps``, B = ``batch``; ``inputs`` None is bytes."""

    cell: str
    layers: int
    units: int
    embedding: int
    inputs: int | None
    outputs: int
    steps: int
    batch: int
    seed: int
    shortest: int | None = None

    cure = "lower --units, --layers, --batch or --steps"

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Self:
        """The problem that the options describe.

        Raises CommandError if they contradict each other.
        """
        if options.loss is not None:
            raise CommandError("--loss goes with --model; built-in models have a loss of their own")
        if options.inputs is not None and "embedding" in given(options):
            raise CommandError(
                "--embedding is for bytes, and --inputs for numbers; leave out one of the two"
            )
        return cls(**{name: vars(options)[name] for name in cls.__dataclass_fields__})

    @property
    def x_shape(self) -> Shape:
        """Feature shape of x."""
        return () if self.inputs is None else (self.inputs,)

    @property
    def loss(self) -> Loss:
        """The loss of the outputs: cross-entropy of bytes, mean squared error of numbers."""
        return CrossEntropy() if self.inputs is None else MeanSquaredError()

    def build(self) -> Sequential:
        """The model: (T, B) bytes or (T, B, inputs) floats → (T, B, outputs)."""
        rng = generator(self.seed)
        blocks: list[Layer | Recurrent] = (
            [Embedding(SYMBOLS, self.embedding, rng=rng)] if self.inputs is None else []
        )
        n_in = self.embedding if self.inputs is None else self.inputs
        for k in range(self.layers):
            blocks.append(recurrent(self.cell, self.units if k else n_in, self.units, rng))
        return Sequential(*blocks, Dense(self.units, self.outputs, rng=rng))

    def data(self) -> tuple[Array, Array]:
        """Random x and target."""
        rng, shape = generator(self.seed), (self.steps, self.batch)
        if self.inputs is None:
            return rng.integers(0, SYMBOLS, shape), rng.integers(0, self.outputs, shape)
        x, target = (
            rng.standard_normal((*shape, n), np.float32) for n in (self.inputs, self.outputs)
        )
        return x, target

    @property
    def losses(self) -> LossesLike:
        """The loss."""
        return self.loss

    @property
    def lengths(self) -> LengthsLike:
        """Those of the sequences; None where all have T steps."""
        return drawn_lengths([TIME], self.shortest, (self.steps, self.batch), self.seed)

    @property
    def planned(self) -> tuple[LossesLike, int, Shape]:
        """(loss, steps, shape of x) as ``plan`` takes them."""
        return self.loss, self.steps, self.x_shape

    def check(self) -> None:
        """As for an OwnProblem: these models can be built."""

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """As for an OwnProblem: here all code is the library's."""
        yield

    def as_json(self) -> dict[str, JSON]:
        """The options."""
        return asdict(self)

    def __str__(self) -> str:
        source = (
            f"{self.inputs} inputs"
            if self.inputs is not None
            else f"bytes, embedding of {self.embedding}"
        )
        layers = f"{self.layers} layer{'s' if self.layers > 1 else ''}"
        sizes = f"{layers} of {self.units} units, {self.outputs} outputs"
        return f"{self.cell.upper()}, {source}, {sizes}; T = {self.steps}, B = {self.batch}"


def problem_of(options: argparse.Namespace) -> Problem | OwnProblem:
    """A built-in model, or that of ``--model``, which may be a network over time.

    Raises CommandError if options contradict each other.
    """
    if options.shortest is not None and options.shortest > options.steps:
        raise CommandError(
            f"--shortest {options.shortest} is more than the {options.steps} steps of --steps; "
            "lower it"
        )
    if options.model is None:
        return Problem.from_options(options)
    return OwnProblem.from_options(options)


@contextmanager
def limited(problem: Problem | OwnProblem, n: int | None) -> Iterator[None]:
    """Limit the threads to this number, or the usual one; too little memory is a CommandError."""
    try:
        with threads.limited(n):
            yield
    except MemoryError:
        raise CommandError(
            f"this machine has too little memory for {problem}; {problem.cure}"
        ) from None

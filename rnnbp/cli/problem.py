"""A model and a sequence described by options: of bytes as ``rnnbp train`` has it, or of
numbers.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np

from rnnbp.cli import threads
from rnnbp.cli.errors import CommandError
from rnnbp.cli.model import CELLS, MOST_LAYERS, MOST_UNITS, Architecture, recurrent
from rnnbp.cli.ngrams import SYMBOLS
from rnnbp.cli.options import Parser, whole
from rnnbp.cli.own_problem import OwnProblem
from rnnbp.graph.sequential import Sequential
from rnnbp.layers import Dense, Embedding
from rnnbp.losses import CrossEntropy, MeanSquaredError
from rnnbp.losses.named import NAMED
from rnnbp.numerics import Array, Shape
from rnnbp.rng import generator

DEFAULT = Architecture()
LARGEST = MOST_UNITS
"""Of steps, sequences and numbers in each of them."""


@dataclass(frozen=True)
class Problem:
    """Recurrent layers and a Dense over T = ``steps`` steps of B = ``batch`` sequences; ``inputs``
    None is bytes.
    """

    cell: str
    layers: int
    units: int
    embedding: int
    inputs: int | None
    outputs: int
    steps: int
    batch: int
    seed: int

    cure = "lower --units, --layers, --batch or --steps"

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Self:
        """The problem that the options describe. Raises CommandError if they contradict
        each other.
        """
        if options.loss is not None:
            raise CommandError("--loss goes with --model; built-in models have a loss of their own")
        if options.inputs is not None and "embedding" in getattr(options, "given", ()):
            raise CommandError(
                "--embedding is for bytes, and --inputs for numbers; leave out one of the two"
            )
        return cls(**{name: getattr(options, name) for name in cls.__dataclass_fields__})

    @property
    def x_shape(self) -> Shape:
        """Feature shape of x."""
        return () if self.inputs is None else (self.inputs,)

    @property
    def loss(self) -> Any:
        """The loss of the outputs: cross-entropy of bytes, mean squared error of numbers."""
        return CrossEntropy() if self.inputs is None else MeanSquaredError()

    def build(self) -> Sequential:
        """The model: (T, B) bytes or (T, B, inputs) floats → (T, B, outputs)."""
        rng = generator(self.seed)
        blocks: list[Any] = (
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

    def check(self) -> None:
        """As for an OwnProblem: these models can be built."""

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """As for an OwnProblem: here all code is the library's."""
        yield

    def as_json(self) -> dict[str, Any]:
        """The options."""
        return asdict(self)

    def __str__(self) -> str:
        source = (
            f"{self.inputs} inputs"
            if self.inputs is not None
            else f"bytes, embedding of {self.embedding}"
        )
        sizes = f"{self.layers} layer{'s' if self.layers > 1 else ''} of {self.units} units, {self.outputs} outputs"
        return f"{self.cell.upper()}, {source}, {sizes}; T = {self.steps}, B = {self.batch}"


def problem_of(options: argparse.Namespace) -> Problem | OwnProblem:
    """A built-in model, or that of ``--model``. Raises CommandError where options contradict each
    other.
    """
    return (
        Problem.from_options(options) if options.model is None else OwnProblem.from_options(options)
    )


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


def add_options(parser: Parser, *, steps: int, batch: int) -> None:
    """The options that describe a problem, and the threads."""
    _add_model(parser)
    group = parser.add_argument_group("sequence and machine")
    group.add_argument(
        "--steps", type=whole(1, LARGEST), default=steps, metavar="T", help="steps of a sequence"
    )
    group.add_argument(
        "--batch", type=whole(1, LARGEST), default=batch, metavar="B", help="sequences side by side"
    )
    group.add_argument(
        "--seed", type=whole(0, 2**64), default=0, metavar="N", help="seed of weights and data"
    )
    threads.add_threads(group)


def _add_model(parser: Parser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--model",
        metavar="NAME",
        help="a model of your own, as module:function or path/file.py:function: a function without arguments that "
        "returns a model, or a model; the current folder is searched first",
    )
    group.add_argument(
        "--loss",
        metavar="NAME",
        help=f"its loss: {', '.join(NAMED)}, or one of your own as module:function; by default cross-entropy of "
        "symbols, mse of numbers",
    )
    group.add_argument(
        "--cell",
        choices=CELLS,
        default=DEFAULT.cell,
        metavar="CELL",
        help="the recurrent cell: %(choices)s",
    )
    sizes = {
        "layers": "recurrent layers",
        "units": "units of each of them",
        "embedding": "size of the vector of a byte",
    }
    for name, text in sizes.items():
        default, below = getattr(DEFAULT, name), MOST_LAYERS + 1 if name == "layers" else LARGEST
        group.add_argument(
            f"--{name}", type=whole(1, below), default=default, metavar="N", help=text
        )
    group.add_argument(
        "--inputs",
        type=whole(1, LARGEST),
        metavar="N",
        help="numbers in each step of x; by default it is a byte",
    )
    group.add_argument(
        "--outputs",
        type=whole(1, LARGEST),
        default=SYMBOLS,
        metavar="N",
        help="outputs of each step",
    )

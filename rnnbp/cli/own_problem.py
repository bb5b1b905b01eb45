"""A model of the user's own, with random data that fits it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np

from rnnbp.bptt.networks import LossesLike
from rnnbp.cli.errors import CommandError
from rnnbp.cli.importing import built, imported, is_of_library, needed_arguments, of_user
from rnnbp.cli.options import given
from rnnbp.graph.axes import is_over_time
from rnnbp.graph.graph import Graph
from rnnbp.graph.model_split import symbol_layers
from rnnbp.graph.network import Network
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import ModelLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.shapes import ShapeLike, Shapes, feature_shape
from rnnbp.layers.base import Layer
from rnnbp.losses import BinaryCrossEntropy, CrossEntropy, Loss
from rnnbp.losses.named import NAMED
from rnnbp.numerics import Array, Shape
from rnnbp.storage import JSON
from rnnbp.support.nearest import hint

BUILT_IN = ("cell", "layers", "units", "embedding", "outputs")
"""Options that describe a model, which one of the user's own has in its code."""


@dataclass(frozen=True)
class OwnProblem:
    """A model that ``--model`` names, and a loss; T = ``steps``, B = ``batch``."""

    named: str
    loss_named: str | None
    inputs: int | None
    steps: int
    batch: int
    seed: int

    over_time: bool = False
    """True where networks over time are taken, of any inputs and outputs: nothing is run of them."""

    cure = "lower --batch or --steps, or build a smaller model"

    @classmethod
    def from_options(cls, options: argparse.Namespace, *, over_time: bool = False) -> Self:
        """The problem that the options describe; ``over_time`` as of the class.

        Raises CommandError for options of built-in models.
        """
        if named := sorted({*BUILT_IN} & given(options)):
            raise CommandError(f"--{named[0]} is for built-in models; the code of --model says it")
        sizes = options.inputs, options.steps, options.batch, options.seed
        return cls(options.model, options.loss, *sizes, over_time)

    @cached_property
    def _model(self) -> ModelLike:
        found = imported("--model", self.named)
        if needed := needed_arguments(found):
            takes = f"--model {self.named} takes {', '.join(needed)}"
            raise CommandError(
                f"{takes}; give a model, or a function without arguments that returns one"
            )
        model = built("--model", self.named, found)
        with self.speaking():
            graph = as_network(model)
        if is_over_time(graph):
            if not self.over_time:
                raise CommandError(
                    f"--model {self.named} is a network over time, and this command runs one sweep "
                    "of one x; rnnbp plan takes it, and rnnbp.bptt and rnnbp.fit in Python"
                )
            return model
        if len(graph.pers) > 1:
            raise CommandError(
                f"--model {self.named} has {len(graph.pers)} inputs, and commands draw one x; call "
                "rnnbp.plan or rnnbp.compare.sweep in Python"
            )
        return model

    @property
    def _graph(self) -> Graph:
        return as_network(self._model)

    @cached_property
    def is_network(self) -> bool:
        """True for a network over time."""
        return is_over_time(self._graph)

    @cached_property
    def planned(self) -> tuple[LossesLike, int | dict[str, int], ShapeLike]:
        """(loss, steps, shape of x) as ``plan`` takes them: of a network for all outputs and axes."""
        if not self.is_network:
            return self.loss, self.steps, self.x_shape
        if self.inputs is not None:
            raise CommandError(
                f"--inputs {self.inputs} is for models of one x; the Inputs of {self.named} say it"
            )
        axes, n = {axis for axis in self._graph.axes if axis}, self._graph.n_outputs
        loss = None if self.loss_named is None else self.loss
        steps = dict.fromkeys(axes, self.steps) if len(axes) > 1 else self.steps
        return loss if n == 1 or loss is None else (loss,) * n, steps, None

    def build(self) -> ModelLike:
        """The model.

        Raises CommandError unless it is one; exceptions of the user's code propagate, with a note.
        """
        return self._model

    def check(self) -> None:
        """Build the model and the loss. Raises as ``build`` does."""
        self.build()
        _ = self.loss, self.x_shape

    @cached_property
    def x_shape(self) -> Shape:
        """Feature shape of x, by the model, or ``--inputs``."""
        with self.speaking():
            if self._symbols:
                return ()
            stated = stated_shape(self._graph)
            if self.inputs is not None and stated not in (None, (self.inputs,)):
                raise CommandError(
                    f"--inputs {self.inputs} is not what the model takes, {stated}; leave it out"
                )
            given = None if self.inputs is None else (self.inputs,)
            found = feature_shape("--inputs", self._graph, given)
        assert not isinstance(found, Shapes)  # of one input
        return found

    @property
    def _symbols(self) -> int | None:
        """The number of symbols, if x is symbols."""
        return next((layer.n_symbols for layer in symbol_layers(self._graph, 0)), None)

    @cached_property
    def loss(self) -> LossLike:
        """By name, or the user's own; by default cross-entropy of symbols, mse of numbers."""
        name = self.loss_named or ("cross-entropy" if self._symbols else "mse")
        if name in NAMED:
            return NAMED[name]()
        if ":" not in name:
            known = ", ".join(NAMED)
            raise CommandError(
                f"--loss {name!r} is unknown{hint(name, NAMED)}; use one of {known}, or "
                "module:function"
            )
        found = imported("--loss", name)
        loss = (
            found
            if needed_arguments(found) and not isinstance(found, type)
            else built("--loss", name, found)
        )
        if isinstance(loss, Layer | Network):
            raise CommandError(
                f"--loss {name} is a model, {loss!r}; give --model {name}, and a loss: "
                f"{', '.join(NAMED)}, or a function of (y, target)"
            )
        if not isinstance(loss, Loss) and not callable(loss):
            raise CommandError(
                f"--loss {name} is {loss!r}, no loss; see help(rnnbp.losses) for what a loss is"
            )
        return loss

    def data(self) -> tuple[Array, Array]:
        """Random x and target, as the model and the loss take them."""
        rng, shape = np.random.default_rng(self.seed), (self.steps, self.batch)
        dtype = self._graph.dtype or np.dtype(np.float32)
        symbols = self._symbols
        x = (
            rng.integers(0, symbols, shape)
            if symbols
            else rng.standard_normal((*shape, *self.x_shape)).astype(dtype)
        )
        with self.speaking():
            (outputs,) = self._graph.output_shapes(self.x_shape)
        assert outputs is not None
        if isinstance(self.loss, CrossEntropy):
            return x, rng.integers(0, outputs[-1], (*shape, *outputs[:-1]))
        if isinstance(self.loss, BinaryCrossEntropy):
            return x, rng.integers(0, 2, (*shape, *outputs)).astype(dtype)
        return x, rng.standard_normal((*shape, *outputs)).astype(dtype)

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Turn errors of this library about the model into CommandErrors.

        Those of the user's code propagate, with a note.
        """
        try:
            with of_user("--model", self.named):
                yield
        except (TypeError, ValueError, IndexError, FloatingPointError) as error:
            if is_of_library(error):
                raise CommandError(f"--model {self.named}: {error}") from None
            raise

    @property
    def _loss_text(self) -> str:
        if self.is_network and self.loss_named is None:
            return "losses not given, their bytes estimated"
        return repr(self.loss) if isinstance(self.loss, Loss) else str(self.loss_named)

    def as_json(self) -> dict[str, JSON]:
        """The options, and the model's repr."""
        return {
            "given_as": self.named,
            "model": repr(self._model),
            "loss": self._loss_text,
            "x_shape": None if self.is_network else list(self.x_shape),
            "steps": self.steps,
            "batch": self.batch,
            "seed": self.seed,
        }

    def __str__(self) -> str:
        return (
            f"{self.named}, {self._model!r}, {self._loss_text}; T = {self.steps}, B = {self.batch}"
        )

"""A model of the user's own, with random data that fits it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from rnnbp.bptt.networks import LengthsLike, LossesLike
from rnnbp.cli.drawn_data import drawn, drawn_lengths, symbols_of
from rnnbp.cli.errors import CommandError
from rnnbp.cli.importing import built, imported, is_of_library, needed_arguments, of_user
from rnnbp.cli.options import given
from rnnbp.graph.axes import is_over_time
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.values import TIME
from rnnbp.inputs.axes import stated_shape
from rnnbp.inputs.given import ModelLike, SeriesLike
from rnnbp.inputs.models import as_network
from rnnbp.inputs.objective import LossLike
from rnnbp.inputs.shapes import ShapeLike, each_shape, feature_shape
from rnnbp.layers.base import Layer
from rnnbp.losses import Loss
from rnnbp.losses.named import NAMED
from rnnbp.numerics import Shape
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

    shortest: int | None = None

    cure = "lower --batch or --steps, or build a smaller model"

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> Self:
        """The problem that the options describe.

        Raises CommandError for options of built-in models.
        """
        if named := sorted({*BUILT_IN} & given(options)):
            raise CommandError(f"--{named[0]} is for built-in models; the code of --model says it")
        sizes = options.inputs, options.steps, options.batch, options.seed
        return cls(options.model, options.loss, *sizes, options.shortest)

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
            as_network(model)
        return model

    @property
    def _graph(self) -> Graph:
        return as_network(self._model)

    @cached_property
    def is_network(self) -> bool:
        """True for a network over time, and for a model of several inputs."""
        return is_over_time(self._graph) or len(self._graph.pers) > 1

    @property
    def lengths(self) -> LengthsLike:
        """Those of the rows of each time axis; None where all have T steps."""
        axes = [*dict.fromkeys(axis for axis in self._graph.axes if axis)] or [TIME]
        return drawn_lengths(axes, self.shortest, (self.steps, self.batch), self.seed)

    @property
    def losses(self) -> LossesLike:
        """The loss, for each output of several."""
        n = self._graph.n_outputs
        return self.loss if n == 1 else (self.loss,) * n

    @cached_property
    def planned(self) -> tuple[LossesLike, int | dict[str, int], ShapeLike]:
        """(loss, steps, shape of x) as ``plan`` takes them; of a network by output and axis."""
        if not self.is_network:
            return self.loss, self.steps, self.x_shape
        self._refuse_inputs()
        axes = {axis for axis in self._graph.axes if axis}
        steps = dict.fromkeys(axes, self.steps) if len(axes) > 1 else self.steps
        return self.losses, steps, None

    def build(self) -> ModelLike:
        """The model.

        Raises CommandError unless it is one; exceptions of the user's code propagate, with a note.
        """
        return self._model

    def check(self) -> None:
        """Build the model and the loss. Raises as ``build`` does."""
        self.build()
        _ = self.loss, self.shapes

    @property
    def x_shape(self) -> Shape:
        """Feature shape of x, of one input."""
        return self.shapes[0]

    @cached_property
    def shapes(self) -> tuple[Shape, ...]:
        """Feature shapes of the inputs, by the model, or ``--inputs``."""
        with self.speaking():
            if self.is_network:
                self._refuse_inputs()
                return each_shape(feature_shape("--inputs", self._graph, None))
            if self._symbols:
                return ((),)
            stated = stated_shape(self._graph)
            if self.inputs is not None and stated not in (None, (self.inputs,)):
                raise CommandError(
                    f"--inputs {self.inputs} is not what the model takes, {stated}; leave it out"
                )
            given = None if self.inputs is None else (self.inputs,)
            return each_shape(feature_shape("--inputs", self._graph, given))

    def _refuse_inputs(self) -> None:
        """Raise CommandError for ``--inputs`` of a model whose Inputs say it."""
        if self.inputs is not None:
            raise CommandError(
                f"--inputs {self.inputs} is for models of one x; the Inputs of {self.named} say it"
            )

    @property
    def _symbols(self) -> int | None:
        """The number of symbols, if x, the first of several inputs, is symbols."""
        return symbols_of(self._graph, 0)

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

    def data(self) -> tuple[SeriesLike, SeriesLike]:
        """Random x and target, as the model and the loss take them."""
        losses = (self.loss,) * self._graph.n_outputs
        with self.speaking():
            size = self.steps, self.batch
            x, target = drawn(self._graph, self.shapes, losses, size, self.seed)
        return x if len(x) > 1 else x[0], target if len(target) > 1 else target[0]

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

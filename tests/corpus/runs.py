"""The cases that run a sequence: gradients, outputs, and what was forecast of them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import rnnbp as rb
from tests.corpus.digests import Found, flat
from tests.corpus.losses import LOSSES
from tests.corpus.models import Model

FEEDS = ("array", "fortran", "strided", "stream", "unknown", "mapped")


@dataclass(frozen=True)
class Series:
    """What all runs over a sequence have: the model, its x, and the mask and state that go with it."""

    model: Model
    dtype: str = "float32"
    steps: int = 11
    batch: int = 3
    chunk: int | None = 4
    mask: str = ""
    """"bool", "weights", "tail" or none."""
    state: bool = False
    """Whether an initial state is given."""
    feed: str = "array"
    """How x comes, and the target: one of FEEDS."""
    times: float = 1.0
    """What parameters are multiplied by; by much, numbers overflow."""
    lost: bool = False
    """Whether x is NaN where the mask "tail" has no weight."""
    options: dict[str, Any] = field(default_factory=dict)

    def given(self) -> dict[str, Any]:
        """The arguments for chunk, mask and state."""
        found: dict[str, Any] = {"chunk": self.chunk, **self.options}
        if self.mask:
            found["mask"] = self.weights()
        if self.state:
            one = rb.predict(self.made(), self.x()[:1])[1]
            rng = np.random.default_rng(5)
            found["state"] = tuple(
                tuple(rng.normal(size=a.shape).astype(a.dtype) for a in arrays) for arrays in one
            )
        return found

    def made(self) -> Any:
        """The model."""
        model = self.model.build(self.dtype)
        for array in model.params.values():
            array *= array.dtype.type(self.times)
        return model

    def x(self) -> Any:
        x = self.model.data(self.steps, self.batch, self.dtype)
        if self.lost:
            x[self.weights() == 0] = np.nan
        return x

    def weights(self) -> Any:
        """The mask (T, B)."""
        rng, shape = np.random.default_rng(3), (self.steps, self.batch)
        ends = rng.integers(1, self.steps + 1, self.batch)
        match self.mask:
            case "bool":
                return rng.random(shape) < 0.7
            case "weights":
                return (rng.random(shape) * (rng.random(shape) < 0.8)).astype(self.dtype)
            case _:
                return np.arange(self.steps)[:, None] < ends

    @contextmanager
    def fed(self, array: Any) -> Iterator[Any]:
        """An array (T, B, ...), as it comes."""
        match self.feed:
            case "fortran":
                yield np.asfortranarray(array)
            case "strided":
                yield np.repeat(array, 2, axis=0)[::2]
            case "stream" | "unknown":
                yield iter([array[k : k + 3] for k in range(0, self.steps, 3)])
            case "mapped":
                with tempfile.TemporaryDirectory() as folder:
                    path = Path(folder) / "array.npy"
                    np.save(path, array)
                    mapped = np.load(path, mmap_mode="r")
                    yield mapped
                    del mapped
            case _:
                yield array


@dataclass(frozen=True)
class Gradient(Series):
    """A run of ``bptt``, and a second one, which finds the memory of the first."""

    loss: str = "squares"
    checkpoint: Any = "all"
    backend: str | None = None
    without: tuple[str, ...] = ()
    """Rules that the compiler leaves out."""
    seed: int = 1

    def run(self) -> Found:
        model = self.made()
        first, again = self.once(model), self.once(model)
        found = flat("", first) | flat("again", {"loss": again.loss, "grads": again.grads})
        if self.feed == "array" and not self.state:
            found |= flat("forecast", self.forecast(model))
        return found

    def how(self) -> Any:
        """The backend, as ``bptt`` takes it."""
        return rb.Backend(self.backend, without=self.without) if self.without else self.backend

    def once(self, model: Any) -> Any:
        kind = LOSSES[self.loss]
        loss, target = (
            kind.build(self.model.y[-1]),
            kind.data((self.steps, self.batch, *self.model.y), self.dtype),
        )
        given = self.given() | {
            "checkpoint": self.checkpoint,
            "backend": self.how(),
            "seed": self.seed,
        }
        if self.feed == "stream":
            given["steps"] = self.steps
        with self.fed(self.x()) as x, nullcontext() if target is None else self.fed(target) as y:
            return rb.bptt(model, x, y, loss, progress=False, **given)

    def forecast(self, model: Any) -> Any:
        if isinstance(self.checkpoint, rb.Plan):
            return self.checkpoint.forecast
        loss = LOSSES[self.loss].build(self.model.y[-1])
        sizes = {
            "steps": self.steps,
            "batch": self.batch,
            "x_shape": self.model.x,
            "backend": self.how(),
        }
        schedule = {"checkpoint": self.checkpoint, "chunk": self.chunk}
        return rb.forecast(model, loss, **sizes, **schedule, **self.options)


@dataclass(frozen=True)
class Prediction(Series):
    """Outputs and the state after them, then those that go on from there; and the loss of ``evaluate``."""

    def run(self) -> Found:
        model, given = self.made(), self.given()
        with self.fed(self.x()) as x:
            y, state = rb.predict(model, x, progress=False, **given)
        more, _ = rb.predict(model, self.x()[::-1], state=state, chunk=self.chunk, progress=False)
        found = {"y": y, "state": state, "more": more}
        plain = {key: value for key, value in given.items() if key in ("mask", "state", "chunk")}
        target = LOSSES["squares"].data((self.steps, self.batch, *self.model.y), self.dtype)
        loss, after = rb.evaluate(
            model, self.x(), target, rb.losses.MeanSquaredError(), **plain, progress=False
        )
        return flat("", found | {"loss": loss, "after": after})

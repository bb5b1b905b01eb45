"""The cases of plans and forecasts: figures of bytes and steps, with costs that are given."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import rnnbp as rb
from tests.corpus.digests import Found, flat, of_actions
from tests.corpus.losses import LOSSES
from tests.corpus.models import Model

KINDS = {"Advance": 1.0, "Keep": 1.1, "Record": 1.3, "Rebuild": 0.8, "Backward": 2.2}
COSTS = rb.Costs(
    {kind: 1e-4 * each for kind, each in KINDS.items()} | {"write": 2e-4, "read": 1e-4},
    {kind: 2e-5 * each for kind, each in KINDS.items()},
    byte=1e-10,
)
"""Seconds that are the same on every machine, so that plans are."""


@dataclass(frozen=True)
class Planned:
    """A plan for a budget; and, where it is short enough, a run of it."""

    model: Model
    budget: int | str
    steps: int = 200
    batch: int = 64
    dtype: str = "float32"
    loss: str = "squares"
    run_it: bool = True
    adam: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Found:
        model, kind = self.model.build(self.dtype), LOSSES[self.loss]
        sizes: dict[str, Any] = {"steps": self.steps, "batch": self.batch, "x_shape": self.model.x}
        optimizer = rb.optim.Adam(model) if self.adam else None
        loss = kind.build(self.model.y[-1])
        options = self.options | {"costs": COSTS, "optimizer": optimizer, "budget": self.budget}
        plan = rb.plan(model, loss, **sizes, **options)
        others = [(other.chunk, other.bytes, other.seconds) for other in plan.frontier]
        found = {
            "chunk": plan.chunk,
            "seconds by costs": plan.seconds,
            "ratio": plan.ratio,
            "frontier": others,
        }
        found |= {"forecast": plan.forecast, "peak_bytes": plan.peak_bytes, "budget": plan.budget}
        lines = flat("plan", found) | {"plan.actions": of_actions(plan.schedule)}
        return lines | (self.follow(model, loss, plan) if self.run_it else {})

    def follow(self, model: Any, loss: Any, plan: Any) -> Found:
        x = self.model.data(self.steps, self.batch, self.dtype)
        target = LOSSES[self.loss].data((self.steps, self.batch, *self.model.y), self.dtype)
        given = {
            key: value
            for key, value in self.options.items()
            if key in ("backend", "dx", "return_y")
        }
        return flat(
            "run", rb.bptt(model, x, target, loss, checkpoint=plan, progress=False, **given)
        )


@dataclass(frozen=True)
class Forecast:
    """Figures of a run that does not take place."""

    model: Model
    checkpoint: Any
    steps: int = 1000
    batch: int = 16
    chunk: int | None = 32
    dtype: str = "float32"
    loss: str = "squares"
    backend: Any = None
    options: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Found:
        loss = LOSSES[self.loss].build(self.model.y[-1])
        sizes = {
            "steps": self.steps,
            "batch": self.batch,
            "x_shape": self.model.x,
            "chunk": self.chunk,
        }
        more = {"checkpoint": self.checkpoint, "backend": self.backend, "costs": COSTS}
        found = rb.forecast(self.model.build(self.dtype), loss, **sizes, **more, **self.options)
        return flat("", found) | flat("seconds by costs", found.seconds)


@dataclass(frozen=True)
class Explained:
    """What the compiler makes of a cell: figures, and the text of its program."""

    model: Model

    def run(self) -> Found:
        found = rb.explain(self.model.build("float32"), batch=4, x_shape=self.model.x)
        flops = found.flops_per_step, found.advance_flops_per_step, found.backward_flops_per_step
        text = hashlib.sha256(found.program.encode()).hexdigest()[:20]
        return flat(
            "",
            {"flops": flops, "bytes": found.bytes_per_step, "opaque": found.opaque, "text": text},
        )

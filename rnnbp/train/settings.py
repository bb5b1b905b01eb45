"""Attributes of a Trainer: some may be set between two steps, others are refused by name."""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Generic, Protocol, Self, TypeVar, overload

from rnnbp.train.options import Rate, split_rate
from rnnbp.train.training import Training

T = TypeVar("T")

WAYS = {
    "lr": "learning_rate",
    "clip": "clip_norm",
    "epochs": "fit(data, epochs=...)",
    "steps": "fit(data, steps=...)",
    "max_seconds": "fit(data, max_seconds=...)",
    "until_epochs": "Trainer.fit(data, until_epochs=...)",
    "until_steps": "Trainer.fit(data, until_steps=...)",
    "data": "fit(data)",
    "gradient_clip": "clip_norm",
    "weight_decay": "weight_decay of the optimiser, as AdamW(model, weight_decay=...)",
    "early_stopping": "patience",
    "restore_best_weights": "keep_best",
    "device": "the environment's RNNBP_BACKEND and RNNBP_NUM_THREADS",
    "batch_size": "the batch_size of the source",
}
"""What stands for names that others use."""


class HasTraining(Protocol):
    """A Trainer, as its attributes see it."""

    @property
    def _training(self) -> Training: ...


class Shown(ABC, Generic[T]):
    """An attribute of a Trainer, which is in its ``Training``."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @abstractmethod
    def of(self, run: Training) -> T:
        """The present value of the attribute."""

    @overload
    def __get__(self, trainer: None, owner: type) -> Self: ...
    @overload
    def __get__(self, trainer: HasTraining, owner: type) -> T: ...
    def __get__(self, trainer: HasTraining | None, owner: type) -> Self | T:
        return self if trainer is None else self.of(trainer._training)


class Setting(Shown[T]):
    """An argument that may be set afterwards: checked as before, used from the next step on."""

    def of(self, run: Training) -> T:
        found: T = getattr(run.options, self.name)
        return found

    def __set__(self, trainer: HasTraining, value: T) -> None:
        given: dict[str, Any] = {self.name: value}  # Any: of the type of the field of that name
        trainer._training.change(replace(trainer._training.options, **given))


class RateSetting(Setting[Rate]):
    """The learning rate: the rule, or without one the number in the optimiser."""

    def of(self, run: Training) -> Rate:
        return (
            run.update.optimizer.learning_rate
            if run.options.learning_rate is None
            else run.options.learning_rate
        )

    def __set__(self, trainer: HasTraining, value: Rate) -> None:
        run = trainer._training
        rule, number = split_rate(value)
        run.change(replace(run.options, learning_rate=rule), number)


class Fixed(Shown[T]):
    """An attribute that a Trainer shows and cannot change."""

    def __init__(self, find: Callable[[Training], T]) -> None:
        self.find = find

    def of(self, run: Training) -> T:
        return self.find(run)

    def __set__(self, trainer: HasTraining, value: T) -> None:
        raise AttributeError(f"Trainer.{self.name} cannot be set; build a new Trainer")


def setting_way(name: str) -> str:
    """The advice for a setting that was passed to a call."""
    if name == "parallel":
        return "it is of the whole run: Trainer(..., parallel=...)"
    return f"it is a setting: trainer.{name} = ... before the call, or Trainer(..., {name}=...)"


def unknown(name: str, names: list[str]) -> AttributeError:
    """The error for an attribute that a Trainer does not have, with the nearest name."""
    cure = _nearest(name, names) or f"; what may be set: {', '.join(names)}"
    return AttributeError(f"Trainer has no setting {name!r}{cure}")


def _nearest(name: str, names: list[str]) -> str:
    near = WAYS.get(name) or next(iter(difflib.get_close_matches(name, names, 1)), None)
    return f"; did you mean {near}?" if near else ""

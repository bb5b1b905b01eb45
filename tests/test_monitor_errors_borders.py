"""What is wrong with a figure to follow is said before a step is made, with the cure."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from tests.monitored import DATA, HELD_OUT, MSE, trainer, upwards, weight

OWN: dict[str, Any] = {"metrics": [upwards], "monitor": "val_upwards"}
WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a slip": (
        {"monitor": "val_acuracy"},
        ValueError,
        "monitor='val_acuracy' (did you mean 'val_accuracy'?",
    ),
    "Keras's": ({"monitor": "val_acc"}, ValueError, "did you mean 'val_accuracy'?"),
    "a History's": ({"monitor": "validation_acc"}, ValueError, "did you mean 'val_accuracy'?"),
    "another prefix": ({"monitor": "eval_loss"}, ValueError, "did you mean 'val_loss'?"),
    "PyTorch Lightning's": ({"monitor": "train_loss"}, ValueError, "did you mean 'loss'?"),
    "of a board": ({"monitor": "test/accuracy"}, ValueError, "did you mean 'val_accuracy'?"),
    "a hyphen": ({"monitor": "val-loss"}, ValueError, "did you mean 'val_loss'?"),
    "not measured": (
        {"monitor": "val_accuracy", "metrics": ()},
        ValueError,
        "give metrics=['accuracy'] too, and monitor='val_accuracy'",
    ),
    "not measured, elsewhere": (
        {"monitor": "val_binary_accuracy", "metrics": ()},
        ValueError,
        "metrics=['accuracy']",
    ),
    "not measured in training": (
        {"monitor": "mse"},
        ValueError,
        "give metrics=['mse'] too, and monitor='mse'",
    ),
    "no name": (
        {"monitor": "f1"},
        ValueError,
        "they are 'loss', 'accuracy', 'mae', 'val_loss', 'val_accuracy'",
    ),
    "a function": ({"monitor": upwards}, TypeError, "name it: metrics=[f], monitor='val_f'"),
    "several": ({"monitor": ["val_loss"]}, TypeError, "as 'val_loss' or 'val_accuracy'"),
    "None": ({"monitor": None}, TypeError, "Trainer: monitor is the name of a figure"),
    "no way": (OWN, ValueError, "monitor='val_upwards' is a function of yours: give mode='max'"),
    "a name of ours": (
        {"metrics": {"mae": upwards}, "monitor": "val_mae"},
        ValueError,
        "monitor='val_mae' is a function of yours",
    ),
    "against it": (
        {"monitor": "val_accuracy", "mode": "min"},
        ValueError,
        "mode='min' goes against monitor='val_accuracy', of which more is better",
    ),
    "of the loss": (
        {"mode": "max"},
        ValueError,
        "mode='max' goes against monitor='val_loss', of which less",
    ),
    "without validation": (
        {"mode": "max", "validation": None, "keep_best": None},
        ValueError,
        "name another figure",
    ),
    "no mode": (
        {"mode": "mx"},
        ValueError,
        "mode is one of 'auto', 'min', 'max', found 'mx' (did you mean 'max'?",
    ),
    "a flag": ({"mode": True}, ValueError, "mode is one of 'auto', 'min', 'max', found True"),
    "no validation": (
        {"monitor": "val_accuracy", "validation": None, "keep_best": None},
        ValueError,
        "monitor='val_accuracy' needs validation losses; give validation=, a source",
    ),
    "a rate without validation": (
        {"monitor": "loss", "validation": None, "learning_rate": rb.optim.OnPlateau(0.1)},
        ValueError,
        "learning_rate=OnPlateau needs validation losses",
    ),
    "HuggingFace's": (
        {"metric_for_best_model": "accuracy"},
        TypeError,
        "it is called 'monitor' here",
    ),
    "its way": ({"greater_is_better": True}, TypeError, "it is called 'mode' here"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case: str) -> None:
    options, error, words = WRONG[case]
    with pytest.raises(error, match=re.escape(words)):
        trainer(**options)


def test_what_is_set_later_is_refused_too_and_changes_nothing() -> None:
    one = trainer(metrics=["accuracy", upwards])
    with pytest.raises(ValueError, match="did you mean 'val_loss'"):
        one.monitor = "val_los"
    assert one.monitor == "val_loss"
    one.monitor = "val_upwards"
    with pytest.raises(ValueError, match="give mode='max'"):
        one.fit(DATA, epochs=1)
    assert one.history.steps == 0
    one.mode = "max"
    assert one.fit(DATA, epochs=2).best_step == 2
    with pytest.raises(ValueError, match="no figure is called monitor='val_upwards'"):
        one.metrics = ["accuracy"]


def test_a_figure_that_is_not_finite_is_never_the_best() -> None:
    def after_the_first(y: Any, target: Any) -> Any:
        return np.where(y.max() > 2.5, y, np.nan)

    one = trainer(metrics=[after_the_first], monitor="val_after_the_first", mode="min")
    history = one.fit(DATA, epochs=3)
    assert (history.best_step, weight(one)) == (2, 3)


def test_a_run_without_a_best_one_says_so_and_has_the_last() -> None:
    def nothing(y: Any, target: Any) -> Any:
        return y * np.nan

    one = trainer(metrics=[nothing], monitor="val_nothing", mode="max")
    with pytest.warns(UserWarning, match="val_nothing has never been a finite number") as caught:
        history = one.fit(DATA, epochs=3)
    assert caught[0].filename == __file__
    assert (history.best, history.best_step, weight(one)) == (None, None, 3.5)


def test_fit_takes_it_and_its_repr_shows_it() -> None:
    model = rb.Sequential(rb.Dense(1, 1, bias=False, weight_init=0.0))
    options: dict[str, Any] = {"metrics": "accuracy", "monitor": "val_accuracy", "keep_best": True}
    history = rb.fit(
        model, DATA, MSE, "sgd", learning_rate=0.25, epochs=4, validation=HELD_OUT, **options
    )
    assert float(model.params["0.weight"][0, 0]) == 3.5
    with pytest.raises(AttributeError, match=r"history\.best has epoch, step"):
        history.best_epoch  # type: ignore[attr-defined]  # noqa: B018
    assert "monitor='val_accuracy'" in repr(trainer(monitor="val_accuracy"))

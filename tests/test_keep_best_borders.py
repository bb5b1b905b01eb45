"""After fit with ``keep_best=True`` the model has the best parameters, whatever the patience."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train.event import Event
from tests.training import outcome

MSE = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(10, 4, 2)).astype(np.float32)
DATA = rb.Sequences(X, X[..., :1].copy(), batch_size=2)  # 5 batches
OTHER = rb.Sequences(X, -X[..., :1], batch_size=5)  # the better on DATA, the worse here
LATER = {"learning_rate": lambda step: 0.003 if step < 5 else 0.1}


def net() -> rb.Sequential:
    return rb.Sequential(rb.Dense(2, 3, rng=0), rb.Tanh(), rb.Dense(3, 1, rng=1))


def weights(model: Any) -> dict[str, bytes]:
    return {name: p.tobytes() for name, p in model.params.items()}


class Seen:
    """The parameters after each validation, by its loss."""

    def __init__(self) -> None:
        self.found: list[tuple[float, dict[str, bytes]]] = []

    def __call__(self, event: Event) -> None:
        if event.kind == "validation":
            self.found.append((event.metrics["validation"], weights(event.trainer.model)))

    def best(self) -> dict[str, bytes]:
        return min(self.found, key=lambda pair: pair[0])[1]


@pytest.mark.parametrize(
    ("options", "best"),
    [
        ({"keep_best": True}, True),
        ({}, False),
        ({"keep_best": False}, False),
        ({"keep_best": True, "patience": 9}, True),
        ({"patience": 9}, True),
        ({"keep_best": False, "patience": 9}, False),
        ({"keep_best": None, "patience": 9}, True),
    ],
    ids=str,
)
def test_fit_leaves_the_best_or_the_last(options: dict[str, Any], best: bool) -> None:
    model, seen = net(), Seen()
    history = rb.fit(
        model, DATA, MSE, epochs=3, validation=OTHER, callbacks=[seen], **LATER, **options
    )
    assert history.best_step == 5
    assert seen.best() != seen.found[-1][1]
    assert weights(model) == (seen.best() if best else seen.found[-1][1])
    loss = rb.evaluate(model, OTHER, loss=MSE)["loss"]
    assert (loss == history.best_loss) is best


def test_a_run_goes_on_from_the_last_and_resumes_to_the_bit(tmp_path: Path) -> None:
    def run(name: str, **options: Any) -> rb.Trainer:
        model = net()
        given = {"validation": OTHER, "folder": tmp_path / name} | LATER | options
        return rb.Trainer(model, rb.optim.Adam(model), MSE, **given)

    run("whole").fit(DATA, epochs=4)
    kept = run("kept", keep_best=True)
    kept.fit(DATA, epochs=2)
    kept.fit(DATA, until_epochs=4)
    run("resumed", keep_best=True).fit(DATA, epochs=2)
    again = run("resumed").resume()  # keep_best decides no number
    again.keep_best = True
    again.fit(DATA, until_epochs=4)
    assert weights(again.model) == weights(kept.model)
    found = [outcome(tmp_path / name) for name in ("whole", "kept", "resumed")]
    for each in found:
        del each["metadata"]["snapshot"]["began"]
    assert found[0] == found[1] == found[2]


def ctrl_c_at(step: int) -> Any:
    """A callback that is as Ctrl-C in some step."""
    return lambda event: (
        signal.raise_signal(signal.SIGINT)
        if (event.kind, event.metrics["step"]) == ("step", step)
        else None
    )


def interrupted(seen: Seen, **options: Any) -> rb.Trainer:
    """A run that is interrupted after its best epoch."""
    model, callbacks = net(), [seen, ctrl_c_at(12)]
    given = {"validation": OTHER, "keep_best": True, "callbacks": callbacks} | LATER | options
    return rb.Trainer(model, rb.optim.SGD(model), MSE, **given)


def test_an_interrupted_fit_that_returns_leaves_the_best_and_goes_on_from_the_last() -> None:
    seen, whole = Seen(), Seen()
    trainer = interrupted(seen, on_interrupt="return")
    history = trainer.fit(DATA, epochs=4)
    assert (history.reason, history.steps, history.best_step) == ("interrupted", 12, 5)
    assert weights(trainer.model) == seen.best()
    trainer.fit(DATA, until_epochs=4)
    other = interrupted(whole, callbacks=[whole])
    other.fit(DATA, epochs=4)
    assert seen.found == whole.found


@pytest.mark.parametrize("patience", [None, 9])
def test_one_that_raises_leaves_the_last_and_says_so(patience: int | None) -> None:
    seen = Seen()
    trainer = interrupted(seen, patience=patience)
    with pytest.raises(KeyboardInterrupt, match="the last parameters, not the best") as caught:
        trainer.fit(DATA, epochs=4)
    assert "not the best: fit leaves the best with on_interrupt='return'\n" in str(caught.value)
    assert len(seen.found) == 2
    assert not any(weights(trainer.model) == found for _, found in seen.found)
    with pytest.raises(KeyboardInterrupt) as plain:
        interrupted(seen, keep_best=False).fit(DATA, epochs=4)
    assert "the best" not in str(plain.value)


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "no validation": (
        {"keep_best": True},
        ValueError,
        "Trainer: keep_best needs validation losses; give validation=",
    ),
    "a word": ({"keep_best": "yes", "validation": OTHER}, TypeError, "Trainer: keep_best"),
    "Keras's": (
        {"restore_best_weights": True},
        TypeError,
        "'restore_best_weights', it is called 'keep_best' here",
    ),
    "others'": ({"save_best_only": True}, TypeError, "it is called 'keep_best' here"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_refused(case: str) -> None:
    options, error, words = WRONG[case]
    with pytest.raises(error, match=words):
        rb.fit(net(), DATA, MSE, epochs=1, **options)
    model = net()
    with pytest.raises(error, match=words):
        rb.Trainer(model, rb.optim.Adam(model), MSE, **options)


def test_the_setting_names_it() -> None:
    model = net()
    trainer = rb.Trainer(model, rb.optim.Adam(model), MSE, validation=OTHER)
    with pytest.raises(AttributeError, match="did you mean keep_best"):
        trainer.restore_best_weights = True  # type: ignore[attr-defined]
    trainer.keep_best = True
    with pytest.raises(
        TypeError, match=r"Trainer.fit: unknown option 'keep_best'; it is a setting"
    ):
        trainer.fit(DATA, epochs=1, keep_best=True)  # type: ignore[call-arg]

"""How a run ends: by Ctrl-C, by a callback, or by an error, which carries the History."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.train import Batch, Event
from tests.training import lines

MSE = rb.losses.MeanSquaredError()
X = np.random.default_rng(0).normal(size=(10, 4, 2)).astype(np.float32)
DATA = rb.Sequences(X, X[..., :1].copy(), batch_size=2)  # 5 batches
ROOT = Path(__file__).parent.parent


def trainer(*callbacks: Callable[[Event], object], **options: Any) -> rb.Trainer:
    model = rb.Sequential(rb.Dense(2, 3, rng=0), rb.Tanh(), rb.Dense(3, 1, rng=1))
    return rb.Trainer(
        model, rb.optim.SGD(model, learning_rate=0.1), MSE, callbacks=callbacks, **options
    )


def at(step: int, act: Callable[[Event], object], kind: str = "step") -> Callable[[Event], object]:
    return lambda event: act(event) if (event.kind, event.metrics["step"]) == (kind, step) else None


def fail(event: Event) -> None:
    raise OSError("away")


# Signals


def sent(name: str) -> Callable[[Event], object]:
    return lambda event: signal.raise_signal(getattr(signal, name))


@pytest.mark.long
def test_ctrl_c_ends_the_loop_around_fit(tmp_path: Path) -> None:
    """In a process of its own, sent SIGINT while the first of three seeds trains."""
    script = """
        import sys, numpy as np, rnnbp as rb
        x = np.ones((4, 5, 1), np.float32)
        def show(event):
            if event.metrics["step"] == 3: print("trains", flush=True)
        for seed in range(3):
            print("seed", seed, flush=True)
            model = rb.Sequential(rb.Dense(1, 1, rng=seed))
            data, loss = rb.Sequences(x, x, batch_size=2), rb.losses.MeanSquaredError()
            rb.fit(model, data, loss, max_seconds=100, folder=f"{seed}", callbacks=[show])
        print("the end")
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert [process.stdout.readline() for _ in range(2)] == ["seed 0\n", "trains\n"]
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=100)
    assert out == ""
    assert process.returncode in (-signal.SIGINT, 130)
    step = rb.storage.load_tensors(tmp_path / "0" / "snapshot.safetensors")[1]["snapshot"]["step"]
    assert (
        "the History is error.history in 'except KeyboardInterrupt as error', or sys.last_value"
        in said
    )
    assert f"KeyboardInterrupt: fit: interrupted after step {step}; all is in " in said
    assert "\nto go on, call fit with the same folder and resume=True\n" in said
    assert said.count("history") == 2  # in one line, for both cases
    assert os.listdir(tmp_path) == ["0"]


def test_ctrl_c_carries_the_history_and_fit_goes_on(tmp_path: Path) -> None:
    run = trainer(at(3, sent("SIGINT")), folder=tmp_path)
    with pytest.raises(
        KeyboardInterrupt, match=r"after step 3; all is in .*snapshot\.safetensors\nto go on, call"
    ) as caught:
        run.fit(DATA, epochs=2)
    history: rb.History = vars(caught.value)["history"]
    assert (history.steps, history.reason, history.signal) == (3, "interrupted", signal.SIGINT)
    assert run.fit(DATA, until_epochs=2).losses == trainer().fit(DATA, epochs=2).losses


def test_ctrl_c_without_a_folder_says_so() -> None:
    with pytest.raises(
        KeyboardInterrupt,
        match=r"step 2; no folder was given\nto go on, call fit of this Trainer again in this process\n"
        r"the losses so far are in Trainer\.history$",
    ):
        trainer(at(2, sent("SIGINT"))).fit(DATA, epochs=2)


@pytest.mark.skipif(os.name != "posix", reason="signals of its kind")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_end_the_program_with_their_status(name: str, tmp_path: Path) -> None:
    run = trainer(at(3, sent(name)), folder=tmp_path)
    with pytest.raises(SystemExit) as caught:
        run.fit(DATA, epochs=2)
    assert caught.value.code == 128 + getattr(signal, name)
    assert caught.value.__notes__[0].startswith("Trainer.fit: interrupted after step 3; all is in ")
    history: rb.History = vars(caught.value)["history"]
    assert (history.steps, history.reason, history.signal) == (
        3,
        "interrupted",
        getattr(signal, name),
    )
    assert rb.storage.load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == 3


@pytest.mark.parametrize(
    ("given", "here"),
    [({"on_interrupt": "return"}, {}), ({}, {"on_interrupt": "return"})],
    ids=["Trainer", "fit"],
)
def test_fit_may_return_on_ctrl_c(given: Any, here: Any) -> None:
    history = trainer(at(3, sent("SIGINT")), **given).fit(DATA, epochs=2, **here)
    assert (history.steps, history.reason, history.signal) == (3, "interrupted", signal.SIGINT)


def test_rb_fit_may_return_on_ctrl_c() -> None:
    model = trainer().model
    options: dict[str, Any] = {"callbacks": [at(3, sent("SIGINT"))], "on_interrupt": "return"}
    assert rb.fit(model, DATA, MSE, "sgd", epochs=2, **options).steps == 3


def test_a_way_that_is_none_is_refused_before_anything() -> None:
    with pytest.raises(
        ValueError, match=r"Trainer\.fit: on_interrupt is 'raise' or 'return', found 'stop'"
    ):
        trainer().fit(DATA, epochs=2, on_interrupt="stop")  # type: ignore[arg-type]


# Callbacks


def test_gradients_of_a_step_are_those_of_bptt() -> None:
    seen: list[Any] = []
    run = trainer(lambda event: seen.append((event.kind, event.grads)))
    batch = DATA.batch(0, 0)
    expected = rb.bptt(run.model, batch.x, batch.target, MSE).grads
    run.fit(DATA, steps=5)
    assert [(kind, grads is not None) for kind, grads in seen] == [("step", True)] * 5 + [
        ("epoch", False)
    ]
    first = seen[0][1]
    assert first.keys() == expected.keys()
    assert all(np.array_equal(first[name], expected[name]) for name in expected)
    with pytest.raises(ValueError, match="read-only"):
        first["0.weight"][...] = 0


def test_gradients_are_shown_as_they_were_used() -> None:
    """SGD: what the parameters moved by is the rate times the gradient, clipped."""
    grads: list[dict[str, Any]] = []
    run = trainer(lambda event: grads.append(event.grads or {}), clip_norm=0.01)
    before = {name: p.copy() for name, p in run.model.params.items()}
    run.fit(DATA, steps=1)
    for name, p in run.model.params.items():
        np.testing.assert_allclose(
            p, before[name] - np.float32(0.1) * grads[0][name], rtol=1e-6, atol=1e-7
        )
    assert sum((g.astype(float) ** 2).sum() for g in grads[0].values()) == pytest.approx(
        1e-4, rel=1e-5
    )


class Given:
    batches_per_epoch = 1

    def __init__(self, batch: Batch) -> None:
        self.given = batch

    def batch(self, epoch: int, index: int) -> Batch:
        return self.given


@pytest.mark.parametrize(
    ("scale", "mask"), [(np.nan, None), (1, np.zeros((4, 2)))], ids=["skipped", "without weight"]
)
def test_a_batch_that_trains_nothing_has_no_gradients(scale: float, mask: Any) -> None:
    x = np.ones((4, 2, 2), np.float32)
    seen: list[Any] = []
    run = trainer(at(1, lambda event: seen.append(event.grads)), on_nonfinite="skip")
    run.fit(Given(Batch(x, x[..., :1] * np.float32(scale), mask, True)), steps=1)
    assert seen == [None]


@pytest.mark.parametrize("kind", ["step", "validation", "epoch"])
def test_a_callback_stops_the_run_when_its_files_are_written(kind: str, tmp_path: Path) -> None:
    seen: list[str] = []
    stop = at(5, lambda event: event.stop("good enough"), kind)
    run = trainer(stop, lambda event: seen.append(event.kind), folder=tmp_path, validation=DATA)
    history = run.fit(DATA, epochs=9)
    assert (history.reason, history.steps, history.signal) == ("good enough", 5, None)
    assert len(lines(tmp_path)) == 5
    assert lines(tmp_path)[-1]["validation"] == history.validation_losses[0]
    assert seen == ["step"] * 5 + ["validation", "epoch"], "the others are called all the same"
    assert rb.storage.load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == 5
    assert run.fit(DATA, epochs=1).reason == "finished"


def test_the_best_parameters_are_in_a_model_that_a_callback_stopped() -> None:
    run = trainer(at(10, lambda event: event.stop(), "epoch"), validation=DATA, patience=9)
    history = run.fit(DATA, epochs=9)
    assert history.reason == "stopped by a callback"
    assert all(np.array_equal(p, run.at.best_weights[name]) for name, p in run.model.params.items())


def test_stopping_what_has_ended_is_refused() -> None:
    events: list[Event] = []
    trainer(events.append).fit(DATA, steps=1)
    with pytest.raises(RuntimeError, match="nothing is training"):
        events[0].stop()


@pytest.mark.parametrize("reason", ["", None, 3])
def test_a_reason_that_is_no_text(reason: Any) -> None:
    with pytest.raises(TypeError, match=r"Event\.stop: reason must be some text"):
        trainer(at(1, lambda event: event.stop(reason))).fit(DATA, steps=2)


# Errors


def bad_loss(y: Any, target: Any) -> Any:
    raise OSError("away")


class Away(Given):
    def batch(self, epoch: int, index: int) -> Batch:
        raise OSError("away")


BROKEN: dict[str, Callable[[rb.Trainer], object]] = {
    "the data": lambda run: run.fit(Away(DATA.batch(0, 0)), steps=9),
    "the loss": lambda run: (setattr(run, "loss", bad_loss), run.fit(DATA, steps=9)),
    "a callback": lambda run: (setattr(run, "callbacks", [fail]), run.fit(DATA, steps=9)),
    "validation": lambda run: (
        setattr(run, "validation", Away(DATA.batch(0, 0))),
        run.fit(DATA, steps=9),
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_an_error_carries_the_history(case: str) -> None:
    run = trainer()
    before = run.fit(DATA, epochs=1).losses
    with pytest.raises((OSError, ValueError)) as caught:
        BROKEN[case](run)
    history: rb.History = vars(caught.value)["history"]
    assert history.losses[:5] == before
    assert history.reason == "error"
    assert any(
        note.startswith("its .history is the History of the run: ")
        for note in caught.value.__notes__
    )
    assert pickle.loads(pickle.dumps(caught.value)).history == history


def test_the_second_ctrl_c_carries_the_history_too() -> None:
    run = trainer(
        at(3, lambda event: (sent("SIGTERM")(event), sent("SIGINT")(event))), validation=DATA
    )
    with pytest.raises(KeyboardInterrupt) as caught:
        run.fit(DATA, epochs=2)
    assert vars(caught.value)["history"].steps == 3


def test_an_error_of_a_run_within_a_run_has_the_history_of_the_outer_one() -> None:
    inner = trainer(fail)
    with pytest.raises(OSError, match="away") as caught:
        trainer(at(4, lambda event: inner.fit(DATA, steps=1))).fit(DATA, steps=9)
    assert vars(caught.value)["history"].steps == 4

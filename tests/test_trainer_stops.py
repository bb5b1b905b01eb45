"""What ends a run early: Ctrl-C, limits, errors of callbacks."""

from __future__ import annotations

import signal
import threading

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.storage import load_tensors
from rnnbp.train import Batch, Trainer
from tests.trainer_runs import (
    STEPS,
    VALIDATION,
    Scripted,
    linear,
    on,
    pulls,
    scripted_validation,
    slope,
    whole,
)
from tests.training import lines, outcome, sequence_run, text_run


@pytest.fixture
def handler():
    """A handler of SIGINT that must be there again."""

    def mine(number, frame):
        raise AssertionError("the handler of the caller was called")

    before = signal.signal(signal.SIGINT, mine)
    yield mine
    after = signal.signal(signal.SIGINT, before)
    assert after is mine


def interrupt_at(step, times=1):
    """A callback that presses Ctrl-C after a step."""
    return on("step", lambda _: [signal.raise_signal(signal.SIGINT) for _ in range(times)], [step])


class Interrupting:
    """A source that presses Ctrl-C, once, in the middle of the step of batch 1 of epoch 1."""

    def __init__(self, source):
        self.source, self.asked = source, False
        self.batches_per_epoch, self.fingerprint = source.batches_per_epoch, source.fingerprint

    def batch(self, epoch, index):
        if (epoch, index) == (1, 1) and not self.asked:
            self.asked = True
            signal.raise_signal(signal.SIGINT)
        return self.source.batch(epoch, index)


def test_ctrl_c_finishes_the_step_and_the_run_goes_on(tmp_path, handler):
    trainer, data = text_run(folder=tmp_path, callbacks=[interrupt_at(5)], on_interrupt="return")
    history = trainer.fit(data, steps=STEPS)
    assert (history.reason, history.steps) == ("interrupted", 5)
    assert load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == 5
    trainer, data = text_run(folder=tmp_path)
    assert trainer.resume().fit(data, steps=STEPS).reason == "finished"
    assert outcome(tmp_path) == {part: whole("text")[part] for part in outcome(tmp_path)}


def test_ctrl_c_in_the_middle_of_a_step_and_fit_again(handler):
    trainer, data = sequence_run()
    source = Interrupting(data)
    assert trainer.fit(source, steps=STEPS, on_interrupt="return").reason == "interrupted"
    assert trainer.at.step == 5, "epochs have 3 batches; the step with (1, 1) was finished"
    assert trainer.fit(source, until_steps=STEPS).losses == whole("sequences")["losses"]


def test_the_second_ctrl_c_raises_at_once(tmp_path, handler):
    trainer, data = text_run(folder=tmp_path, callbacks=[interrupt_at(5, times=2)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(data, steps=STEPS)
    trainer, data = text_run(folder=tmp_path)
    trainer.resume().fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole("text")[part] for part in outcome(tmp_path)}


def test_ctrl_c_restores_the_best_where_fit_returns(monkeypatch):
    scripted_validation(monkeypatch, [1.0, 2.0, 3.0, 4.0])
    model = linear()
    options = {"validation": VALIDATION, "patience": 9, "callbacks": [interrupt_at(3)]}
    trainer = Trainer(model, rb.optim.SGD(model, learning_rate=1.0), slope, **options)
    assert trainer.fit(pulls(1.0), epochs=5, on_interrupt="return").reason == "interrupted"
    assert model.params["0.weight"].item() == -1.0


def test_no_handler_outside_the_main_thread(handler):
    trainer, data = text_run(callbacks=[lambda event: seen.append(signal.getsignal(signal.SIGINT))])
    seen, found = [], []
    thread = threading.Thread(target=lambda: found.append(trainer.fit(data, steps=2).reason))
    thread.start()
    thread.join()
    assert found == ["finished"]
    assert set(seen) == {handler}


def test_an_ignored_ctrl_c_stays_ignored():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        trainer, data = text_run(callbacks=[interrupt_at(2)])
        assert trainer.fit(data, steps=4).reason == "finished"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_the_handler_returns_after_an_error(handler):
    trainer, _ = text_run()
    with pytest.raises(IndexError):
        trainer.fit(Scripted(Batch(np.full((2, 1), 9), np.zeros((2, 1), int), None, True)), steps=2)


def test_time(tmp_path):
    trainer, data = text_run(folder=tmp_path, patience=None)
    history = trainer.fit(data, max_seconds=0.5)
    assert history.reason == "time"
    assert history.seconds >= 0.5
    assert (
        load_tensors(tmp_path / "snapshot.safetensors")[1]["snapshot"]["step"] == history.steps > 0
    )
    assert text_run()[0].fit(data, steps=2, max_seconds=1e3).reason == "finished"


def test_the_first_limit_counts():
    for limits, steps in (
        ({"epochs": 2, "steps": 3}, 3),
        ({"epochs": 1, "steps": 30}, 4),
        ({"epochs": 2}, 8),
    ):
        trainer, data = text_run()
        assert trainer.fit(data, **limits).steps == steps


def test_callbacks_are_called_after_each_step_validation_and_epoch(tmp_path):
    seen = []

    def note(event):
        on_disk = len(lines(tmp_path))
        seen.append((event.kind, event.metrics["step"], event.trainer.at.step == on_disk))

    trainer, data = text_run(folder=tmp_path, callbacks=[note], validate_every=3)
    trainer.fit(data, steps=4)
    assert seen == [
        (k, s, True)
        for k, s in [
            ("step", 1),
            ("step", 2),
            ("step", 3),
            ("validation", 3),
            ("step", 4),
            ("epoch", 4),
        ]
    ]


@pytest.mark.parametrize("kind", ["step", "validation", "epoch"])
def test_what_a_callback_raises_comes_through_after_a_snapshot(tmp_path, kind):
    def fail(event):
        raise RuntimeError("mine")

    callbacks = [on(kind, fail, range(3, STEPS + 1))]
    trainer, data = text_run(folder=tmp_path, callbacks=callbacks, snapshot_every=100)
    with pytest.raises(RuntimeError, match="mine"):
        trainer.fit(data, steps=STEPS)
    trainer, data = text_run(folder=tmp_path)
    assert trainer.resume().at.step == {"step": 3, "validation": 4, "epoch": 4}[kind]
    trainer.fit(data, steps=STEPS)
    assert outcome(tmp_path) == {part: whole("text")[part] for part in outcome(tmp_path)}

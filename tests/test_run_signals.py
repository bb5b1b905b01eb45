"""Signals that end a run or a command, and snapshots by time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

import rnnbp as rb
from rnnbp.cli.signals import Stopped, raising
from tests.training import outcome, text_run

ENDING = ["SIGINT", "SIGTERM", "SIGHUP"]
STATUS = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129}
ROOT = Path(__file__).parent.parent


def sender(step, *names):
    """A callback that sends signals to its own process after a step."""

    def callback(event):
        if event.kind == "step" and event.metrics["step"] == step:
            for name in names:
                signal.raise_signal(getattr(signal, name))

    return callback


@pytest.fixture(autouse=True)
def defaults():
    """The handlers that a program in the foreground begins with, which must be there again."""
    wanted = {
        signal.SIGINT: signal.default_int_handler,
        signal.SIGTERM: signal.SIG_DFL,
        signal.SIGHUP: signal.SIG_DFL,
    }
    before = {number: signal.signal(number, handler) for number, handler in wanted.items()}
    yield
    found = {number: signal.signal(number, handler) for number, handler in before.items()}
    assert found == wanted


# Signals


@pytest.mark.parametrize("name", ENDING)
def test_a_signal_finishes_the_step_and_the_run_goes_on(tmp_path, name):
    whole, data = text_run(folder=tmp_path / "whole")
    whole.fit(data, steps=7)
    trainer, data = text_run(
        folder=tmp_path / "run", callbacks=[sender(3, name)], on_interrupt="return"
    )
    history = trainer.fit(data, steps=7)
    assert (history.reason, history.steps, history.signal) == (
        "interrupted",
        3,
        getattr(signal, name),
    )
    trainer, data = text_run(folder=tmp_path / "run")
    assert trainer.resume().fit(data, steps=7).signal is None
    assert outcome(tmp_path / "run") == outcome(tmp_path / "whole")


@pytest.mark.parametrize(
    "names", [("SIGTERM", "SIGTERM", "SIGHUP"), ("SIGINT", "SIGTERM"), ("SIGHUP", "SIGTERM")]
)
def test_what_a_scheduler_repeats_does_not_cut_the_step_short(names):
    trainer, data = text_run(callbacks=[sender(2, *names)], on_interrupt="return")
    assert trainer.fit(data, steps=5).steps == 2


@pytest.mark.parametrize("first", ENDING)
def test_ctrl_c_after_a_signal_stops_at_once(first):
    trainer, data = text_run(callbacks=[sender(2, first, "SIGINT")])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(data, steps=5)


@pytest.mark.parametrize("name", ENDING)
def test_an_ignored_signal_stays_ignored(name):
    number = getattr(signal, name)
    before = signal.signal(number, signal.SIG_IGN)
    try:
        trainer, data = text_run(callbacks=[sender(2, name)])
        assert trainer.fit(data, steps=4).reason == "finished"
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


def test_signals_of_another_thread_are_left_alone():
    found = []
    trainer, data = text_run(
        callbacks=[lambda event: found.append(signal.getsignal(signal.SIGTERM))]
    )
    thread = threading.Thread(target=trainer.fit, args=(data,), kwargs={"steps": 2})
    thread.start()
    thread.join()
    assert set(found) == {signal.SIG_DFL}


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_command_is_stopped_outside_of_training_as_well(name):
    with pytest.raises(Stopped) as caught, raising():
        signal.raise_signal(getattr(signal, name))
    assert caught.value.number == getattr(signal, name)


def start(folder, *args, code="from rnnbp_command import main; sys.exit(main())"):
    """The command as it is installed, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", f"import sys; {code}", *map(str, args)]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


TINY = ["--units", 12, "--embedding", 5, "--batch", 4, "--horizon", 10]


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGHUP", marks=pytest.mark.long)])
def test_the_command_saves_all_and_says_how_to_go_on(tmp_path, name):
    (tmp_path / "words.txt").write_text("ab cd efg hij klm\n" * 80)
    process = start(
        tmp_path, "train", "--text", "words.txt", *TINY, "--epochs", 10**6, "--out", "r"
    )
    metrics = tmp_path / "r" / "metrics.jsonl"
    while not (metrics.exists() and metrics.stat().st_size) and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=100)
    assert process.returncode == STATUS[name]
    done = len(metrics.read_text().splitlines())
    assert said.startswith(f"rnnbp: stopped after step {done:,} of ")
    assert said.endswith("; all is saved, continue with: rnnbp train --resume r\n")
    assert (
        rb.storage.load_tensors(tmp_path / "r" / "snapshot.safetensors")[1]["snapshot"]["step"]
        == done
    )
    assert not list((tmp_path / "r").glob(".*"))


@pytest.mark.parametrize("name", ENDING)
def test_a_signal_while_the_library_is_imported_leaves_no_traceback(tmp_path, name):
    """Numpy's import is made to last until the signal has come."""
    code = (
        "import time, types; slow = types.ModuleType('slow'); slow.find_spec = lambda name, *_: "
        "(name == 'numpy' and (print('importing', file=sys.stderr, flush=True), time.sleep(100)), "
        "None)[1]; sys.meta_path.insert(0, slow); from rnnbp_command import main; sys.exit(main())"
    )
    process = start(tmp_path, "--version", code=code)
    assert process.stderr.readline() == "importing\n"
    process.send_signal(getattr(signal, name))
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (STATUS[name], "rnnbp: stopped\n")


def test_snapshots_by_time(tmp_path, monkeypatch):
    """The clock goes on by a minute at each step; a snapshot is 2.5 minutes old after three."""
    now, seen = [0.0], []
    monkeypatch.setattr("rnnbp.train.folder.time.monotonic", lambda: now[0])

    def note(event):
        seen.append(event.trainer.folder.saved)
        now[0] += 60

    trainer, data = text_run(
        folder=tmp_path, snapshot_every=100, snapshot_minutes=2.5, validation=None, **PLAIN
    )
    trainer.callbacks = (lambda event: note(event) if event.kind == "step" else None,)
    trainer.fit(data, steps=8)
    assert seen == [0, 0, 0, 3, 3, 3, 6, 6]


PLAIN = {"validate_every": None, "patience": None, "learning_rate": None}


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), "5", True])
def test_snapshot_minutes_that_are_none(minutes):
    with pytest.raises((ValueError, TypeError), match="Trainer: snapshot_minutes must "):
        text_run(snapshot_minutes=minutes)

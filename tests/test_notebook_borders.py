"""In a notebook: bars in the output of a cell, one line each, without widgets."""

from __future__ import annotations

import io
import multiprocessing
import os
import sys
import time
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rnnbp as rb
from rnnbp.support import late_bars
from rnnbp.support.late_bars import LateBar, wanted
from rnnbp.support.notebook import in_notebook

X, Y = np.ones((40, 2, 3), np.float32), np.zeros((40, 2, 4), np.float32)
LOSS = rb.losses.MeanSquaredError()


class Outputs:
    """The outputs of a cell, in order: each a list of the texts that it has shown."""

    def __init__(self) -> None:
        self.texts: list[list[str]] = []

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> Output:
        assert raw
        assert display_id
        self.texts.append([data["text/plain"]])
        return Output(self.texts[-1])


class Output:
    """What IPython calls a DisplayHandle."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def update(self, data: dict[str, str], *, raw: bool) -> None:
        assert raw
        # Empty plain text would be shown as a line, empty HTML takes no room.
        assert data.get("text/html") == (None if data["text/plain"] else "")
        self.texts.append(data["text/plain"])


def ipython(monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]) -> Outputs:
    """IPython as a process has it, with a shell of that configuration."""
    found, shell = Outputs(), types.SimpleNamespace(config=config)
    module, display = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    vars(module).update(get_ipython=lambda: shell)
    vars(display).update(display=found.display)
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return found


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> Outputs:
    return ipython(monkeypatch, {"IPKernelApp": {}})


def test_fit_shows_one_bar_of_all_steps(cell: Outputs, capfd: pytest.CaptureFixture[str]) -> None:
    data = rb.Sequences(X.swapaxes(0, 1), Y.swapaxes(0, 1), batch_size=1)
    rb.fit(rb.LSTM(3, 4), data, LOSS, epochs=3)
    (texts,) = cell.texts
    assert "6/6" in texts[-1]
    assert "loss=" in texts[-1]
    assert capfd.readouterr() == ("", "")


def test_fit_can_be_silent(cell: Outputs) -> None:
    rb.fit(
        rb.LSTM(3, 4),
        rb.Sequences(X.copy(), Y.copy(), batch_size=20),
        LOSS,
        epochs=1,
        progress=False,
    )
    assert cell.texts == []


@pytest.mark.quick
def test_bptt_shows_the_bar_that_is_asked_for(cell: Outputs) -> None:
    rb.bptt(rb.LSTM(3, 4), X, Y, LOSS, chunk=10, checkpoint="sqrt", progress=True)
    (texts,) = cell.texts
    assert texts[-1].startswith("bptt: 100%")
    assert "100/100 " in texts[-1]  # 40 steps forward, 20 run again, 40 backward
    assert "peak " in texts[-1]


def test_a_long_bptt_shows_a_bar_by_itself_and_removes_it(
    cell: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(y: np.ndarray, target: np.ndarray) -> tuple[float, np.ndarray]:
        time.sleep(0.05)
        return 0.0, y

    monkeypatch.setattr(late_bars, "LATE", 0.11)
    rb.bptt(rb.LSTM(3, 4), X, Y, slow, chunk=8)
    (texts,) = cell.texts
    assert "/80.0 " in texts[0]
    assert texts[-1] == ""


DATA = rb.Sequences(X.copy(), Y.copy(), batch_size=15)
EVALUATING: dict[str, tuple[Callable[[], Any], str]] = {
    "predict, array": (lambda: rb.predict(rb.LSTM(3, 4), X, progress=True), "predict: 100%"),
    "predict, last": (lambda: rb.predict(rb.LSTM(3, 4), X, last=True, progress=True), "40.0/40.0 "),
    "predict, source": (lambda: rb.predict(rb.LSTM(3, 4), DATA, progress=True), "3/3 "),
    "evaluate, array": (
        lambda: rb.evaluate(rb.LSTM(3, 4), X, Y, LOSS, progress=True),
        "40.0/40.0 ",
    ),
    "evaluate, source": (
        lambda: rb.evaluate(rb.LSTM(3, 4), DATA, LOSS, progress=True),
        "evaluate: 100%",
    ),
}


@pytest.mark.parametrize("name", EVALUATING)
def test_predict_and_evaluate_show_the_bar_that_is_asked_for(cell: Outputs, name: str) -> None:
    call, text = EVALUATING[name]
    call()
    (texts,) = cell.texts
    assert text in texts[-1]


def test_predict_and_evaluate_show_none_when_they_are_short(cell: Outputs) -> None:
    rb.predict(rb.LSTM(3, 4), DATA)
    rb.evaluate(rb.LSTM(3, 4), X, Y, LOSS)
    assert cell.texts == []


def test_validation_within_fit_shows_no_bar_of_its_own(
    cell: Outputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(late_bars, "LATE", 0)
    rb.fit(rb.LSTM(3, 4), DATA, LOSS, steps=2, validation=DATA, validate_every=1)
    assert len(cell.texts) == 1


@pytest.mark.parametrize("progress", [None, False])
def test_a_short_bptt_shows_none(cell: Outputs, progress: bool | None) -> None:
    rb.bptt(rb.LSTM(3, 4), X[:2], Y[:2], LOSS, progress=progress)
    assert cell.texts == []


def test_sweep_shows_a_bar(cell: Outputs) -> None:
    how: Any = {"shares": (100,), "schedules": ("sqrt",), "repeats": 1, "chunk": 10}
    rb.compare.sweep(rb.LSTM(3, 4), X, Y, LOSS, progress=None, **how)
    (texts,) = cell.texts
    assert "4/4" in texts[-1]  # all and sqrt, each once to warm up


def test_a_bar_that_an_error_ends_shows_where_it_was(cell: Outputs) -> None:
    def stop(event: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        rb.fit(
            rb.LSTM(3, 4),
            rb.Sequences(X.copy(), Y.copy(), batch_size=20),
            LOSS,
            epochs=2,
            callbacks=[stop],
        )
    assert len(cell.texts) == 1
    assert "0/4" in cell.texts[0][-1]


@pytest.mark.parametrize("config", [{}, {"TerminalIPythonApp": {}}])
def test_ipython_on_a_terminal_is_no_notebook(
    monkeypatch: pytest.MonkeyPatch, config: dict[str, Any]
) -> None:
    ipython(monkeypatch, config)
    assert not in_notebook()


def test_a_script_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()


def test_processes_of_a_notebook_are_none(cell: Outputs, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_notebook()
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", lambda: 1)
        assert not in_notebook()
    monkeypatch.setattr(multiprocessing, "parent_process", object)
    assert not in_notebook()


class NoFile:
    """What some programs put in place of stderr."""


@pytest.mark.parametrize("stderr", [None, NoFile(), io.StringIO()])
def test_a_stderr_that_is_no_terminal_gets_no_bar(
    monkeypatch: pytest.MonkeyPatch, stderr: Any
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr)
    assert not wanted(None)


def test_a_closed_stderr_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    assert rb.bptt(rb.LSTM(3, 4), X, Y, LOSS).loss >= 0


def test_a_late_bar_counts_what_was_done_before_it_appeared(cell: Outputs) -> None:
    with LateBar(100, after=1e9) as late:
        late.update(40)
        assert late.bar is None
        late.due, late.began = 0, late.began - 60
        late.update(20, "so far")
        assert cell.texts[0][0].startswith(" 60%")
        assert "60/100 [01:00<00:40" in cell.texts[0][0]  # a minute for these, so 40 s for the rest
    assert cell.texts[0][-1] == ""
